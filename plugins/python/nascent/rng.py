"""Nascent's random numbers in Python: the same bits as genome/rng in Go.

docs/random.md defines them and has the test vectors.
"""

from __future__ import annotations

import math
from typing import Any, Callable, List, Sequence

MASK = (1 << 64) - 1


def split_mix(x: int) -> int:
    """The answer of SplitMix64 that starts at x (Steele, Lea & Flood 2014)."""
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def derive(seed: int, label: str, *numbers: int) -> int:
    """A seed below 2^53 made from a seed, a label and numbers."""
    h = split_mix(seed)
    for byte in label.encode():
        h = split_mix(h ^ (byte + 1))
    h = split_mix(h)
    for n in numbers:
        h = split_mix(h ^ n)
    return h >> 11


def state(seed: int) -> List[int]:
    """The state of the stream of a seed."""
    return [split_mix(seed + i * 0x9E3779B97F4A7C15 & MASK) for i in range(4)]


def _rotl(x: int, n: int) -> int:
    return (x << n | x >> 64 - n) & MASK


class Rand:
    """A stream of random numbers: xoshiro256** (Blackman & Vigna 2021)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.s = state(seed)

    def split(self, label: str) -> Rand:
        """An independent stream; it does not depend on what was drawn."""
        return Rand(derive(self.seed, label))

    def uint64(self) -> int:
        """64 random bits."""
        s0, s1, s2, s3 = self.s
        answer = _rotl(s1 * 5 & MASK, 7) * 9 & MASK
        t = s1 << 17 & MASK
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        self.s = [s0, s1, s2 ^ t, _rotl(s3, 45)]
        return answer

    def float64(self) -> float:
        """A number in [0, 1), a multiple of 2^-53."""
        return (self.uint64() >> 11) * 2.0**-53

    def bool(self) -> bool:
        """True half of the time."""
        return self.uint64() >> 63 == 1

    def intn(self, n: int) -> int:
        """An unbiased integer in [0, n) (Lemire 2019); n is positive."""
        if n <= 0:
            raise ValueError(f"intn needs a positive number, not {n}")
        return lemire(self.uint64, n)

    def normal(self) -> float:
        """A standard normal number (Marsaglia & Bray 1964)."""
        while True:
            x = 2 * self.float64() - 1
            y = 2 * self.float64() - 1
            s = x * x + y * y
            if 0 < s < 1:
                return x * math.sqrt(-2 * log(s) / s)

    def perm(self, n: int) -> List[int]:
        """A permutation of 0..n-1."""
        p = list(range(n))
        self.shuffle(p)
        return p

    def shuffle(self, items: List[Any]) -> None:
        """Permutes a list in place, from the last element to the first."""
        for i in range(len(items) - 1, 0, -1):
            j = self.intn(i + 1)
            items[i], items[j] = items[j], items[i]

    def weighted(self, weights: Sequence[float]) -> int:
        """An index drawn in proportion to the weights, -1 if all are zero."""
        total = 0.0
        for w in weights:
            total += w
        if not total > 0:
            return -1
        x = self.float64() * total
        last = -1
        for i, w in enumerate(weights):
            if w <= 0:
                continue
            last = i
            if x < w:
                break
            x -= w
        return last


def lemire(uint64: Callable[[], int], n: int) -> int:
    """An unbiased integer in [0, n) of a source of 64 random bits."""
    product = uint64() * n
    if product & MASK < n:
        threshold = (1 << 64) % n
        while product & MASK < threshold:
            product = uint64() * n
    return product >> 64


# ln 2, split so that multiplying the high part by a small integer is exact.
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10


def log(x: float) -> float:
    """The natural logarithm of a positive number."""
    m, e = math.frexp(x)
    if m < math.sqrt(2) / 2:
        m *= 2
        e -= 1
    s = (m - 1) / (m + 1)
    z = s * s
    total = 0.0
    for k in range(23, 2, -2):
        total = (total + 1 / k) * z
    return e * LN2_HIGH + (2 * (s + s * total) + e * LN2_LOW)


def exp(x: float) -> float:
    """e to the power of x."""
    if x != x:
        return x
    if x > 709.8:
        return math.inf
    if x < -745.2:
        return 0.0
    k = math.floor(x / (LN2_HIGH + LN2_LOW) + 0.5)
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    total = 0.0
    for n in range(18, 0, -1):
        total = (total + 1) * r / n
    return math.ldexp(1 + total, k)
