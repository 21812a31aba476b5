"""A job's Network as a torch.nn.Module.

`Network(nodes)` is the layer graph of one candidate: one module for each node,
under the node's name, and a forward that hands values from node to node.

`Network(nodes, copies=K)` holds K candidates of the same shape side by side,
each with weights of its own: their channels stand next to each other,
[batch, K * channels, ...], convolutions become grouped ones, and dense layers
products of stacked matrices. No value of one candidate enters another's.
"""

from __future__ import annotations

import math
from typing import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional as F

# The convolutions and pools by the number of spatial dimensions.
_CONV = {1: F.conv1d, 2: F.conv2d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d}

FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "mish": F.mish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": F.gelu,
    "swish": F.silu,
    "elu": F.elu,
}


class Unknown(ValueError):
    """A layer that cannot be trained here. The message names it."""


class Conv(nn.Module):
    """Convolution (cross-correlation), 1-D or 2-D by the length of kernel."""

    def __init__(self, inputs, channels, kernel, stride, dilation, pad, groups, bias, circular, copies):
        super().__init__()
        self.stride, self.dilation, self.pad = stride, dilation, pad
        self.groups, self.circular = groups * copies, circular
        self.convolve = _CONV[len(kernel)]
        self.fan_in = inputs // groups * math.prod(kernel)
        self.weight = nn.Parameter(torch.empty(copies * channels, inputs // groups, *kernel))
        self.bias = nn.Parameter(torch.empty(copies * channels)) if bias else None

    def forward(self, x):
        pad = self.pad
        if self.circular:
            for dim, p in enumerate(pad, start=2):
                x = wrap(x, dim, p)
            pad = [0] * len(pad)
        return self.convolve(x, self.weight, self.bias, self.stride, pad, self.dilation, self.groups)

    def extra_repr(self):
        channels, inputs, *kernel = self.weight.shape
        circular = ", circular" if self.circular else ""
        return (f"{inputs * self.groups} -> {channels}, kernel={kernel}, stride={self.stride}, dilation={self.dilation}, "
                f"pad={self.pad}{circular}, groups={self.groups}, bias={self.bias is not None}")  # fmt: skip


def wrap(x: torch.Tensor, dim: int, pad: int) -> torch.Tensor:
    """x padded on both sides by itself, more than once where it is shorter."""
    size = x.shape[dim]
    if pad == 0:
        return x
    if pad <= size:
        return torch.cat([x.narrow(dim, size - pad, pad), x, x.narrow(dim, 0, pad)], dim)
    return x.index_select(dim, torch.arange(-pad, size + pad, device=x.device) % size)


class Dense(nn.Module):
    """Fully connected over the flattened input."""

    def __init__(self, inputs, features, bias, copies):
        super().__init__()
        self.copies, self.fan_in = copies, inputs
        self.weight = nn.Parameter(torch.empty(copies * features, inputs))
        self.bias = nn.Parameter(torch.empty(copies * features)) if bias else None

    def forward(self, x):
        if self.copies == 1:
            return F.linear(x.flatten(1), self.weight, self.bias)
        x = x.reshape(len(x), self.copies, -1).transpose(0, 1)
        weight = self.weight.view(self.copies, -1, self.fan_in).transpose(1, 2)
        out = torch.bmm(x, weight)
        if self.bias is not None:
            # A product, because the gradient of a plain sum would be rounded
            # differently from place to place; and one of matrices, because so
            # would that of a product with a vector.
            ones = x.new_ones(self.copies, x.shape[1], 2)
            out = out + torch.bmm(ones, F.pad(self.bias.view(self.copies, 1, -1), (0, 0, 0, 1)))
        return out.transpose(0, 1).flatten(1)

    def extra_repr(self):
        return f"{self.copies * self.fan_in} -> {len(self.weight)}, bias={self.bias is not None}"


class Norm(nn.Module):
    """Batch normalisation: momentum 0.1, epsilon 1e-5. Scale and shift start
    at 1 and 0."""

    def __init__(self, channels, affine, copies):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(copies * channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(copies * channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(copies * channels))
        self.register_buffer("running_var", torch.ones(copies * channels))

    def extra_repr(self):
        return f"{len(self.running_mean)}, affine={self.weight is not None}"

    def forward(self, x):
        # A single value per channel has no variance that could be estimated:
        # the running one then moves towards 0.
        if self.training and x.numel() == x.shape[1]:
            with torch.no_grad():
                self.running_mean.lerp_(x.detach().flatten().to(self.running_mean.dtype), 0.1)
                self.running_var.mul_(0.9)
            shape = [1, -1] + [1] * (x.dim() - 2)
            zero = x - x
            return zero if self.weight is None else zero * self.weight.view(shape) + self.bias.view(shape)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training, 0.1, 1e-5)


class Pool(nn.Module):
    """Has a window."""

    def __init__(self, kernel, stride, pad):
        super().__init__()
        self.kernel, self.stride, self.pad = kernel, stride, pad

    def extra_repr(self):
        return f"kernel={self.kernel}, stride={self.stride}, pad={self.pad}"


class MaxPool(Pool):
    """The maximum of a window. Padding is never chosen."""

    def forward(self, x):
        pad = self.pad
        if any(2 * p > k for p, k in zip(pad, self.kernel)):  # more than torch's own padding does
            x = F.pad(x, [p for p in reversed(pad) for _ in range(2)], value=-math.inf)
            pad = [0] * len(pad)
        return _MAX_POOL[len(pad)](x, self.kernel, self.stride, pad)


class AvgPool(Pool):
    """The mean of a window. Padding is not counted."""

    def forward(self, x):
        if not any(self.pad):
            return self.mean(x)
        around = [p for p in reversed(self.pad) for _ in range(2)]
        inside = F.pad(x.new_ones(1, 1, *x.shape[2:]), around)
        return self.mean(F.pad(x, around)) / self.mean(inside)

    def mean(self, x):
        if len(self.kernel) == 1:
            return F.avg_pool1d(x, self.kernel, self.stride)
        return F.avg_pool2d(x, self.kernel, self.stride)


class GlobalAvg(nn.Module):
    """The mean over all positions."""

    def forward(self, x):
        return x.flatten(2).mean(2) if x.dim() > 2 else x


class GlobalMax(nn.Module):
    """The maximum over all positions."""

    def forward(self, x):
        if x.dim() == 2:
            return x
        return x.flatten(2).max(2).values if x.device.type == "cpu" else largest(x.flatten(2))


def largest(x: torch.Tensor) -> torch.Tensor:
    """The maximum over the last dimension. On a GPU max itself takes many small
    steps backwards where they are to be deterministic."""
    chosen = torch.arange(x.shape[-1], device=x.device) == x.argmax(-1, keepdim=True)
    return torch.where(chosen, x, torch.zeros_like(x)).sum(-1)


# A CPU's vector registers hold a divisor of so many numbers. torch computes
# functions such as exp differently, in the last bit, for numbers at the end of
# an array that fill no register.
LANES = 64


class Activation(nn.Module):
    """An elementwise function."""

    def __init__(self, function, copies):
        super().__init__()
        self.function, self.copies = function, copies

    def forward(self, x):
        f = FUNCTIONS[self.function]
        missing = -x.numel() % LANES
        if self.copies == 1 or missing == 0 or x.device.type != "cpu":
            return f(x)
        return f(F.pad(x.flatten(), [0, missing]))[:-missing].view(x.shape)

    def extra_repr(self):
        return self.function


class Add(nn.Module):
    """The sum of its inputs."""

    def forward(self, *xs):
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return total


class Concat(nn.Module):
    """Its inputs side by side, along channels."""

    def __init__(self, copies):
        super().__init__()
        self.copies = copies

    def forward(self, *xs):
        if self.copies == 1:
            return torch.cat(xs, 1)
        joined = torch.cat([x.reshape(len(x), self.copies, -1, *x.shape[2:]) for x in xs], 2)
        return joined.flatten(1, 2)


class Zero(nn.Module):
    """Zeros in a shape of its own."""

    def __init__(self, shape, copies):
        super().__init__()
        self.shape = [copies * shape[0], *shape[1:]]

    def forward(self, x):
        return x.new_zeros(len(x), *self.shape)


class Dropout(nn.Module):
    """Inverted dropout while training. What is dropped follows from the seeds
    that `Network.drop` gave for the step, one for each copy; or from those that
    `Network.drop_by` gave for all steps, and a count of them; without either
    torch's own generator decides."""

    def __init__(self, rate, copies):
        super().__init__()
        self.rate, self.copies = rate, copies
        self.seeds: Sequence[int] = []
        self.bases: torch.Tensor | None = None
        self.count: torch.Tensor | None = None

    def forward(self, x):
        if not self.training or self.rate == 0:
            return x
        if self.bases is not None:
            return x * (self._kept(x).to(x.dtype) / (1 - self.rate))
        if not self.seeds:
            return F.dropout(x, self.rate)
        shape = [len(x), x.shape[1] // self.copies, *x.shape[2:]]
        kept = [
            torch.rand(shape, device=x.device, generator=torch.Generator(x.device).manual_seed(seed)) >= self.rate
            for seed in self.seeds
        ]
        return x * (torch.cat(kept, 1).to(x.dtype) / (1 - self.rate))

    def _kept(self, x):
        """Which values are kept: hashes of their numbers, the copy's seed and
        the step's number."""
        own = x.numel() // self.copies
        at = torch.arange(own, device=x.device).view(len(x), 1, -1)
        seeds = scrambled(self.bases ^ scrambled(self.count)).view(1, self.copies, 1)
        return (scrambled((at + seeds) & _WORD) >= round(self.rate * (_WORD + 1))).view(x.shape)

    def extra_repr(self):
        return f"{self.rate}"


_WORD = (1 << 32) - 1


def scrambled(x: torch.Tensor) -> torch.Tensor:
    """A hash of numbers of 32 bits, held as int64: Wellons' lowbias32."""
    x = (x ^ (x >> 16)) * 0x7FEB352D & _WORD
    x = (x ^ (x >> 15)) * 0x846CA68B & _WORD
    return x ^ (x >> 16)


class Crop(nn.Module):
    """The first channels, without the first positions."""

    def __init__(self, channels, offset, copies):
        super().__init__()
        self.channels, self.offset, self.copies = channels, offset, copies

    def forward(self, x):
        if x.shape[1] != self.copies * self.channels:
            x = x.reshape(len(x), self.copies, -1, *x.shape[2:])[:, :, : self.channels].flatten(1, 2)
        for dim, offset in enumerate(self.offset, start=2):
            x = x.narrow(dim, offset, x.shape[dim] - offset)
        return x


class Flatten(nn.Module):
    """[channels, ...] to [product], channel after channel."""

    def forward(self, x):
        return x.flatten(1)


def _extents(node: dict, shape: list[int], key: str, default: int) -> list[int]:
    """One number for each spatial dimension of a node's input."""
    given = list(node.get(key) or [])
    return given + [default] * (len(shape) - 1 - len(given))


# For each operation what makes the module of a node from the shape of its
# (first) input.
LAYERS: dict[str, Callable[[dict, list[int], int], nn.Module]] = {
    "input": lambda node, shape, copies: nn.Identity(),
    "conv": lambda node, shape, copies: Conv(
        shape[0], node["channels"], _extents(node, shape, "kernel", 1), _extents(node, shape, "stride", 1),
        _extents(node, shape, "dilation", 1), _extents(node, shape, "pad", 0), node.get("groups") or 1,
        node.get("bias", False), node.get("circular", False), copies),
    "dense": lambda node, shape, copies: Dense(math.prod(shape), node["channels"], node.get("bias", False), copies),
    "norm": lambda node, shape, copies: Norm(shape[0], node.get("affine", False), copies),
    "max_pool": lambda node, shape, copies: MaxPool(
        _extents(node, shape, "kernel", 1), _extents(node, shape, "stride", 1), _extents(node, shape, "pad", 0)),
    "avg_pool": lambda node, shape, copies: AvgPool(
        _extents(node, shape, "kernel", 1), _extents(node, shape, "stride", 1), _extents(node, shape, "pad", 0)),
    "global_avg": lambda node, shape, copies: GlobalAvg(),
    "global_max": lambda node, shape, copies: GlobalMax(),
    "activation": lambda node, shape, copies: Activation(node["function"], copies),
    "add": lambda node, shape, copies: Add(),
    "concat": lambda node, shape, copies: Concat(copies),
    "identity": lambda node, shape, copies: nn.Identity(),
    "zero": lambda node, shape, copies: Zero(node["shape"], copies),
    "dropout": lambda node, shape, copies: Dropout(node.get("rate", 0.0), copies),
    "flatten": lambda node, shape, copies: Flatten(),
    "crop": lambda node, shape, copies: Crop(node["channels"], _extents(node, shape, "offset", 0), copies),
}  # fmt: skip


class Network(nn.Module):
    """The layer graph of a job: nodes as in the job's JSON (`{"nodes": [...]}`,
    or the list itself). Fields that a node leaves out have their defaults.

    Answers logits: [batch, classes], and [batch, copies, classes] if there are
    several copies. The input of several copies has their channels side by side.
    """

    def __init__(self, network, copies: int = 1):
        super().__init__()
        nodes = network["nodes"] if isinstance(network, dict) else network
        if not nodes or nodes[0].get("op") != "input":
            raise Unknown("the network does not begin with an input")
        self.nodes, self.copies = nodes, copies
        if len(nodes[-1]["shape"]) != 1:
            raise Unknown(
                f"layer {nodes[-1]['name']}: the network's answer has shape {nodes[-1]['shape']}, "
                "but a classifier answers [classes]; end with a dense layer"
            )
        self.inputs = [list(node.get("inputs") or []) for node in nodes]
        self.shape, self.classes = list(nodes[0]["shape"]), nodes[-1]["shape"][0]
        self.live = _live(nodes, self.inputs)
        self.layers: list[nn.Module] = []
        self.names: list[str] = []
        self._last_use = _last_use(self.inputs, self.live)
        for i, node in enumerate(nodes):
            name, k = node.get("name") or node["op"], 2
            while name in self.names:
                name, k = f"{node.get('name') or node['op']}#{k}", k + 1
            layer = self._layer(node, nodes[self.inputs[i][0]]["shape"] if i else [])
            self._put(name, layer)
            self.layers.append(layer)
            self.names.append(name)

    def _put(self, name: str, layer: nn.Module) -> None:
        """Gives a layer its name: "blocks[0].conv" is "conv" of "blocks[0]".
        Past add_module, which would refuse names such as "type"."""
        at: nn.Module = self
        *groups, last = name.split(".")
        for group in groups:
            at = at._modules.setdefault(group, nn.Module())
        if last in at._modules:  # a layer that has layers below it
            layer._modules.update(at._modules[last]._modules)
        at._modules[last] = layer

    def _layer(self, node: dict, shape: list[int]) -> nn.Module:
        op, spatial = node["op"], len(shape) - 1
        if op not in LAYERS:
            raise Unknown(f"layer {node['name']}: unknown operation {op}")
        if op in ("conv", "max_pool", "avg_pool") and (spatial not in (1, 2) or len(node.get("kernel") or []) != spatial):
            raise Unknown(f"layer {node['name']} ({op}): a kernel {node.get('kernel')} does not fit an input of shape {shape}")
        if op == "activation" and node["function"] not in FUNCTIONS:
            raise Unknown(f"layer {node['name']}: unknown function {node['function']}; use {', '.join(FUNCTIONS)}")
        return LAYERS[op](node, shape, self.copies)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values: list = [None] * len(self.layers)
        values[0] = x
        for i, layer in enumerate(self.layers):
            if i == 0 or not self.live[i]:
                continue
            values[i] = layer(*[values[j] for j in self.inputs[i]])
            for j in self._last_use[i]:
                values[j] = None  # lets go of the memory
        out = values[-1]
        return out if self.copies == 1 else out.reshape(len(out), self.copies, -1)

    def trains(self, samples: int) -> None:
        """Raises Unknown where steps of so many samples, the fewest that any
        has, cannot train a layer."""
        for node, live in zip(self.nodes, self.live):
            if live and node["op"] == "norm" and samples * math.prod(node["shape"][1:]) < 2:
                raise Unknown(
                    f"{node['name']}: normalises over one value for each channel, which leaves nothing of it, where a batch has 1 sample; "
                    "choose a batch that leaves 2 or more in every step, or no norm here"
                )

    def start(self, seeds: Sequence[Callable[[str], int]]) -> None:
        """Draws weights and biases uniformly within 1/sqrt(inputs of one
        output). seeds[k](name) is the seed of copy k's array of that name;
        copies without one are dummies and get zeros."""
        with torch.no_grad():
            layers = dict(zip(self.names, self.layers))
            for name, p in self.named_parameters():
                layer = layers[name.rpartition(".")[0]]
                if not hasattr(layer, "fan_in"):  # it begins as it was made
                    continue
                p.zero_()
                bound = 1 / math.sqrt(layer.fan_in)
                for part, seed in zip(p.view(self.copies, -1), seeds):
                    generator = torch.Generator().manual_seed(seed(name))
                    part.copy_((torch.rand(part.shape, generator=generator) * 2 - 1) * bound)

    def drop(self, seeds: Callable[[str], Sequence[int]]) -> None:
        """Decides what every dropout drops in the next step."""
        for name, layer in zip(self.names, self.layers):
            if isinstance(layer, Dropout):
                layer.seeds = seeds(name)

    def drop_by(self, bases: Callable[[str], torch.Tensor], count: torch.Tensor) -> None:
        """Lets tensors decide what every dropout drops: for each a number below
        2^32 for each copy, and the number of the step. Called again it writes
        into the first call's."""
        for name, layer in zip(self.names, self.layers):
            if isinstance(layer, Dropout):
                layer.bases = bases(name) if layer.bases is None else layer.bases.copy_(bases(name))
                layer.count = count

    @property
    def drops(self) -> bool:
        """Whether any layer drops values."""
        return any(isinstance(layer, Dropout) and layer.rate > 0 for layer in self.layers)


def _live(nodes: list[dict], inputs: list[list[int]]) -> list[bool]:
    """Which nodes the answer depends on. Behind a zero only the shape counts,
    but a value of that batch size is at hand there in any case."""
    live = [False] * len(nodes)
    live[-1] = True
    for i in range(len(nodes) - 1, 0, -1):
        if live[i]:
            if nodes[i]["op"] == "zero":
                inputs[i][:] = [0]
            for j in inputs[i]:
                live[j] = True
    return live


def _last_use(inputs: list[list[int]], live: list[bool]) -> list[list[int]]:
    """For each node the values that nobody reads after it."""
    out: list[list[int]] = [[] for _ in inputs]
    seen: set[int] = {len(inputs) - 1}
    for i in range(len(inputs) - 1, -1, -1):
        if live[i]:
            for j in inputs[i]:
                if j not in seen:
                    seen.add(j)
                    out[i].append(j)
    return out


def macs(network) -> int:
    """Multiply-adds of one sample: convolutions (padding included) and dense
    layers, dead ones included."""
    nodes = network["nodes"] if isinstance(network, dict) else network
    total = 0
    for node in nodes:
        shape = nodes[node["inputs"][0]]["shape"] if node.get("inputs") else []
        if node["op"] == "conv":
            total += math.prod(node["shape"]) * (shape[0] // (node.get("groups") or 1)) * math.prod(node["kernel"])
        elif node["op"] == "dense":
            total += node["channels"] * math.prod(shape)
    return total


def held(node: dict, shape: list[int]) -> int:
    """How many numbers the arrays of a node have, over an input of a shape."""
    if node["op"] == "conv":
        return node["channels"] * (shape[0] // (node.get("groups") or 1) * math.prod(node["kernel"]) + bool(node.get("bias")))
    if node["op"] == "dense":
        return node["channels"] * (math.prod(shape) + bool(node.get("bias")))
    if node["op"] == "norm":
        return (4 if node.get("affine") else 2) * shape[0]
    return 0
