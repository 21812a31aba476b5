"""The labelled samples of a search, split into parts for training, validating
and testing.

Sources, options and splits are those of the Gorgonia evaluator
(plugins/trainer/data): the same options give the same samples in the same
parts, standardised by the same numbers, and the same fingerprint. What lies in
which part follows from the options alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
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
    layout: str = ""  # where channels are, unless that is plain: channels_first or channels_last
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
            wants = {"files": "a list of names", "test_files": "a list of names", "drop": "a list of names", "source": "a name", "label": "a name", "layout": "a name",
                     "samples": "a whole number", "seed": "a whole number", "validation": "a number", "test": "a number"}.get(key)  # fmt: skip
            fits = {"a list of names": isinstance(v, list) and all(isinstance(f, str) for f in v), "a name": isinstance(v, str),
                    "a whole number": number and v == int(v) and v >= 0, "a number": number}.get(wants or "", True)  # fmt: skip
            if not fits:
                raise ValueError(f"data.{key} is {v}; give {wants}")
        options = Options(**value)
        if options.layout and (options.layout not in readers.LAYOUTS or options.source in ("mnist1d", "csv", "images", "cifar10")):
            raise ValueError(
                f"data.layout is {options.layout!r} of source {options.source!r}; "
                f"it is {' or '.join(readers.LAYOUTS)}, and for idx, npz or files of your own"
            )
        options.samples, options.seed = int(options.samples), int(options.seed) or 1
        return options


@dataclasses.dataclass
class Set:
    """Labelled samples as they were read or made."""

    x: torch.Tensor  # [samples, channels, ...] in uint8 or float32, each value less its offset
    y: torch.Tensor  # [samples], int64
    classes: list[str]  # by name
    columns: list[str] | None = None  # of a table: its features by name, each to be standardised by itself
    offset: torch.Tensor | None = None  # float64: of all values, or one for each column; None: none

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shape(self) -> list[int]:
        return list(self.x.shape[1:])

    def hash(self) -> str:
        """The SHA-256 over shape, number of classes, samples, labels and offsets."""
        h = hashlib.sha256(b"".join(struct.pack("<I", d) for d in [*self.shape, len(self.classes)]))
        for chunk in self.x.split(4096):
            h.update(tensor_bytes(chunk.to(torch.float32)))
        h.update(tensor_bytes(self.y.to(torch.int32)))
        if self.offset is not None:
            h.update(tensor_bytes(self.offset))
        return h.hexdigest()

    @staticmethod
    def of(raw: readers.Raw, like: Set | None = None) -> Set:
        """Numbers the classes of what was read and stores its values; like is the
        training file's, None for that itself."""
        where = raw.labelled or raw.path
        if like is None:
            classes = raw.names or _named(raw.labels)
            if len(classes) < 2:
                raise ValueError(f"{where}: all samples are of class {classes[0]!r}; name the column or file that holds the classes")
            if len(classes) > 1 << 16:
                raise ValueError(
                    f"{where}: holds {len(classes)} classes, more than {1 << 16}; name the column or file that holds the classes"
                )
        else:
            classes = like.classes
            if raw.columns != like.columns:
                raise ValueError(
                    f"{raw.path}: has the feature columns {readers.listed(raw.columns or [])}, "
                    f"but the training file {readers.listed(like.columns or [])}; give files with the same columns in the same order"
                )
            if list(raw.x.shape[1:]) != like.shape:
                raise ValueError(
                    f"{raw.path}: holds samples of shape {list(raw.x.shape[1:])}, but the training file of shape {like.shape}; "
                    "take files that belong together"
                )
        if raw.names:
            y = raw.labels
        else:
            y = _numbered(where, raw.labels, classes)
        offset = like and like.offset
        x = raw.x
        if x.dtype is torch.float64 or offset is not None:
            x, offset = _fill(raw, x.to(torch.float64), offset, like is None)
        return Set(x, y, classes, raw.columns, offset)


_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(\.0*)?")


def _whole(name: str) -> str:
    return str(int(name.partition(".")[0]))


def _named(labels: Any) -> list[str]:
    """The classes of labels by name, as they are numbered: in the order of
    numbers if all are whole (1.0 is the class 1), else of text."""
    if isinstance(labels, torch.Tensor):
        return [str(v) for v in labels.unique().tolist()]
    names = sorted(set(labels), key=lambda name: name.encode("utf-8"))
    if all(map(_WHOLE.fullmatch, names)):
        return sorted(set(map(_whole, names)), key=int)
    return names


