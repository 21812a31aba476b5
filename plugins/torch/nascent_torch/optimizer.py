"""AdamW, Adam and SGD over one array that holds all parameters.

They are those of the Gorgonia evaluator: Kingma & Ba 2015, Loshchilov & Hutter
2019; weight decay holds for weights alone.
"""

from __future__ import annotations

import math
from typing import Sequence

import torch

from .network import LANES, Conv, Dense, Network
from .recipe import Recipe


class Optimizer:
    """Steps of one recipe for each copy of a network. The recipes agree in
    optimizer, beta1, beta2 and epsilon.

    The network's parameters become windows into one array, weights first, so
    that a step is a handful of operations whatever the number of layers.
    """

    def __init__(self, network: Network, recipes: Sequence[Recipe]):
        self.recipe, self.recipes = recipes[0], recipes
        named = list(network.named_parameters())
        weights = {f"{n}.weight" for n, layer in zip(network.names, network.layers) if isinstance(layer, (Conv, Dense))}
        named.sort(key=lambda item: item[0] not in weights)
        self.copies = network.copies
        sizes = [p.numel() for _, p in named]
        total, self.decayed = sum(sizes), sum(p.numel() for n, p in named if n in weights)
        like = named[0][1] if named else torch.empty(0)
        self.count = total  # of parameters; what follows them is there for vector registers
        self.data = torch.zeros(total + -total % LANES, dtype=like.dtype, device=like.device)
        self.grad = torch.zeros_like(self.data)
        self.places: dict[str, tuple[int, torch.Size]] = {}
        at, owners = 0, []
        for (name, p), size in zip(named, sizes):
            self.places[name] = at, p.shape
            window = self.data[at : at + size].view(p.shape)
            window.copy_(p.detach())
            p.data = window
            p.grad = self.grad[at : at + size].view(p.shape)
            owners.append(torch.arange(self.copies).repeat_interleave(size // self.copies))
            at += size
        owners.append(torch.zeros(len(self.data) - total, dtype=torch.int64))
        adaptive = self.recipe.optimizer != "sgd"
        self.m = torch.zeros_like(self.data) if adaptive or any(r.momentum for r in recipes) else None
        self.v = torch.zeros_like(self.data) if adaptive else None
        # Which copy each number belongs to; with a single copy its numbers are
        # plain floats, which is faster.
        self.owner = torch.cat(owners).to(self.data.device) if self.copies > 1 else None
        self.decay = self._spread([r.weight_decay for r in recipes])
        self.momentum = self._spread([r.momentum for r in recipes])

    def _spread(self, values: Sequence[float]):
        """One number for each copy, laid out like the parameters."""
        if self.owner is None:
            return values[0]
        return torch.tensor(values, dtype=self.data.dtype, device=self.data.device)[self.owner]

    def _decayed(self, values):
        return values if self.owner is None else values[: self.decayed]

    def step(self, rates: Sequence[float], number: int) -> None:
        """One step from the gradients, which it then clears: a rate for each
        copy, and the number of the step, from 1."""
        *rates, first, second = self.numbers(rates, number)
        self._step(self._spread(rates), first, second)

    def numbers(self, rates: Sequence[float], number: int) -> list[float]:
        """All numbers of a step: the rates, and what the moments lack so
        early."""
        r = self.recipe
        return [*rates, 1 - r.beta1**number, math.sqrt(1 - r.beta2**number)]

    def step_by(self, numbers: torch.Tensor) -> None:
        """One step with numbers that are on the device already."""
        rates, first, second = numbers[:-2], numbers[-2], numbers[-1]
        self._step(rates[0] if self.owner is None else rates[self.owner], first, second)

    @torch.no_grad()
    def _step(self, rate, first, second) -> None:
        r, w, g = self.recipe, self.data, self.grad
        weights, decay = w[: self.decayed], self._decayed(self.decay)
        if r.optimizer == "adamw":
            keep = 1 - self._decayed(rate) * decay
        elif self.owner is not None or decay:
            g[: self.decayed] += weights * decay
        if r.optimizer == "sgd":
            if self.m is not None:
                g = self.m.mul_(self.momentum).add_(g)
            w -= g * rate
        else:
            self.m.lerp_(g, 1 - r.beta1)
            self.v.mul_(r.beta2).addcmul_(g, g, value=1 - r.beta2)
            change = self.m / (self.v.sqrt().div_(second).add_(r.epsilon))
            if r.optimizer == "adamw":
                weights *= keep
            w -= change.mul_(rate / first)
        self.grad.zero_()

    def arrays(self):
        """The moments by the names of their parameters: m, then v, or None."""
        for name, (at, shape) in self.places.items():
            size = math.prod(shape)
            yield name, *(a if a is None else a[at : at + size].view(shape) for a in (self.m, self.v))
