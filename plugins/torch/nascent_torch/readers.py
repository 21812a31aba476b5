"""Readers of files of labelled samples. Each answers what it read as Raw, and
raises ValueError with the file, the cause and the remedy. Files of CSV and IDX
are read as the Gorgonia evaluator reads them (plugins/trainer/data), to the last
bit; testdata/data holds both to it."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import importlib.util
import io
import math
import os
import re
import struct
import traceback
import zipfile
from typing import Any, Callable

import torch

LAYOUTS = ("channels_first", "channels_last")


@dataclasses.dataclass
class Raw:
    """What a file holds."""

    path: str
    x: torch.Tensor  # [samples, channels, ...]; uint8, float32, or float64 where float32 is not exact
    labels: Any  # a tensor of whole numbers, or a list of names
    columns: list[str] | None = None  # of a table: its features by name, each standardised by itself
    labelled: str = ""  # the file of labels, if it is another one
    names: list[str] | None = None  # the classes, if the format says so


def read(o) -> tuple[Raw, Raw | None, str]:
    """Reads what data Options name: training samples, test samples or None,
    and words for where they come from."""
    words = o.source if o.source.partition(":")[0].endswith(".py") else " and ".join(o.files)
    file, colon, function = o.source.partition(":")
    o = dataclasses.replace(o, files=[_at(f) for f in o.files], test_files=[_at(f) for f in o.test_files])
    if file.endswith(".py"):
        return *_own(dataclasses.replace(o, source=_at(file) + colon + function)), words
    if o.source not in _SOURCES:
        raise ValueError(f"data.source {o.source!r} is unknown; use mnist1d, {', '.join(_SOURCES)}, or a Python file of your own")
    reader, want, what = _SOURCES[o.source]
    for name, files in (("files", o.files), ("test_files", o.test_files)):
        if (files or name == "files") and not (len(files) == want or want == 0 and files):
            raise ValueError(f"data.{name} names {len(files)} files; source {o.source} needs {what}")
    pool = reader(o, o.files)
    test = reader(o, o.test_files) if o.test_files else None
    if test and o.source == "images" and len(test.x[0]) < len(pool.x[0]):
        test.x = test.x.expand(-1, len(pool.x[0]), -1, -1)  # grey, where others are in colour
    return pool, test, words


def _at(path: str) -> str:
    """Where a path leads: a relative one starts where the search.yaml lies or,
    where nothing is there, in the working directory."""
    there = os.path.join(os.environ.get("NASCENT_FOLDER", ""), path)
    return path if not os.path.exists(there) and os.path.exists(path) else there


def _open(path: str):
    """A file, unpacked while it is read if it begins as gzip does."""
    try:
        with open(path, "rb") as f:
            packed = f.read(2) == b"\x1f\x8b"
        return gzip.open(path, "rb") if packed else open(path, "rb")
    except OSError as e:
        raise ValueError(f"{path}: cannot be read ({e.strerror}); {_remedy(path, e)}") from e


def _remedy(path: str, e: OSError) -> str:
    """What to do about a data file that cannot be opened. What Debian's package
    dataset-NAME brings lies in /usr/share/datasets/NAME."""
    parts = os.path.normpath(path).split(os.sep)
    if isinstance(e, FileNotFoundError) and parts[:4] == ["", "usr", "share", "datasets"] and len(parts) > 5:
        return f"on Debian: apt-get install dataset-{parts[4]}"
    return "check the path and its permissions"


def _bytes(path: str) -> bytes:
    try:
        with _open(path) as f:
            return f.read()
    except (OSError, EOFError) as e:
        raise ValueError(f"{path}: cannot be read ({e}); copy or download it again") from e


# The types of IDX: by their number, the dtype and how many bytes a value has.
_IDX = {
    0x08: (torch.uint8, 1),
    0x09: (torch.int8, 1),
    0x0B: (torch.int16, 2),
    0x0C: (torch.int32, 4),
    0x0D: (torch.float32, 4),
    0x0E: (torch.float64, 8),
}


def _idx_file(path: str) -> torch.Tensor:
    data = _bytes(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX or not 1 <= data[3] <= 4:
        raise ValueError(f"{path}: begins with {data[:4].hex()}, which is no IDX file of up to 4 dimensions; give a file such as train-images-idx3-ubyte")
    dtype, size = _IDX[data[2]]
    start = 4 + 4 * data[3]
    dims = struct.unpack_from(f">{data[3]}I", data, 4) if len(data) >= start else (1 << 31,)
    total = size
    for d in dims:
        total *= d
    if len(data) != start + total:
        what = "ends too early" if len(data) < start + total else "is longer than its header says"
        raise ValueError(f"{path}: {what}; copy or download it again")
    raw = torch.frombuffer(bytearray(data[start:]), dtype=torch.uint8) if total else torch.empty(0, dtype=torch.uint8)
    values = raw.view(-1, size).flip(1).contiguous().view(dtype).reshape(dims)  # big-endian
    return _numbers(path, values)


_EXACT = (torch.bool, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.float32)  # in float32


def _numbers(path: str, x: torch.Tensor) -> torch.Tensor:
    """Values as Raw holds them, all of them finite."""
    if x.dtype is torch.uint8:
        return x
    if x.is_complex():
        raise ValueError(f"{path}: holds complex numbers; save their parts as channels of their own")
    x = x.to(torch.float32 if x.dtype in _EXACT else torch.float64)
    finite = torch.isfinite(x).flatten()
    if not finite.all():
        at = int((~finite).nonzero()[0])
        raise ValueError(f"{path}: value {at} is {x.flatten()[at].item()}; replace it by a finite number")
    return x


def _idx(o, files) -> Raw:
    x, labels = _idx_file(files[0]), _idx_file(files[1])
    if x.dim() < 2 or labels.dim() != 1:
        raise ValueError(
            f"{files[0]} and {files[1]}: have {x.dim()} and {labels.dim()} dimensions; name the file of samples first, then that of labels"
        )
    channels = x.dim() == 4
    x = _arranged(files[0], o.layout, x if channels else x.unsqueeze(1), channels)
    return Raw(files[0], x, _labels(files[1], labels, len(x)), labelled=files[1])


def _labels(path: str, labels: torch.Tensor, samples: int) -> torch.Tensor:
    """Labels as whole numbers, one for each sample."""
    if len(labels) != samples:
        raise ValueError(f"{path}: holds {len(labels)} labels for {samples} samples; take what belongs together")
    if samples == 0:
        raise ValueError(f"{path}: holds no samples; give a file that has some")
    y = labels.to(torch.int64)
    if bool((y != labels).any()) or int(y.abs().max()) >= 1 << 53:
        at = int((y != labels).nonzero()[0]) if bool((y != labels).any()) else int(y.abs().argmax())
        raise ValueError(f"{path}: label {at} is {labels[at].item()}, but classes are whole numbers; give a file of labels")
    return y


def _arranged(path: str, layout: str, x: torch.Tensor, channels: bool) -> torch.Tensor:
    """Samples with their channels first. Those that look as if they had several
    last, and nothing is said of that, are refused."""
    shape = list(x.shape[1:])
    behind = channels and shape[-1] <= 4 < shape[0]
    if not layout and behind and shape[-1] == 1:
        layout = "channels_last"  # in the same order
    if layout and not channels:
        raise ValueError(f"{path}: data.layout says where channels are, but these samples of shape {shape} have none; leave it out")
    if not layout and behind:
        raise ValueError(
            f"{path}: holds samples of shape {shape}, which seem to have {shape[-1]} channels last; "
            f"set data.layout to channels_last, or to channels_first if they have {shape[0]}"
        )
    return x.movedim(-1, 1).contiguous() if layout == "channels_last" else x


_CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def _cifar10(o, files) -> Raw:
    """The binary files of CIFAR-10: a label and 3 x 32 x 32 bytes each."""
    parts = []
    for path in files:
        data = _bytes(path)
        if len(data) == 0 or len(data) % 3073:
            raise ValueError(f"{path}: has {len(data)} bytes, which are no whole records of 3073; give a file such as data_batch_1.bin")
        parts.append(torch.frombuffer(bytearray(data), dtype=torch.uint8).view(-1, 3073))
    records = torch.cat(parts)
    labels = records[:, 0].to(torch.int64)
    if int(labels.max()) > 9:
        raise ValueError(f"{files[0]}: holds the label {int(labels.max())}, but CIFAR-10 has 0 to 9; give its binary version")
    return Raw(files[0], records[:, 1:].reshape(-1, 3, 32, 32).clone(), labels, names=_CIFAR10)


def _npz(o, files) -> Raw:
    """A file of numpy.savez: x [n, channels, ...] (or [n, features], a table
    unless it is of bytes) and y [n], whole numbers or names."""
    try:
        import numpy
    except ImportError as e:
        raise ValueError("data.source npz needs numpy; install it, or give another source") from e
    path = files[0]
    try:
        with numpy.load(path, allow_pickle=False) as archive:
            if "x" not in archive or "y" not in archive:
                raise ValueError(f"holds {', '.join(archive)}, but needs the arrays x and y")
            x, y = archive["x"], archive["y"]
    except (OSError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as e:
        what = e if isinstance(e, (OSError, ValueError)) and "pickle" not in str(e) else "is no archive of numeric arrays"
        raise ValueError(f"{path}: {what}; save it with numpy.savez(path, x=samples, y=labels)") from e
    if x.ndim < 2 or y.ndim != 1:
        raise ValueError(f"{path}: x has {x.ndim} dimensions and y {y.ndim}; x needs at least two (samples first, then channels), y one")
    if x.dtype.kind not in "biufc" or y.dtype.kind not in "biufUS":
        raise ValueError(f"{path}: x holds {x.dtype} and y {y.dtype}; x needs numbers, y whole numbers or names")
    if x.dtype.kind in "uf" and x.dtype.itemsize > 1 or not x.dtype.isnative:  # types that torch has not
        exact = x.dtype.kind == "u" and x.dtype.itemsize == 2 or x.dtype.kind == "f" and x.dtype.itemsize <= 4
        x = x.astype(numpy.float32 if exact else numpy.float64)
    x = _numbers(path, torch.from_numpy(numpy.ascontiguousarray(x)))
    columns = [str(i) for i in range(x.shape[1])] if x.dim() == 2 and x.dtype is not torch.uint8 else None
    if y.dtype.kind in "US":
        labels: Any = [(v.decode("utf-8", "replace") if isinstance(v, bytes) else v).strip() for v in y.tolist()]
        if len(labels) != len(x):
            raise ValueError(f"{path}: holds {len(labels)} labels for {len(x)} samples; take what belongs together")
    else:
        labels = _labels(path, torch.from_numpy(y.astype(numpy.int64 if y.dtype.kind in "bi" else numpy.float64)), len(x))
    return Raw(path, _arranged(path, o.layout, x, x.dim() > 2), labels, columns)


_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".webp", ".tif", ".tiff")


def _images(o, files) -> Raw:
    """A folder with a folder of pictures for each class. What is hidden or empty
    is no class. In three colours if one of the pictures is, else grey; grey ones
    may have more than 8 bits."""
    try:
        from PIL import Image
    except ImportError as e:
        raise ValueError("data.source images needs Pillow; install it (pip install pillow), or give another source") from e
    root = files[0]
    if o.size is not None and not (isinstance(o.size, list) and len(o.size) == 2 and all(isinstance(v, int) and v > 0 for v in o.size)):
        raise ValueError(f"data.size is {o.size}; give [height, width] in pixels")
    pixels: list[torch.Tensor] = []  # [channels, height, width]
    labels, deep, size = [], "", o.size and (o.size[1], o.size[0])
    for name, path in _pictures(root):
        try:
            with Image.open(path) as picture:
                bits = "8"
                if picture.mode.startswith("I") or picture.mode == "F":
                    bits = "more than 8"
                    picture = picture.convert("F" if picture.mode == "F" else "I")
                elif picture.mode in ("1", "L"):
                    picture = picture.convert("L")
                else:
                    clear = picture.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in picture.info
                    if clear and picture.convert("RGBA").getchannel("A").getextrema()[0] < 255:
                        raise ValueError("shows what is behind it in places; lay it on a background first (convert -flatten)")
                    picture = picture.convert("L" if picture.mode in ("LA", "La") else "RGB")
                if o.size:
                    picture = picture.resize(size, Image.BILINEAR)
                wide, high = picture.size
                kind = {"F": torch.float32, "I": torch.int32}.get(picture.mode, torch.uint8)
                flat = torch.frombuffer(bytearray(picture.tobytes()), dtype=kind)
        except (OSError, SyntaxError) as e:
            raise ValueError(f"{path}: is no picture that can be read ({e}); remove or replace it") from e
        except ValueError as e:
            raise ValueError(f"{path}: {e}") from e
        size = size or (wide, high)
        if (wide, high) != size:
            raise ValueError(f"{path}: is {high} x {wide}, others are {size[1]} x {size[0]}; set data.size to [height, width]")
        deep = deep or bits
        if bits != deep:
            raise ValueError(f"{path}: has {bits} bits a pixel, others have {deep}; save all in the same way")
        pixels.append(flat.view(high, wide, -1).permute(2, 0, 1))
        labels.append(name)
    if not pixels:
        raise ValueError(f"{root}: holds no folder with pictures; name a folder with a folder of pictures for each class")
    channels = max(len(p) for p in pixels)
    return Raw(root, _numbers(root, torch.stack([p.expand(channels, -1, -1) for p in pixels])), labels)


def _pictures(root: str) -> list[tuple[str, str]]:
    """The pictures in the folders of root: the folder's name, and the path."""
    found = []
    try:
        folders = sorted(e.name for e in os.scandir(root) if e.is_dir() and not _hidden(e.name))
        for name in folders:
            folder = os.path.join(root, name)
            here = sorted(f for f in os.listdir(folder) if not _hidden(f))
            for file in here:
                path = os.path.join(folder, file)
                if os.path.isdir(path):
                    if any(f.lower().endswith(_PICTURES) for _, _, files in os.walk(path) for f in files):
                        raise ValueError(
                            f"{path}: holds pictures, but the classes are the folders of {root}; "
                            f"move them up, or name {folder} if its folders are the classes"
                        )
                elif file.lower().endswith(_PICTURES):
                    found.append((name, path))
            if here and not any(at == name for at, _ in found[-1:]):
                raise ValueError(
                    f"{folder}: holds no picture that could be read ({here[0]}), but a class has some; "
                    f"remove it, or convert to one of {' '.join(_PICTURES)}"
                )
    except OSError as e:
        raise ValueError(f"{root}: cannot be read ({e.strerror}); name a folder with a folder for each class") from e
    return found


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX", "@eaDir"))


