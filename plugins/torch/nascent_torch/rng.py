"""Nascent's random numbers as tensors: the same bits as the SDK's nascent.rng.

`bulk` makes millions of numbers of a stream at once, `log` takes tensors too.
"""

from __future__ import annotations

import math

import torch
from nascent.rng import LN2_HIGH, LN2_LOW, MASK, Rand, derive, exp, lemire, state
from nascent.rng import log as _log

__all__ = ["Rand", "bulk", "derive", "exp", "floats", "lemire", "log"]


def log(x):
    """The natural logarithm of positive floats: one, or a float64 tensor."""
    if not isinstance(x, torch.Tensor):
        return _log(x)
    m, e = torch.frexp(x)
    small = m < math.sqrt(2) / 2
    m = torch.where(small, m * 2, m)
    e = torch.where(small, e - 1, e).to(torch.float64)
    s = (m - 1) / (m + 1)
    z = s * s
    total = 0.0
    for k in range(23, 2, -2):
        total = (total + 1 / k) * z
    return e * LN2_HIGH + (2 * (s + s * total) + e * LN2_LOW)


# What follows makes many numbers of one stream at once. A step of xoshiro is
# linear over bits, so 2^k steps are a matrix of 256 x 256 bits, found by
# squaring. With it a stream is cut into pieces that are drawn side by side.


def bulk(seed: int, count: int) -> torch.Tensor:
    """The first numbers of Rand(seed).uint64(), at least count of them, as
    int64 of the same bits."""
    doublings = max(0, (count - 1).bit_length() // 2 - 1)
    length = 1 << doublings
    pieces = -(-count // length)
    jump = _power(doublings)
    packed = sum(word << 64 * i for i, word in enumerate(state(seed)))
    starts = []
    for _ in range(pieces):
        starts.append([_signed(packed >> 64 * i & MASK) for i in range(4)])
        packed = _apply(jump, packed)
    s0, s1, s2, s3 = torch.tensor(starts, dtype=torch.int64).t().contiguous()
    out = torch.empty(length, pieces, dtype=torch.int64)
    for row in out:
        x = s1 + (s1 << 2)
        x = x << 7 | (x >> 57) & 0x7F
        torch.add(x, x << 3, out=row)
        t = s1 << 17
        s2 = s2 ^ s0
        s3 = s3 ^ s1
        s1 = s1 ^ s2
        s0 = s0 ^ s3
        s2 = s2 ^ t
        s3 = s3 << 45 | (s3 >> 19) & ((1 << 45) - 1)
    return out.t().reshape(-1)


def _signed(x: int) -> int:
    return x - (1 << 64) if x >> 63 else x


def _step(packed: int) -> int:
    r = Rand(0)
    r.s = [packed >> 64 * i & MASK for i in range(4)]
    r.uint64()
    return sum(word << 64 * i for i, word in enumerate(r.s))


def _power(doublings: int) -> list[int]:
    """The columns of the matrix that takes 2^doublings steps."""
    matrix = [_step(1 << bit) for bit in range(256)]
    for _ in range(doublings):
        matrix = [_apply(matrix, column) for column in matrix]
    return matrix


def _apply(matrix: list[int], vector: int) -> int:
    out = 0
    while vector:
        low = vector & -vector
        out ^= matrix[low.bit_length() - 1]
        vector ^= low
    return out


def floats(bits: torch.Tensor) -> torch.Tensor:
    """What Rand.float64 makes of numbers of bulk."""
    return ((bits >> 11) & ((1 << 53) - 1)).to(torch.float64) * 2.0**-53