def _numbered(path: str, labels: Any, classes: list[str]) -> torch.Tensor:
    """The numbers of labels, by the classes of the training file."""
    number = {name: i for i, name in enumerate(classes)}
    names = [str(v) for v in labels.tolist()] if isinstance(labels, torch.Tensor) else labels
    if all(map(_WHOLE.fullmatch, classes)):
        names = [_whole(name) if _WHOLE.fullmatch(name) else name for name in names]
    for name in names:
        if name not in number:
            raise ValueError(
                f'{path}: has class "{name}", which the training file has not ({readers.listed(classes)}); give files with the same classes'
            )
    return torch.tensor([number[name] for name in names])


def _fill(raw: readers.Raw, values: torch.Tensor, offset: torch.Tensor | None, first: bool) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Values as float32, less an offset: that of the training file or, for the
    training file itself, the smallest value of every group that float32 would
    keep apart badly, such as the hours of 2024010107. Differences keep 20 bits of
    their group's range. Values that float32 cannot hold even so are refused."""
    shape = values.shape
    values = values.reshape(-1, len(raw.columns) if raw.columns else 1)
    low, high = values.amin(0), values.amax(0)
    reach = high - low

    def less(offset) -> tuple[torch.Tensor, torch.Tensor]:
        exact = values if offset is None else values - offset
        x = exact.to(torch.float32)
        return x, (exact - x).abs().amax(0)

    def badly(lost) -> torch.Tensor:
        return (lost > reach / (1 << 20)) & ((reach > 0) | lost.isinf())

    x, lost = less(offset)
    if first and bool(badly(lost).any()):
        offset = torch.where(badly(lost), low, torch.zeros_like(low))
        x, lost = less(offset)
    refused = lost.isinf()
    if first:
        refused |= badly(lost) | (reach > 1e30) | (reach > 0) & (reach < 1e-30)
    if bool(refused.any()):
        at = int(refused.nonzero()[0])
        what = f'column "{raw.columns[at]}"' if raw.columns else "its values"
        raise ValueError(
            f"{raw.path}: {what} from {low[at]:g} to {high[at]:g} cannot be told apart in float32; "
            "write them in another unit, or as logarithms"
        )
    return x.reshape(shape), offset