_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _csv(o, files) -> Raw:
    """A header line, a column of classes, columns of numbers; separated by commas,
    semicolons or tabs, whichever the header has most of."""
    path = files[0]
    data = _bytes(path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError(f"{path}: is UTF-16; save it as UTF-8")
    text = data.decode("utf-8-sig", "surrogateescape")
    separator = _separator(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=separator != "\t", strict=True)
    header, label, features, values, names = None, 0, [], [], []
    line = 1
    try:
        for row in rows:
            at, line = line, rows.line_num + 1
            if not row:
                continue
            if header is None:
                header = [name.strip() for name in row]
                label, features = _columns(o, path, header)
                continue
            if len(row) != len(header):
                raise ValueError(
                    f"{path}:{at}: has {len(row)} fields; "
                    f"every line needs as many fields as the header, {len(header)}, quoted as in RFC 4180"
                )
            for i in features:
                values.append(_cell(path, at, header[i], row[i].strip()))
            name = row[label].strip()
            if not name:
                raise ValueError(f"{path}:{at}: column {_quoted(o.label)} is empty; give every line a class")
            _is_text(path, at, name)
            names.append(name)
    except csv.Error as e:
        raise ValueError(f"{path}:{line}: {e}; every line needs as many fields as the header, quoted as in RFC 4180") from e
    if header is None:
        raise ValueError(f"{path}: is empty; give a CSV file with a header line")
    if not names:
        raise ValueError(f"{path}: has a header and no samples; give a file with some")
    x = torch.tensor(values, dtype=torch.float64).view(len(names), len(features))
    return Raw(path, x, names, [header[i] for i in features])


def _separator(text: str) -> str:
    counts, quoted = {",": 0, ";": 0, "\t": 0}, False
    for c in text[: 1 << 16]:
        if c == '"':
            quoted = not quoted
        elif not quoted and c in counts:
            counts[c] += 1
        elif not quoted and c == "\n":
            break
    if counts[";"] > counts[","] and counts[";"] >= counts["\t"]:
        return ";"
    return "\t" if counts["\t"] > counts[","] else ","


def _columns(o, path: str, header: list[str]) -> tuple[int, list[int]]:
    """The column of the class, and those of features."""
    for name in header:
        _is_text(path, 1, name)
    if o.label not in header and all(map(_NUMBER.fullmatch, header)):
        raise ValueError(f"{path}: has numbers in its first line; begin it with a line of names, one for each column")
    if o.label not in header:
        raise ValueError(f"{path}: has no column {_quoted(o.label)} to take the class from; set data.label to one of {listed(header)}")
    if header.count(o.label) > 1:
        raise ValueError(f"{path}: has two columns {_quoted(o.label)}; rename one of them")
    for name in o.drop:
        if name not in header:
            raise ValueError(f"{path}: has no column {_quoted(name)} to drop; its columns are {listed(header)}")
    features = [i for i, name in enumerate(header) if name != o.label and name not in o.drop]
    for i in features:
        if not header[i] or header[i].startswith("Unnamed: "):
            raise ValueError(
                f"{path}: column {i + 1} is called {_quoted(header[i])}, as pandas calls its row numbers; "
                f"list {_quoted(header[i])} under data.drop, or save with index=False"
            )
    if not features:
        raise ValueError(f"{path}: has no column besides the class; give a file with features")
    return header.index(o.label), features


def _cell(path: str, line: int, column: str, cell: str) -> float:
    if not cell:
        raise ValueError(f"{path}:{line}: column {_quoted(column)} is empty; fill it, remove the line, or list the column under data.drop")
    value = float(cell) if _NUMBER.fullmatch(cell) else math.nan
    if not math.isfinite(value):
        raise ValueError(
            f"{path}:{line}: column {_quoted(column)} holds {_quoted(cell)}, which is no finite number; "
            "correct it, or list the column under data.drop"
        )
    return value


def _is_text(path: str, line: int, text: str) -> None:
    if any("\udc80" <= c <= "\udcff" for c in text):
        raise ValueError(f"{path}:{line}: is no UTF-8 text; convert the file, for example with iconv -f latin1 -t utf-8")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def listed(names: list[str]) -> str:
    """The names of columns or classes, of many the first and the last."""
    named = [name for name in names if name]
    if len(named) > 12:
        return f"{', '.join(named[:9])}, {len(named) - 11} more, {', '.join(named[-2:])}"
    return ", ".join(named)


def _own(o) -> tuple:
    """FILE.py[:FUNCTION]: the function (load, if unsaid) answers the samples, or
    those to search with and those to test on. Samples are a Dataset of
    (tensor, label), or a pair of tensors."""
    path, _, function = o.source.partition(":")
    function = function or "load"
    if not os.path.isfile(path):
        raise ValueError(f"data.source {path}: there is no such file; give the path of a Python file")
    spec = importlib.util.spec_from_file_location("nascent_own_data", path)
    module = importlib.util.module_from_spec(spec)
    _asked(path, lambda: spec.loader.exec_module(module))
    if not callable(getattr(module, function, None)):
        raise ValueError(f"{path}: has no function {function}; define one that returns a Dataset, or name yours after a colon")
    answer = _asked(path, getattr(module, function))
    two = isinstance(answer, (tuple, list)) and len(answer) == 2 and not isinstance(answer[0], torch.Tensor)
    parts = list(answer) if two else [answer, None]
    if parts[0] is None:
        raise ValueError(f"{path}: {function} answers nothing to search with; return a Dataset, or a pair of tensors")
    return tuple(part if part is None else _collected(o, path, part) for part in parts)


def _asked(path: str, call: Callable[[], Any]) -> Any:
    """What the user's code answers. Its mistakes are told with its own line."""
    try:
        return call()
    except Exception as e:
        lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if os.path.abspath(f.filename) == os.path.abspath(path)]
        raise ValueError(f"{path}{f':{lines[-1]}' if lines else ''}: {type(e).__name__}: {e}") from e


