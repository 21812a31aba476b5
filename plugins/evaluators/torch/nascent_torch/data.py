"""The labelled samples of a search, split into parts for training, validating
and testing.

Sources, options and splits are those of the Gorgonia evaluator
(plugins/gorgonia/data): the same options give the same samples in the same
parts, standardised by the same numbers, and the same fingerprint. What lies in
which part follows from the options alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import struct
from typing import Any

import torch

from . import readers, rng
from .mnist1d import DIGITS, mnist1d
from .safetensors import tensor_bytes


@dataclasses.dataclass
class Options:
    """Where samples come from and how they are split."""

    source: str = "mnist1d"  # mnist1d, idx, csv, cifar10, npz, images, or FILE.py[:FUNCTION] of your own
    files: list = dataclasses.field(default_factory=list)  # idx: samples, labels; csv, npz: one file; cifar10: batches; images: a folder
    test_files: list = dataclasses.field(default_factory=list)  # likewise; without them part of files is kept for testing
    label: str = "label"  # csv: the column with the class
    drop: list = dataclasses.field(default_factory=list)  # csv: columns to leave out
    size: Any = None  # images: [height, width] to resize to; default: as they are, all alike
    samples: int = 0  # for training and validating together; mnist1d: default 4000, files: all
    validation: float | None = None  # samples (1 or more) or share (below 1) of them; default 0.2
    test: float | None = None  # likewise for testing; mnist1d: default 10000, files: all of test_files, or 0.2 of files
    seed: int = 1  # of made samples, and of the split

    @staticmethod
    def read(value: Any) -> Options:
        """Takes the option `data`: a mapping, or the name of a source."""
        if value is None:
            return Options()
        if isinstance(value, str):
            return Options(source=value)
        known = {f.name: f for f in dataclasses.fields(Options)}
        if not isinstance(value, dict):
            raise ValueError(f"data is {value}; give the name of a source, or a mapping of {', '.join(known)}")
        for key, v in value.items():
            if key not in known:
                raise ValueError(f"data.{key} is unknown; data takes {', '.join(known)}")
            number = isinstance(v, (int, float)) and not isinstance(v, bool)
            wants = {"files": "a list of names", "test_files": "a list of names", "drop": "a list of names", "source": "a name", "label": "a name",
                     "samples": "a whole number", "seed": "a whole number", "validation": "a number", "test": "a number"}.get(key)  # fmt: skip
            fits = {"a list of names": isinstance(v, list) and all(isinstance(f, str) for f in v), "a name": isinstance(v, str),
                    "a whole number": number and v == int(v) and v >= 0, "a number": number}.get(wants or "", True)  # fmt: skip
            if not fits:
                raise ValueError(f"data.{key} is {v}; give {wants}")
        options = Options(**value)
        options.samples, options.seed = int(options.samples), int(options.seed) or 1
        return options


@dataclasses.dataclass
class Set:
    """Labelled samples as they were read or made."""

    x: torch.Tensor  # [samples, channels, ...] in uint8 or float32
    y: torch.Tensor  # [samples], int64
    classes: int
    per_column: bool = False  # features are different quantities, each to be standardised by itself

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shape(self) -> list[int]:
        return list(self.x.shape[1:])

    def hash(self) -> str:
        """The SHA-256 over shape, classes, samples and labels."""
        h = hashlib.sha256(b"".join(struct.pack("<I", d) for d in [*self.shape, self.classes]))
        for chunk in self.x.split(4096):
            h.update(tensor_bytes(chunk.to(torch.float32)))
        h.update(tensor_bytes(self.y.to(torch.int32)))
        return h.hexdigest()


class Part:
    """Some samples of a Set, standardised as they are taken."""

    def __init__(self, of: Set, index: list[int], shift: torch.Tensor, scale: torch.Tensor, device: Any = "cpu"):
        at = torch.tensor(index, dtype=torch.int64)
        self.x, self.y = of.x[at].to(device), of.y[at].to(device)
        self.shape, self.classes = of.shape, of.classes
        self.shift, self.scale = shift.to(device), scale.to(device)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, which: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The samples and labels at some places."""
        return (self.x[which].to(torch.float32) - self.shift) * self.scale, self.y[which]


