"""What a researcher would try instead of Hebb: ways to adapt the core to a user while reading.

Every method is an object made fresh for one user. `stream(texts)` predicts and learns in
order; `nats(ids, window)` measures and learns nothing. Texts are lists of token ids that begin
with the start token; each is a context of its own. All figures are nats.

- Dynamic evaluation (Krause et al. 2018): a segment is predicted, then its loss takes one
  gradient step. Plain SGD, SGD with their RMS normalisation and decay, or Adam; on all weights,
  on the unembedding, on the last block, or on low-rank adapters (Hu et al. 2022).
- Neural cache (Grave et al. 2016): a mixture with the tokens that followed similar states.
- Unigram cache (Kuhn and De Mori 1990): a mixture with the counts of the user's tokens.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

from model import Llama, rotate

START = 0  # <|endoftext|>, the token before every text


class Reader(Llama):
    """The core, able to go on from the keys and values of what it has read."""

    def __init__(self, shape):
        super().__init__(shape)
        self.unembedding = None  # a matrix of its own where it learns apart from the embedding

    def read(self, tokens, past=None):
        """Logits (n, vocabulary) of `tokens` (n,), and each layer's keys and values so far.

        The keys and values come without a gradient: a step reaches back to its segment's start.
        """
        hidden, present = self.hidden(tokens, past)
        weight = self.model.embed_tokens.weight if self.unembedding is None else self.unembedding
        return F.linear(hidden, weight), present

    def hidden(self, tokens, past=None):
        """As `read`, with the final normed hidden states (n, hidden) in place of the logits."""
        shape, count = self.shape, len(tokens)
        before = past[0][0].shape[1] if past else 0
        groups = shape.num_attention_heads // shape.num_key_value_heads
        cosine, sine = (t[before:before + count] for t in (self.cosine, self.sine))
        mask = torch.ones(count, before + count, dtype=torch.bool).tril(before)
        x, present = self.model.embed_tokens(tokens), []
        for index, layer in enumerate(self.model.layers):
            attention, y = layer.self_attn, layer.input_layernorm(x)
            q, k, v = (p(y).view(count, -1, shape.head_dim).transpose(0, 1) for p in
                       (attention.q_proj, attention.k_proj, attention.v_proj))
            q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
            if past:
                k, v = torch.cat((past[index][0], k), 1), torch.cat((past[index][1], v), 1)
            present.append((k.detach(), v.detach()))
            k, v = k.repeat_interleave(groups, 0), v.repeat_interleave(groups, 0)
            y = F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask)[0]
            x = x + attention.o_proj(y.transpose(0, 1).reshape(count, -1))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return self.model.norm(x), present


def reader(core: Llama) -> Reader:
    model = Reader(core.shape)
    model.load_state_dict(core.state_dict())
    return model.requires_grad_(False)


@torch.no_grad()
def window_by_window(ids: list[int], window: int):
    """Windows that overlap by half, as (tokens, targets, how many at the end are new)."""
    done = 0
    while done < len(ids) - 1:
        start = 0 if done == 0 else done - window // 2
        stop = min(start + window, len(ids) - 1)
        yield torch.tensor(ids[start:stop]), torch.tensor(ids[start + 1:stop + 1]), stop - done
        done = stop


class Frozen:
    """The core alone."""

    def __init__(self, core: Llama, options: dict):
        self.model = reader(core)

    @torch.no_grad()
    def nats(self, ids: list[int], window: int) -> float:
        total = 0.0
        for tokens, targets, new in window_by_window(ids, window):
            losses = F.cross_entropy(self.model.read(tokens)[0], targets, reduction="none")
            total += losses[-new:].double().sum().item()
        return total

    def stream(self, texts: list[list[int]]) -> float:
        return sum(self.nats(ids, self.model.shape.max_position_embeddings) for ids in texts)


class LowRank(nn.Module):
    """A frozen projection plus a learned one of rank r: Wx + (α/r)·B(Ax), B zero at first."""

    def __init__(self, base: nn.Linear, rank: int = 8, alpha: float = 16):
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.down = nn.Parameter(torch.empty(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x):
        return self.base(x) + self.scale * F.linear(F.linear(x, self.down), self.up)


class Dynamic(Frozen):
    """Dynamic evaluation. Options:

    rate: step size for the mean loss of a full segment; segment: its tokens; decay: how much of
    the way back to the core each step goes; clip: bound of the gradient's norm; recent: 1 when
    what stands before the segment is read again with the newest weights, 0 when its keys and
    values stay as they were computed.
    """

    part = "all"
    optimiser = "sgd"
    statistics = None  # root mean square of each weight's gradient, set before for `rms`

    def __init__(self, core: Llama, options: dict):
        super().__init__(core, options)
        torch.manual_seed(0)
        self.options = options
        self.weights = self.trainable()
        for weight in self.weights:
            weight.requires_grad_(True)
        self.start = [weight.detach().clone() for weight in self.weights]
        self.restart()

    def trainable(self) -> list[nn.Parameter]:
        model = self.model
        if self.part == "all":
            return list(model.parameters())
        if self.part == "unembedding":
            model.unembedding = nn.Parameter(model.model.embed_tokens.weight.detach().clone())
            return [model.unembedding]
        if self.part == "block":
            return [*model.model.layers[-1].parameters(), *model.model.norm.parameters()]
        adapters = []
        for layer in model.model.layers:
            for module in (layer.self_attn, layer.mlp):
                for name, child in list(module.named_children()):
                    adapter = LowRank(child)
                    setattr(module, name, adapter)
                    adapters += [adapter.down, adapter.up]
        return adapters

    def restart(self) -> None:
        """Begins a session: the weights stay, the optimiser's state does not."""
        if self.optimiser == "adam":
            self.adam = torch.optim.Adam(self.weights, lr=self.options["rate"])

    def stream(self, texts: list[list[int]]) -> float:
        total, size = 0.0, int(self.options["segment"])
        window = self.model.shape.max_position_embeddings
        for ids in texts:
            past, begin = None, 0
            for start in range(0, len(ids) - 1, size):
                stop = min(start + size, len(ids) - 1)
                is_full = stop - begin > window
                if is_full:
                    begin = start - window // 2
                if start and (is_full or self.options["recent"]):
                    with torch.no_grad():
                        past = self.model.hidden(torch.tensor(ids[begin:start]))[1]
                logits, past = self.model.read(torch.tensor(ids[start:stop]), past)
                loss = F.cross_entropy(
                    logits, torch.tensor(ids[start + 1:stop + 1]), reduction="sum")
                total += loss.item()
                self.learn(torch.autograd.grad(loss / size, self.weights))
        return total

    @torch.no_grad()
    def learn(self, gradients) -> None:
        rate, decay, clip = (self.options[k] for k in ("rate", "decay", "clip"))
        norm = torch.stack([g.norm() for g in gradients]).norm().item()
        shrink = min(1.0, clip / (norm + 1e-9))
        if self.optimiser == "adam":
            for weight, gradient in zip(self.weights, gradients):
                weight.grad = gradient * shrink
            self.adam.step()
        for index, (weight, gradient) in enumerate(zip(self.weights, gradients)):
            pull = decay
            if self.optimiser == "rms":
                rms, mean = self.statistics[index], self.mean_rms
                # Krause et al. 2018, equation 6: steps and pull follow how much a weight's
                # gradient usually moves; ε keeps rarely used weights (rare tokens) from leaping.
                gradient = gradient / (rms + self.options["epsilon"] * mean) * mean
                pull = (decay * rms / mean).clamp(max=1) if decay else 0
            if self.optimiser != "adam":
                weight -= rate * shrink * gradient
            if decay:
                weight += pull * (self.start[index] - weight)

    @property
    def mean_rms(self) -> float:
        total = sum(rms.double().sum().item() for rms in self.statistics)
        return total / sum(rms.numel() for rms in self.statistics)