def _collected(o, path: str, part) -> Raw:
    if isinstance(part, (tuple, list)) and len(part) == 2 and isinstance(part[0], torch.Tensor):
        x, y = part[0], torch.as_tensor(part[1])
    elif not hasattr(part, "__len__") or not hasattr(part, "__getitem__"):
        raise ValueError(f"{path}: answers a {type(part).__name__}; return a torch.utils.data.Dataset of (tensor, label), or a pair of tensors")
    else:
        pairs = _asked(path, lambda: [(torch.as_tensor(sample), torch.as_tensor(label).item()) for sample, label in (part[i] for i in range(len(part)))])
        x = _asked(path, lambda: torch.stack([sample for sample, _ in pairs]))
        y = torch.tensor([label for _, label in pairs])
    if x.dim() < 2:
        raise ValueError(f"{path}: answers samples of shape {list(x.shape[1:])}; they need at least one dimension, channels first")
    if y.dim() != 1:
        raise ValueError(f"{path}: answers labels of shape {list(y.shape)}; give one number for each sample")
    return Raw(path, _arranged(path, o.layout, _numbers(path, x), x.dim() > 2), _labels(path, y, len(x)))


_SOURCES = {
    "idx": (_idx, 2, "a file of samples and a file of labels"),
    "csv": (_csv, 1, "one CSV file"),
    "cifar10": (_cifar10, 0, "binary files such as data_batch_1.bin"),
    "npz": (_npz, 1, "one file of numpy.savez with x and y"),
    "images": (_images, 1, "one folder with a folder for each class"),
}
