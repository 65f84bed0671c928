"""Makes neuromodulator.safetensors: a small neuromodulator, logged tokens, and what PyTorch makes
of them.

    python make_neuromodulator.py

Made with torch 2.13.0, safetensors 0.8.0, numpy 2.4.6 on CPU in float64, from the equations. Beside
the network (`gate.*`, `readout.*`, F32) the file holds, with n = 8 tokens, F = 7 statistics, K = 3
sites and up to C = 6 slots a token:
  kinds [n] I32, counts [n] I32 (slots of each token), statistics [n, F],
  log_probabilities [n, C], terms [n, K, C] (numbers that half precision holds exactly)
  gains [n, K], readout [n, C], losses [n] in nats, loss [1] (weighted mean)
  gradient.* of the loss with respect to each trained tensor
  after.*: each trained tensor after 24 steps of AdamW (decay 0.1, so that it shows) on the whole
           batch under OneCycleLR
  rates [24], momenta [24]: that schedule
Slots past a token's count have log p0 = -1e4 and terms of 0.

Tolerances of the tests: float32 sums of a few dozen numbers of size 1 differ from float64 by about
1e-6; the tests allow 1e-5 for values and gradients. Adam divides by the gradients' own size, so that
24 steps keep about 1e-5; the test allows 1e-4, where one step moves a parameter by up to 3e-3.
"""

import pathlib

import torch
from safetensors.torch import save_file

F, K, H, R, C, N = 7, 3, 5, 4, 6, 8
FOREIGN, STEPS = 0.7, 24
torch.manual_seed(5)
torch.set_default_dtype(torch.float64)


def stored(x):
    """As the file keeps it: rounded to float32."""
    return x.float().double()


mean, inverse = stored(torch.randn(F)), stored(torch.rand(F) + 0.5)
net = {
    "gate.hidden.weight": torch.randn(H, F) * 0.5,
    "gate.hidden.bias": torch.randn(H) * 0.3,
    "gate.gain.weight": torch.randn(K, H) * 1.5,  # some gains reach the cap
    "gate.gain.bias": torch.full((K,), 0.54),
    "readout.weight": torch.randn(R, K + 1) * 0.6,
    "readout.bias": torch.randn(R) * 0.3,
    "readout.context": torch.randn(R, H) * 0.4,
    "readout.output": torch.randn(R),
}
net = {name: stored(value).requires_grad_() for name, value in net.items()}

kinds = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3])
counts = torch.tensor([6, 5, 2, 6, 3, 6, 4, 6])
statistics = stored(torch.randn(N, F) * 2)  # some are clipped
log_p = torch.full((N, C), -1e4)
terms = torch.zeros(N, K, C)
for i, count in enumerate(counts.tolist()):
    log_p[i, :count] = torch.log_softmax(torch.randn(count) * 4, 0)  # some are under -12
    terms[i, :, :count] = torch.randn(K, count).half().double()
log_p = stored(log_p)
kind_weight = [1.0, 1.0, 0.5, FOREIGN]
weights = torch.tensor([kind_weight[k] / (kinds == k).sum() * N / 3 for k in kinds.tolist()])


def forward():
    x = ((statistics - mean) * inverse).clamp(-4, 4)
    h = torch.tanh(x @ net["gate.hidden.weight"].T + net["gate.hidden.bias"])
    drive = h @ net["gate.gain.weight"].T + net["gate.gain.bias"]
    g = torch.nn.functional.softplus(drive).clamp(max=3)
    gated = g[:, :, None] * terms
    a = net["readout.weight"]
    common = (
        (log_p.clamp(min=-12) / 4)[:, :, None] * a[:, K]
        + (h @ net["readout.context"].T + net["readout.bias"])[:, None]
    )
    unit = torch.tanh(common + gated.transpose(1, 2) @ a[:, :K].T) - torch.tanh(common)
    q = unit @ net["readout.output"]
    used = q.clone()
    used[:, 1] = 0
    z = log_p + gated.sum(1) + used
    return g, q, torch.logsumexp(z, 1) - z[:, 0]


g, q, losses = forward()
assert ((g == 3).any() and (g < 3).any()) and (log_p[:, 1:] < -12).any()
loss = (weights * losses).mean()
loss.backward()
out = {
    "gate.mean": mean, "gate.inverse_deviation": inverse, **net,
    "statistics": statistics, "log_probabilities": log_p, "terms": terms,
    "gains": g, "readout": q, "losses": losses, "loss": loss[None],
    **{"gradient." + name: value.grad for name, value in net.items()},
}
out = {name: value.detach().float().clone() for name, value in out.items()}
out["kinds"], out["counts"] = kinds.int(), counts.int()

optimizer = torch.optim.AdamW(net.values(), lr=3e-3, weight_decay=0.1)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=STEPS, pct_start=0.1)
rates, momenta = [], []
for _ in range(STEPS):
    group = optimizer.param_groups[0]
    rates.append(group["lr"])
    momenta.append(group["betas"][0])
    optimizer.zero_grad()
    (weights * forward()[2]).mean().backward()
    optimizer.step()
    if len(rates) < STEPS:
        schedule.step()
for name, value in net.items():
    out["after." + name] = value.detach().float().clone()
out["rates"], out["momenta"] = torch.tensor(rates).float(), torch.tensor(momenta).float()

save_file(out, pathlib.Path(__file__).with_name("neuromodulator.safetensors"))
