"""Convolutions of many copies side by side, the way that a GPU does them fastest.

A pack's convolution is a grouped one. Libraries do few groups well; with hundreds
of them some of their kernels carry out one group after the other. The same as
products of stacked matrices moves more memory, and keeps the whole card busy.
Which is faster depends on the card, the shape and the library, so it is measured,
once in a process for each shape. Their results differ by rounding.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any, Callable, Sequence

import torch
from torch.nn import functional as F

from .memory import MIB
from .network import Conv, Network

FEWEST = 8  # copies below which libraries do well
_MOST = 1024 * MIB  # of the windows of one layer, which are kept for its gradient
_TIMES = 4  # that each way is gone, once more before the clock runs

_chosen: dict[Any, Callable[..., torch.Tensor]] = {}
_one = threading.Lock()


def products(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: Sequence[int], pad: Sequence[int],
             dilation: Sequence[int], groups: int) -> torch.Tensor:  # fmt: skip
    """What F.conv1d and F.conv2d answer: for each group a product of its weights
    with the windows of its channels."""
    if any(pad):
        x = F.pad(x, [p for p in reversed(pad) for _ in range(2)])
    kernel, samples = weight.shape[2:], len(x)
    for dim, (k, s, d) in enumerate(zip(kernel, stride, dilation), start=2):
        x = x.unfold(dim, d * (k - 1) + 1, s)[..., ::d]
    places = x.shape[2 : 2 + len(kernel)]
    # [samples, groups, channels, places..., kernel...], whose order becomes
    # [groups, channels, kernel..., samples, places...].
    x = x.reshape(samples, groups, -1, *x.shape[2:])
    at = list(range(3, 3 + len(kernel)))
    x = x.permute(1, 2, *[i + len(kernel) for i in at], 0, *at).reshape(groups, -1, samples * math.prod(places))
    weight = weight.reshape(groups, -1, x.shape[1])
    out = torch.bmm(weight, x) if bias is None else torch.baddbmm(bias.view(groups, -1, 1), weight, x)
    out = out.view(groups, -1, samples, *places)
    return out.permute(2, 0, 1, *[i + 3 for i in range(len(places))]).flatten(1, 2)


def choose(network: Network, batch: int, around: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> None:
    """Lets each convolution of a network of many copies go the faster way, for
    batches of so many samples, computed in the context that around answers."""
    if network.copies < FEWEST:
        return
    for i, layer in enumerate(network.layers):
        if not isinstance(layer, Conv) or not network.live[i]:
            continue
        channels, *sides = network.nodes[network.inputs[i][0]]["shape"]
        pad = [0] * len(sides) if layer.circular else layer.pad
        if layer.circular:
            sides = [n + 2 * p for n, p in zip(sides, layer.pad)]
        shape = [batch, network.copies * channels, *sides]
        arguments = layer.stride, pad, layer.dilation, layer.groups
        windows = batch * math.prod(network.nodes[i]["shape"][1:]) * network.copies * channels * math.prod(layer.weight.shape[2:])
        if windows * layer.weight.element_size() > _MOST:
            continue
        key = str((shape, layer.weight.shape, layer.bias is None, arguments, layer.weight.device, type(around()), torch.backends.cudnn.allow_tf32))
        with _one:
            if key not in _chosen:
                times = [_time(way, shape, layer, arguments, around, clock) for way in (layer.convolve, products)]
                _chosen[key] = products if times[1] < times[0] else layer.convolve
        layer.convolve = _chosen[key]


def chosen() -> tuple[int, int]:
    """For how many shapes products were the faster way in this process, and how
    many there were."""
    return sum(way is products for way in _chosen.values()), len(_chosen)


def _time(way: Callable[..., torch.Tensor], shape: list[int], layer: Conv, arguments: tuple, around: Callable[[], Any], clock: Callable[[], float]) -> float:
    """Seconds that some steps take, forward and backward; without an end where
    that is not possible, as for want of memory."""
    wait = torch.cuda.current_stream().synchronize if layer.weight.device.type == "cuda" else lambda: None
    try:
        x = torch.ones(shape, device=layer.weight.device, requires_grad=True)
        weight = torch.ones_like(layer.weight, requires_grad=True)
        bias = None if layer.bias is None else torch.ones_like(layer.bias, requires_grad=True)
        begin = 0.0
        for k in range(_TIMES + 1):
            if k == 1:
                wait()
                begin = clock()
            with around():
                out = way(x, weight, bias, *arguments)
            torch.autograd.grad(out, [t for t in (x, weight, bias) if t is not None], torch.ones_like(out))
        wait()
        return clock() - begin
    except RuntimeError:
        return math.inf
