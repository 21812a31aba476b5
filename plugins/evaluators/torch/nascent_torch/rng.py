"""Nascent's random numbers in Python: the same bits as genome/rng in Go.

docs/random.md defines them and has the test vectors. `Rand` draws one number
at a time; `bulk` makes millions at once, as a tensor.
"""

from __future__ import annotations

import math

import torch

_MASK = (1 << 64) - 1


def split_mix(x: int) -> int:
    """The answer of SplitMix64 that starts at x (Steele, Lea & Flood 2014)."""
    z = (x + 0x9E3779B97F4A7C15) & _MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
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


def _state(seed: int) -> list[int]:
    return [split_mix(seed + i * 0x9E3779B97F4A7C15 & _MASK) for i in range(4)]


def _rotl(x: int, n: int) -> int:
    return (x << n | x >> 64 - n) & _MASK


class Rand:
    """A stream of random numbers: xoshiro256** (Blackman & Vigna 2021)."""

    def __init__(self, seed: int):
        self.seed = seed
        self.s = _state(seed)

    def split(self, label: str) -> Rand:
        """An independent stream; it does not depend on what was drawn."""
        return Rand(derive(self.seed, label))

    def uint64(self) -> int:
        s0, s1, s2, s3 = self.s
        answer = _rotl(s1 * 5 & _MASK, 7) * 9 & _MASK
        t = s1 << 17 & _MASK
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        self.s = [s0, s1, s2 ^ t, _rotl(s3, 45)]
        return answer

    def float64(self) -> float:
        return (self.uint64() >> 11) * 2.0**-53

    def bool(self) -> bool:
        return self.uint64() >> 63 == 1

    def intn(self, n: int) -> int:
        """An unbiased integer in [0, n) (Lemire 2019)."""
        return _lemire(self.uint64, n)

    def normal(self) -> float:
        """A standard normal number (Marsaglia & Bray 1964)."""
        while True:
            x = 2 * self.float64() - 1
            y = 2 * self.float64() - 1
            s = x * x + y * y
            if 0 < s < 1:
                return x * math.sqrt(-2 * log(s) / s)

    def perm(self, n: int) -> list[int]:
        """A permutation of 0..n-1."""
        p = list(range(n))
        self.shuffle(p)
        return p

    def shuffle(self, items: list) -> None:
        """Permutes a list in place, from the last element to the first."""
        for i in range(len(items) - 1, 0, -1):
            j = self.intn(i + 1)
            items[i], items[j] = items[j], items[i]

    def weighted(self, weights: list[float]) -> int:
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


def _lemire(uint64, n: int) -> int:
    product = uint64() * n
    if product & _MASK < n:
        threshold = (1 << 64) % n
        while product & _MASK < threshold:
            product = uint64() * n
    return product >> 64


# ln 2, split so that multiplying the high part by a small integer is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10


def log(x):
    """The natural logarithm of positive floats: one, or a float64 tensor."""
    if isinstance(x, torch.Tensor):
        m, e = torch.frexp(x)
        small = m < math.sqrt(2) / 2
        m = torch.where(small, m * 2, m)
        e = torch.where(small, e - 1, e).to(torch.float64)
    else:
        m, e = math.frexp(x)
        if m < math.sqrt(2) / 2:
            m *= 2
            e -= 1
    s = (m - 1) / (m + 1)
    z = s * s
    total = 0.0
    for k in range(23, 2, -2):
        total = (total + 1 / k) * z
    return e * _LN2_HIGH + (2 * (s + s * total) + e * _LN2_LOW)


def exp(x: float) -> float:
    """e to the power of x."""
    if x != x:
        return x
    if x > 709.8:
        return math.inf
    if x < -745.2:
        return 0.0
    k = math.floor(x / (_LN2_HIGH + _LN2_LOW) + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    total = 0.0
    for n in range(18, 0, -1):
        total = (total + 1) * r / n
    return math.ldexp(1 + total, k)


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
    packed = sum(word << 64 * i for i, word in enumerate(_state(seed)))
    starts = []
    for _ in range(pieces):
        starts.append([_signed(packed >> 64 * i & _MASK) for i in range(4)])
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
    r.s = [packed >> 64 * i & _MASK for i in range(4)]
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