class SGD(Dynamic):
    pass


class RMS(Dynamic):
    optimiser = "rms"
    _mean = None

    @property
    def mean_rms(self) -> float:
        if RMS._mean is None:
            RMS._mean = super().mean_rms
        return RMS._mean

    @classmethod
    def prepare(cls, core: Llama, texts: list[list[int]]) -> None:
        """√(mean of squared gradients) over `texts`, which no measured user wrote."""
        model = reader(core).requires_grad_(True)
        squares = [torch.zeros_like(weight) for weight in model.parameters()]
        for ids in texts:
            ids = torch.tensor(ids)
            loss = F.cross_entropy(model.read(ids[:-1])[0], ids[1:])
            for square, gradient in zip(squares, torch.autograd.grad(loss, model.parameters())):
                square += gradient ** 2
        cls.statistics = [(square / len(texts)).sqrt() for square in squares]
        cls._mean = None


class Adam(Dynamic):
    optimiser = "adam"


class Unembedding(Dynamic):
    part, optimiser = "unembedding", "adam"


class Block(Dynamic):
    part, optimiser = "block", "adam"


class LoRA(Dynamic):
    part, optimiser = "adapters", "adam"


class Cache(Frozen):
    """A mixture (1−λ)·p0 + λ·p_cache, where p_cache comes from what the user wrote so far."""

    def __init__(self, core: Llama, options: dict):
        super().__init__(core, options)
        self.options = options
        self.states = torch.empty(0, core.shape.hidden_size)
        self.tokens = torch.empty(0, dtype=torch.long)

    def restart(self) -> None:
        pass

    def cached(self, states, targets, count: int, growing: bool):
        """p_cache of each target, (n,): from the first `count` entries and, growing, from
        those of the targets before it as well."""
        raise NotImplementedError

    @torch.no_grad()
    def pass_over(self, ids: list[int], window: int, remember: bool) -> float:
        total = 0.0
        for tokens, targets, new in window_by_window(ids, window):
            states = self.model.hidden(tokens)[0][-new:]
            targets = targets[-new:]
            frozen = F.linear(states, self.model.model.embed_tokens.weight).softmax(-1)
            frozen = frozen.gather(1, targets[:, None])[:, 0].double()
            count = len(self.tokens)
            if remember:
                self.states = torch.cat((self.states, states))
                self.tokens = torch.cat((self.tokens, targets))
            share = self.options["share"]
            seen = count + torch.arange(new) * int(remember) > 0
            mixed = (1 - share) * frozen + share * self.cached(states, targets, count, remember)
            total -= torch.where(seen, mixed, frozen).log().sum().item()
        return total

    def nats(self, ids: list[int], window: int) -> float:
        return self.pass_over(ids, window, remember=False)

    def stream(self, texts: list[list[int]]) -> float:
        window = self.model.shape.max_position_embeddings
        return sum(self.pass_over(ids, window, remember=True) for ids in texts)


