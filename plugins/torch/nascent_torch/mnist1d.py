"""MNIST-1D, made by its published recipe (Greydanus 2020, "Scaling down deep
learning", arXiv 2011.14439): the same samples, bit for bit, as
plugins/trainer/data makes in Go.
"""

from __future__ import annotations

import math

import torch

from . import rng

DIGITS = 10
_PADDING_LOW, _PADDING_HIGH = 36, 60
_SIGNAL, _SAMPLE = 72, 40  # lengths: made, and answered
_TRANSLATIONS = 48
_SCALE, _SHEAR = 0.4, 0.75
_SMOOTH_NOISE, _WHITE_NOISE = 0.25, 0.02  # standard deviations, the first before smoothing
_SIGMA, _RADIUS = 2, 8
_VISIBLE = 1e-8  # added to the signal, to tell it from the padding

_TEMPLATES = [
    [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
    [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
    [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
    [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
    [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
    [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
    [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
    [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
]


def mnist1d(n: int, seed: int, stream: str) -> tuple[torch.Tensor, torch.Tensor]:
    """n samples [n, 1, 40] in float32 and their classes, shuffled, each class
    equally often. Equal seeds and streams give equal samples."""
    draws = _Draws(rng.derive(seed, "mnist1d " + stream), n)
    places = draws.perm(n)
    lengths, scales, shifts, smooth, white, shears = draws.samples(n)
    classes = torch.arange(n) % DIGITS

    signal = torch.zeros(n, 12 + _PADDING_HIGH, dtype=torch.float64)
    signal[:, :12] = _normalised_templates()[classes] + _VISIBLE
    signal = _resample(signal, lengths, _SIGNAL)
    x = signal * (1 + _SCALE * (scales - 0.5)).unsqueeze(1)
    x = x.gather(1, (torch.arange(_SIGNAL) - shifts.unsqueeze(1)) % _SIGNAL)
    x = torch.where(x == 0, _smoothed(_SMOOTH_NOISE * smooth), x)
    x = x + _WHITE_NOISE * white
    line = torch.arange(_SIGNAL, dtype=torch.float64) / (_SIGNAL - 1) - 0.5
    x = x - (_SHEAR * (shears - 0.5)).unsqueeze(1) * line
    x = _resample(x, torch.full((n,), _SIGNAL), _SAMPLE).to(torch.float32)

    samples, labels = torch.empty(n, 1, _SAMPLE), torch.empty(n, dtype=torch.int64)
    at = torch.tensor(places)
    samples[at, 0] = x
    labels[at] = classes
    return samples, labels


def _normalised_templates() -> torch.Tensor:
    """They have standard deviation 1/6 and begin at 0."""
    rows = []
    for t in _TEMPLATES:
        mean = variance = 0.0
        for v in t:
            mean += v / 12
        for v in t:
            variance += (v - mean) * (v - mean) / 12
        rows.append([(v - t[0]) / math.sqrt(variance) / 6 for v in t])
    return torch.tensor(rows, dtype=torch.float64)


def _resample(x: torch.Tensor, lengths: torch.Tensor, points: int) -> torch.Tensor:
    """Reads the first lengths[i] values of each row at evenly spaced points,
    both ends included, on the straight lines between them."""
    steps = points - 1
    ahead = torch.arange(points) * (lengths.unsqueeze(1) - 1)
    at = torch.div(ahead, steps, rounding_mode="floor")
    part = (ahead % steps).to(torch.float64) / steps
    low = x.gather(1, at)
    high = x.gather(1, (at + 1).clamp(max=x.shape[1] - 1))
    return torch.where(part > 0, low + (high - low) * part, low)


def _smoothed(noise: torch.Tensor) -> torch.Tensor:
    """The noise through a Gaussian filter, mirrored beyond its edges."""
    w = [rng.exp(-float(d * d) / (2 * _SIGMA * _SIGMA)) for d in range(_RADIUS + 1)]
    total = 0.0
    for d, v in enumerate(w):
        total += v
        if d > 0:
            total += v
    w = [v / total for v in w]
    mirrored = torch.cat([noise[:, :_RADIUS].flip(1), noise, noise[:, -_RADIUS:].flip(1)], 1)
    out = torch.zeros_like(noise)
    for d in range(-_RADIUS, _RADIUS + 1):
        out = out + w[abs(d)] * mirrored[:, _RADIUS + d : _RADIUS + d + _SIGNAL]
    return out


class _Draws:
    """The one stream of random numbers that all samples come from. Numbers are
    made in bulk; what each of them is used for depends on how many a normal
    number needed, so a walk over the samples finds the places first."""

    def __init__(self, seed: int, n: int):
        self.seed = seed
        self.at = 0
        self._make(n * 400 + 5000)

    def _make(self, count: int) -> None:
        self.bits = rng.bulk(self.seed, count)
        self.uniform = rng.floats(self.bits)
        x, y = 2 * self.uniform[:-1] - 1, 2 * self.uniform[1:] - 1
        self.s = x * x + y * y
        accepted = (self.s > 0) & (self.s < 1)
        # Pairs that begin at even places, and at odd ones: the places of the
        # accepted pairs, and how many accepted pairs begin before a place.
        self.pairs = [accepted[parity::2].nonzero().flatten() * 2 + parity for parity in (0, 1)]
        self.before = [torch.cumsum(accepted[parity::2], 0) - accepted[parity::2].long() for parity in (0, 1)]

    def _uint64(self) -> int:
        self.at += 1
        return self.bits[self.at - 1].item() & (1 << 64) - 1

    def intn(self, n: int) -> int:
        return rng.lemire(self._uint64, n)

    def perm(self, n: int) -> list[int]:
        items = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.intn(i + 1)
            items[i], items[j] = items[j], items[i]
        return items

    def _normals(self) -> tuple[int, int]:
        """The next 144 normal numbers: parity and index of the first pair."""
        parity = self.at % 2
        first = self.before[parity][self.at // 2].item()
        self.at = self.pairs[parity][first + 2 * _SIGNAL - 1].item() + 2
        return parity, first

    def samples(self, n: int):
        """Lengths, scales, shifts, smooth and white noise, and shears."""
        start = self.at
        while True:
            try:
                rows = []
                self.at = start
                for _ in range(n):
                    length = 12 + _PADDING_LOW + self.intn(_PADDING_HIGH - _PADDING_LOW + 1)
                    scale = self.at
                    self.at += 1
                    shift = self.intn(_TRANSLATIONS)
                    parity, first = self._normals()
                    shear = self.at
                    self.at += 1
                    rows.append((length, scale, shift, parity, first, shear))
                if self.at <= len(self.uniform):
                    break
            except IndexError:
                pass
            self._make(len(self.bits) * 2)
        length, scale, shift, parity, first, shear = torch.tensor(rows).t()
        window = torch.arange(2 * _SIGNAL)
        places = torch.empty(n, 2 * _SIGNAL, dtype=torch.int64)
        for p in (0, 1):
            places[parity == p] = self.pairs[p][first[parity == p].unsqueeze(1) + window]
        s = self.s[places]
        noise = (2 * self.uniform[places] - 1) * torch.sqrt(-2 * rng.log(s) / s)
        return length, self.uniform[scale], shift, noise[:, :_SIGNAL], noise[:, _SIGNAL:], self.uniform[shear]
