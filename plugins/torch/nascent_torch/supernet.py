"""The networks of a whole space of cells as one torch.nn.Module, whose weights
they share.

`Supernet(graph)` is made of what the open line calls "supernet"
(genome/network.Supernet in Go): a layer graph that has all operations where a
genome's cell has one, and mixtures of their answers. `use` computes one path
through it, `mix` all of them, weighted. A path computes what the network of its
own does with the same weights.
"""

from __future__ import annotations

from typing import Any, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from . import rng
from .network import Network, Norm

Path = Sequence[Sequence[int]]
"""Options at each choice: one in a cell of edges, none to two in a cell of pairs."""


class Mix(nn.Module):
    """The sum of those of its inputs that are there, weighted."""

    def __init__(self, shape: Sequence[int]):
        super().__init__()
        self.shape = list(shape)

    def forward(self, xs, weights, batch):
        """xs: by option, None where it is closed. weights: likewise, None for
        1. batch: any tensor of as many samples, for the case that all are
        closed."""
        total = None
        for x, weight in zip(xs, weights):
            if x is None:
                continue
            if weight is not None:
                x = x * weight
            total = x if total is None else total + x
        return batch.new_zeros(len(batch), *self.shape) if total is None else total


class BatchNorm(Norm):
    """Batch normalisation by the statistics of the batch always, so that no path
    is judged by the statistics of others."""

    def forward(self, x):
        if x.numel() == x.shape[1]:  # a single value per channel has no variance
            shape = [1, -1] + [1] * (x.dim() - 2)
            zero = x - x
            return zero if self.weight is None else zero * self.weight.view(shape) + self.bias.view(shape)
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.1, 1e-5)


class Supernet(Network):
    """The supernet of a space. Without affine, normalisations inside the
    operations have neither scale nor shift, as DARTS has it (Liu et al. 2018,
    appendix A.1): a scale would undo what the weights of a mixture say. It begins
    with all operations mixed evenly."""

    def __init__(self, graph: dict[str, Any], affine: bool = True):
        self.choices: list[dict] = graph["choices"]
        self._gates = [(g["mixture"], g["option"]) for g in graph["gates"]]
        self._choice = [m["choice"] for m in graph["mixes"]]  # of each mixture
        self._mixture = {m["node"]: m["choice"] for m in graph["mixes"]}  # the choice of a node
        nodes = []
        for node, (mixture, _) in zip(graph["network"]["nodes"], self._gates):
            if node["op"] == "norm" and mixture >= 0:
                node = {**node, "affine": affine}
            nodes.append(node)
        super().__init__(nodes)
        self._weights: list[list[torch.Tensor | None]] = []
        self._open: list[set[int]] = []
        self.mix(torch.full((len(self.choices), self.most), 1.0) / torch.tensor([[len(c["options"])] for c in self.choices]))

    @property
    def most(self) -> int:
        """The number of options of the choice that has most of them."""
        return max(len(c["options"]) for c in self.choices)

    def _layer(self, node, shape):
        if node["op"] == "mix":
            return Mix(node["shape"])
        if node["op"] == "norm":
            return BatchNorm(shape[0], node.get("affine", False), self.copies)
        return super()._layer(node, shape)

    def use(self, path: Path) -> None:
        """Computes the operations of one path alone."""
        self._open = [set(options) for options in path]
        self._weights = [[None if list(options).count(k) < 2 else torch.tensor(2.0) for k in range(self.most)] for options in path]

    def mix(self, weights: torch.Tensor, path: Path | None = None) -> None:
        """Computes all operations, or those of a path, with the weights
        [choices, most] of the options; gradients by them are left in it."""
        self._open = [set(range(len(c["options"]))) if path is None else set(path[i]) for i, c in enumerate(self.choices)]
        self._weights = [list(row.unbind()) for row in weights.unbind()]

    def is_open(self, node: int) -> bool:
        """Whether a node of the graph is computed."""
        mixture, option = self._gates[node]
        return mixture < 0 or option in self._open[self._choice[mixture]]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values: list = [None] * len(self.layers)
        values[0] = x
        for i, layer in enumerate(self.layers):
            if i == 0 or not self.live[i] or not self.is_open(i):
                continue
            inputs = [values[j] for j in self.inputs[i]]
            if i in self._mixture:
                choice = self._mixture[i]
                opened = [v if k in self._open[choice] else None for k, v in enumerate(inputs)]
                values[i] = layer(opened, self._weights[choice], x)
            else:
                values[i] = layer(*inputs)
            for j in self._last_use[i]:
                values[j] = None  # lets go of the memory
        return values[-1]

    def draw(self, r: rng.Rand) -> list[list[int]]:
        """A path, each decision drawn evenly among those that are open."""
        path: list[list[int]] = [[] for _ in self.choices]
        nodes: dict[tuple[str, int], list[int]] = {}  # choices of the nodes of pairs
        for i, c in enumerate(self.choices):
            if c.get("pairs"):
                nodes.setdefault((c["cell"], c["node"]), []).append(i)
            else:
                path[i] = [r.intn(len(c["options"]))]
        for sources in nodes.values():
            # In their one order: the newer source first, equal ones by operation.
            options, distinct = len(self.choices[sources[0]]["options"]), self.choices[sources[0]].get("distinct", False)
            first = r.intn(len(sources) - distinct) + distinct if len(sources) > 1 else 0
            operation = r.intn(options)
            path[sources[first]].append(operation)
            second = r.intn(first + 1 - distinct) if len(sources) > 1 else 0
            least = operation if second == first else 0
            path[sources[second]].append(least + r.intn(options - least))
        return path