class NeuralCache(Cache):
    """p_cache(y) ∝ Σ_i exp(θ·h·h_i)·1[y_i = y]; θ is in units of 1/mean ‖h‖²."""

    scale = 1.0

    @classmethod
    def prepare(cls, core: Llama, texts: list[list[int]]) -> None:
        with torch.no_grad():
            states = torch.cat([reader(core).hidden(torch.tensor(ids))[0] for ids in texts[:8]])
        cls.scale = 1 / states.pow(2).sum(-1).mean().item()

    def cached(self, states, targets, count: int, growing: bool):
        weights = states @ self.states.T * (self.options["theta"] * self.scale)
        if growing:
            places = torch.arange(len(self.tokens))
            hidden = places >= count + torch.arange(len(states))[:, None]
            weights.masked_fill_(hidden, -torch.inf)
        hits = self.tokens == targets[:, None]
        peak = weights.amax(-1, keepdim=True).clamp(min=-1e30)
        weights = (weights - peak).exp_().double()
        return (weights * hits).sum(-1) / weights.sum(-1).clamp(min=1e-300)


class UnigramCache(Cache):
    """p_cache(y) = how often the user wrote y, of all tokens so far."""

    def cached(self, states, targets, count: int, growing: bool):
        hits = (self.tokens[:count] == targets[:, None]).sum(-1).double()
        total = torch.full((len(targets),), float(count), dtype=torch.double)
        if growing:
            same = (targets[:, None] == targets).tril(-1).sum(-1)
            hits, total = hits + same, total + torch.arange(len(targets))
        return hits / total.clamp(min=1)
