"""Muon: momentum whose direction is orthogonalised (Jordan et al. 2024).

For a 2-D weight the update is the nearest orthogonal matrix to the momentum, so every
direction of the matrix learns at one speed. It needs markedly fewer tokens than AdamW,
which is what a two-core machine has least of. Embeddings and norms stay with AdamW.
"""
import torch

# The quintic a·x + b·x³ + c·x⁵ of each step (Polar Express, Amsel et al. 2025).
STEPS = ((8.2872, -23.5959, 17.3004), (4.1071, -2.9478, 0.5448),
         (3.9487, -2.9089, 0.5518), (3.3184, -2.4885, 0.5100))


def orthogonalise(matrices: torch.Tensor) -> torch.Tensor:
    """(count, rows, columns), rows ≤ columns → the same with singular values near 1."""
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-7)
    for a, b, c in STEPS:
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x


class Muon(torch.optim.Optimizer):
    def __init__(self, weights, lr: float, momentum: float = 0.95, weight_decay: float = 0.05):
        super().__init__(list(weights), dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, workers):
        """`workers` is a thread pool; each shape's matrices are dealt out to it."""
        for group in self.param_groups:
            by_shape: dict[tuple, list] = {}
            for weight in group["params"]:
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(momentum, group["momentum"])  # Nesterov
                by_shape.setdefault(weight.shape, []).append((weight, ahead))
            for (rows, columns), pairs in by_shape.items():
                stack = torch.stack([ahead for _, ahead in pairs])
                tall = rows > columns
                parts = (stack.mT if tall else stack).chunk(2)
                stack = torch.cat(list(workers.map(orthogonalise, parts)))
                stack = stack.mT if tall else stack
                rate = group["lr"] * max(1.0, rows / columns) ** 0.5
                for (weight, _), update in zip(pairs, stack):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)