class Part:
    """Some samples of a Set, standardised as they are taken."""

    def __init__(self, of: Set, index: list[int], shift: torch.Tensor, scale: torch.Tensor, device: Any = "cpu"):
        at = torch.tensor(index, dtype=torch.int64)
        self.x, self.y = of.x[at].to(device), of.y[at].to(device)
        self.shape, self.classes = of.shape, len(of.classes)
        self.shift, self.scale = shift.to(device), scale.to(device)
        self.columns, self.names, self.offset = of.columns, of.classes, of.offset

    def samples(self) -> dict[str, Any]:
        """What raw samples are made of, what happens to them before a network reads
        them, and which classes its answers stand for, as checkpoints say it: a
        network reads (float32(v - offset) - shift) * scale, where the lists have one
        number for all values v of a sample, or one for each."""
        said = {"shape": self.shape, "columns": self.columns, "classes": self.names}
        said["offset"] = None if self.offset is None else self.offset.tolist()
        said.update(shift=self.shift.flatten().tolist(), scale=self.scale.flatten().tolist())
        return {name: value for name, value in said.items() if value is not None}

    def __len__(self) -> int:
        return len(self.y)

    def raw(self) -> torch.Tensor:
        """All samples as they were read, in float64."""
        x = self.x.to("cpu", torch.float64)
        return x if self.offset is None else x + self.offset.reshape(self.shape if self.columns else [1] * len(self.shape))

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
            _complete("test", pool, index, tested)
        elif o.source != "mnist1d":
            n = _amount("test", o.test, len(test), len(test) + 1)
            fresh = "from " + " and ".join(o.test_files or [o.source])
            tested, _ = _divide(test, list(range(len(test))), n, rng.derive(o.seed, "test"))
        else:
            tested = list(range(len(test)))
        if o.samples > len(index):
            raise ValueError(f"data.samples is {o.samples}, but there are only {len(index)}; ask for fewer, or leave it out")
        if o.samples > 0:
            index, rest = _divide(pool, index, o.samples, rng.derive(o.seed, "samples"))
            _complete("samples", pool, index, rest)
        n = _amount("validation", o.validation, 0.2, len(index))
        validated, trained = _divide(pool, index, n, rng.derive(o.seed, "validation"))
        _complete("validation", pool, trained, validated)

        narrow, wide = _statistics(pool, trained), _statistics(pool, index)
        self._search = Part(pool, trained, *narrow, device), Part(pool, validated, *narrow, device)
        self._final = lambda: (Part(pool, index, *wide, device), Part(test, tested, *wide, device))
        self.shape, self.classes = pool.shape, pool.classes
        brackets = lambda numbers: "[" + " ".join(map(str, numbers)) + "]"
        table = "columns " if pool.columns and o.source != "csv" else ""
        text = f"{table}{pool.hash()} {test.hash()} {brackets(trained)} {brackets(validated)} {brackets(tested)}\n"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.splits = (
            f"{source}: search trains on {len(trained)} samples and validates on {len(validated)}; "
            f"test trains on those {len(index)} and tests on {len(tested)} {fresh}"
            + _missing(pool, validated, "validation")
            + _missing(test, tested, "test")
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
        pool = Set(*mnist1d(o.samples, o.seed, "train"), [str(i) for i in range(DIGITS)])
        test = Set(*mnist1d(int(tests), o.seed, "test"), [str(i) for i in range(DIGITS)])
        return Data(o, pool, test, f"MNIST-1D made with data seed {o.seed}", device)
    read, read_test, source = readers.read(o)
    pool = Set.of(read)
    return Data(o, pool, read_test and Set.of(read_test, pool), source, device)


def unread(wanted: list[int], shape: list[int]) -> str:
    """Why a network with this input cannot read samples of a shape, "" if it can:
    equal ones, or either of them a plain list of numbers (but for extents of 1)."""
    plain = any(sum(d != 1 for d in extents) < 2 for extents in (wanted, shape))
    if math.prod(wanted) == math.prod(shape) and plain or list(wanted) == list(shape):
        return ""
    last = len(shape) > 1 and list(wanted) == [shape[-1], *shape[:-1]]
    return f"is {wanted}, but a sample of the data has shape {shape}: " + ("set data.layout to channels_last" if last else "set it so")


def _missing(of: Set, index: list[int], what: str) -> str:
    """Says which classes a part has no sample of."""
    has = set(of.y[torch.tensor(index, dtype=torch.int64)].tolist())
    names = [name for i, name in enumerate(of.classes) if i not in has]
    return f"; {what} has no sample of class {readers.listed(names)}" if names else ""


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


def _complete(name: str, of: Set, kept: list[int], other: list[int]) -> None:
    """Sees to it that kept has a sample of every class that other has one of: in
    exchange other gets one of the class that kept has most of. Both stay as large
    as they are, and ascending. Raises ValueError if kept is too small for that."""
    labels = of.y.tolist()
    has = [0] * len(of.classes)
    for at in kept:
        has[labels[at]] += 1
    for i, at in enumerate(other):
        if has[labels[at]] > 0:
            continue
        most = has.index(max(has))
        if has[most] < 2:
            raise ValueError(
                f"data.{name}: {len(kept)} samples would be left to train on, too few for one of each of the {len(has)} classes "
                "(does data.label name the class?)"
            )
        j = max(j for j, taken in enumerate(kept) if labels[taken] == most)
        kept[j], other[i] = at, kept[j]
        has[most] -= 1
        has[labels[at]] += 1
    kept.sort()
    other.sort()


def _statistics(of: Set, index: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """What is to be subtracted and multiplied with, so that the samples at
    index have mean 0 and standard deviation 1. What does not vary becomes 0."""
    at = torch.tensor(index, dtype=torch.int64)
    columns = len(of.columns) if of.columns else 1

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
    low, high = _extremes(of.x, at, columns)
    same = low == high
    mean, deviation = torch.where(same, low, mean), torch.where(same, torch.ones_like(mean), deviation)
    shape = of.shape if of.columns else [1] * len(of.shape)
    return mean.to(torch.float32).reshape(shape), (1 / deviation).to(torch.float32).reshape(shape)


def _extremes(x: torch.Tensor, at: torch.Tensor, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The smallest and the largest value of each column."""
    rows = [x[chunk].reshape(-1, columns) for chunk in at.split(4096)]
    low, high = torch.stack([r.amin(0) for r in rows]).amin(0), torch.stack([r.amax(0) for r in rows]).amax(0)
    return low.to(torch.float64), high.to(torch.float64)