class Data:
    """What a search trains, validates and tests on."""

    def __init__(self, options: Options, pool: Set, test: Set | None, source: str, device: Any = "cpu"):
        o = options
        index, fresh = list(range(len(pool))), "fresh"
        if test is None:
            n = _amount("test", o.test, 0.2, len(index))
            test, fresh = pool, "held out"
            tested, index = _divide(pool, index, n, rng.derive(o.seed, "test"))
        elif o.source != "mnist1d":
            n = _amount("test", o.test, len(test), len(test) + 1)
            fresh = "from " + " and ".join(o.test_files or [o.source])
            tested, _ = _divide(test, list(range(len(test))), n, rng.derive(o.seed, "test"))
        else:
            tested = list(range(len(test)))
        if o.samples > len(index):
            raise ValueError(f"data.samples is {o.samples}, but there are only {len(index)}; ask for fewer, or leave it out")
        if o.samples > 0:
            index, _ = _divide(pool, index, o.samples, rng.derive(o.seed, "samples"))
        n = _amount("validation", o.validation, 0.2, len(index))
        validated, trained = _divide(pool, index, n, rng.derive(o.seed, "validation"))

        narrow, wide = _statistics(pool, trained), _statistics(pool, index)
        self._search = Part(pool, trained, *narrow, device), Part(pool, validated, *narrow, device)
        self._final = lambda: (Part(pool, index, *wide, device), Part(test, tested, *wide, device))
        self.shape, self.classes = pool.shape, pool.classes
        brackets = lambda numbers: "[" + " ".join(map(str, numbers)) + "]"
        text = f"{pool.hash()} {test.hash()} {brackets(trained)} {brackets(validated)} {brackets(tested)}\n"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.splits = (
            f"{source}: search trains on {len(trained)} samples and validates on {len(validated)}; "
            f"test trains on those {len(index)} and tests on {len(tested)} {fresh}"
        )

    def search(self) -> tuple[Part, Part]:
        """What candidates are trained and validated on."""
        return self._search

    def final(self) -> tuple[Part, Part]:
        """What the winner is trained and tested on: everything that search
        returns, and data that nothing else has seen."""
        if callable(self._final):
            self._final = self._final()
        return self._final


def load(options: Options, device: Any = "cpu") -> Data:
    """Makes or reads the data. Raises ValueError with the cause and the remedy."""
    o = options
    if o.source == "mnist1d":
        if o.files or o.test_files or o.drop:
            raise ValueError("data.files, test_files and drop belong to other sources; mnist1d is made, not read")
        o = dataclasses.replace(o, samples=o.samples or 4000)
        tests = 10000 if o.test is None else o.test
        if not 20 <= o.samples <= 10_000_000:
            raise ValueError(f"data.samples is {o.samples}; mnist1d can have 20 to 10000000")
        if not 10 <= tests <= 10_000_000 or tests != int(tests):
            raise ValueError(f"data.test is {tests}; mnist1d makes 10 to 10000000 fresh samples")
        pool = Set(*mnist1d(o.samples, o.seed, "train"), DIGITS)
        test = Set(*mnist1d(int(tests), o.seed, "test"), DIGITS)
        return Data(o, pool, test, f"MNIST-1D made with data seed {o.seed}", device)
    pool, test, source = readers.read(o)
    if test is not None and (test[0].shape[1:] != pool[0].shape[1:] or test[2] > pool[2]):
        raise ValueError(
            f"data.test_files hold samples of shape {list(test[0].shape[1:])} in {test[2]} classes, "
            f"but data.files of shape {list(pool[0].shape[1:])} in {pool[2]}; take files that belong together"
        )
    columns = o.source == "csv"
    return Data(o, Set(*pool, columns), test and Set(*test, columns), source, device)


def _amount(name: str, asked: float | None, otherwise: float, everything: int) -> int:
    """A number of samples, or a share of all there are; it is at least 1 and
    leaves at least 1."""
    v = otherwise if asked is None else asked
    n = math.floor(v * everything + 0.5) if v < 1 else math.floor(v)
    if not v > 0 or v >= 1 and n != v or n < 1 or n >= everything:
        raise ValueError(
            f"data.{name} is {v:g} of {everything} samples; give a share between 0 and 1 or a whole number of samples, leaving some of both"
        )
    return n


def _divide(of: Set, index: list[int], take: int, seed: int) -> tuple[list[int], list[int]]:
    """Splits samples in two: take of them, each class in proportion, and the
    rest; both in ascending order."""
    order = list(index)
    rng.Rand(seed).shuffle(order)
    labels = of.y.tolist()
    order.sort(key=labels.__getitem__)
    n = len(order)
    taken, rest = [], []
    for j, at in enumerate(order):
        (taken if (j + 1) * take // n > j * take // n else rest).append(at)
    return sorted(taken), sorted(rest)


def _statistics(of: Set, index: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """What is to be subtracted and multiplied with, so that the samples at
    index have mean 0 and standard deviation 1. What does not vary becomes 0."""
    at = torch.tensor(index, dtype=torch.int64)
    columns = of.x[0].numel() if of.per_column else 1

    def mean_of(value) -> torch.Tensor:
        # Added up one after the other, as in Go: cumsum does that, sum would not.
        total, count = torch.zeros(1, columns, dtype=torch.float64), 0
        for chunk in at.split(4096):
            rows = value(of.x[chunk].to(torch.float64).reshape(-1, columns))
            total = torch.cat([total, rows]).cumsum(0)[-1:]
            count += len(rows)
        return total / count

    mean = mean_of(lambda v: v)
    deviation = mean_of(lambda v: (v - mean) * (v - mean)).sqrt()
    deviation = torch.where(deviation > 1e-12 * mean.abs().clamp(min=1), deviation, torch.ones_like(deviation))
    shape = of.shape if of.per_column else [1] * len(of.shape)
    return mean.to(torch.float32).reshape(shape), (1 / deviation).to(torch.float32).reshape(shape)
