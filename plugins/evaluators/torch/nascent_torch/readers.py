"""Readers of files of labelled samples. Each answers samples [n, channels,
...] in uint8 or float32, their classes as int64, and the number of classes;
each raises ValueError with the file, the cause and the remedy."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import os
import struct
import traceback
import zipfile
from typing import Any, Callable, Tuple

import torch

Samples = Tuple[torch.Tensor, torch.Tensor, int]


def read(o) -> tuple:
    """Reads what data Options name: training samples, test samples or None,
    and words for where they come from."""
    if o.source.partition(":")[0].endswith(".py"):
        return *_own(o.source), o.source
    if o.source not in _SOURCES:
        raise ValueError(f"data.source {o.source!r} is unknown; use mnist1d, {', '.join(_SOURCES)}, or a Python file of your own")
    reader, want, what = _SOURCES[o.source]
    for name, files in (("files", o.files), ("test_files", o.test_files)):
        if (files or name == "files") and not (len(files) == want or want == 0 and files):
            raise ValueError(f"data.{name} names {len(files)} files; source {o.source} needs {what}")
    x, y, classes = reader(o, o.files)
    test = None
    if o.test_files:
        # The classes of a CSV file have names, which number those of the other.
        test = reader(o, o.test_files, classes) if o.source == "csv" else reader(o, o.test_files)
        test = *test[:2], test[2] if isinstance(test[2], int) else len(test[2])
    return (x, y, classes if isinstance(classes, int) else len(classes)), test, " and ".join(o.files)


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
    return values if dtype is torch.uint8 else _finite(path, values.to(torch.float32))


def _finite(path: str, x: torch.Tensor) -> torch.Tensor:
    if not torch.isfinite(x).all():
        raise ValueError(f"{path}: holds a value that is no finite number; replace it by one that is")
    return x


def _idx(o, files) -> Samples:
    x, labels = _idx_file(files[0]), _idx_file(files[1])
    if x.dim() < 2 or labels.dim() != 1:
        raise ValueError(f"{files[0]} and {files[1]}: have {x.dim()} and {labels.dim()} dimensions; name the file of samples first, then that of labels")
    if x.dim() < 4:
        x = x.unsqueeze(1)
    return _labelled(files[1], x, labels)


def _labelled(path: str, x: torch.Tensor, labels: torch.Tensor) -> Samples:
    if len(labels) != len(x):
        raise ValueError(f"{path}: holds {len(labels)} labels for {len(x)} samples; take what belongs together")
    if len(x) == 0:
        raise ValueError(f"{path}: holds no samples; give a file that has some")
    y = labels.to(torch.int64)
    if bool((y != labels).any()) or int(y.min()) < 0 or int(y.max()) >= 1 << 16:
        raise ValueError(f"{path}: holds labels that are no whole numbers from 0; give a file of labels")
    return x, y, int(y.max()) + 1


def _cifar10(o, files) -> Samples:
    """The binary files of CIFAR-10: a label and 3 x 32 x 32 bytes each."""
    parts = []
    for path in files:
        data = _bytes(path)
        if len(data) == 0 or len(data) % 3073:
            raise ValueError(f"{path}: has {len(data)} bytes, which are no whole records of 3073; give a file such as data_batch_1.bin")
        parts.append(torch.frombuffer(bytearray(data), dtype=torch.uint8).view(-1, 3073))
    records = torch.cat(parts)
    x, y, _ = _labelled(files[0], records[:, 1:].reshape(-1, 3, 32, 32).clone(), records[:, 0])
    if int(y.max()) > 9:
        raise ValueError(f"{files[0]}: holds the label {int(y.max())}, but CIFAR-10 has 0 to 9; give its binary version")
    return x, y, 10


def _npz(o, files) -> Samples:
    """A file of numpy.savez: x [n, channels, ...] (or [n, features]) and y [n]."""
    try:
        import numpy
    except ImportError as e:
        raise ValueError("data.source npz needs numpy; install it, or give another source") from e
    try:
        with numpy.load(files[0], allow_pickle=False) as archive:
            if "x" not in archive or "y" not in archive:
                raise ValueError(f"holds {', '.join(archive)}, but needs the arrays x and y")
            x, y = archive["x"], archive["y"]
    except (OSError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as e:
        what = e if isinstance(e, (OSError, ValueError)) and "pickle" not in str(e) else "is no archive of numeric arrays"
        raise ValueError(f"{files[0]}: {what}; save it with numpy.savez(path, x=samples, y=labels)") from e
    if x.ndim < 2 or y.ndim != 1:
        raise ValueError(f"{files[0]}: x has {x.ndim} dimensions and y {y.ndim}; x needs at least two (samples first, then channels), y one")
    if y.dtype.kind not in "biuf":
        raise ValueError(f"{files[0]}: y holds no numbers; number the classes from 0")
    x = torch.from_numpy(x) if x.dtype == numpy.uint8 else _finite(files[0], torch.from_numpy(x.astype(numpy.float32)))
    return _labelled(files[0], x, torch.from_numpy(y.astype(numpy.float64)))


_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".webp", ".tif", ".tiff")


def _images(o, files) -> Samples:
    """A folder with a folder of pictures for each class, in the order of their
    names. Grey if the first picture is, else in three colours."""
    try:
        from PIL import Image
    except ImportError as e:
        raise ValueError("data.source images needs Pillow; install it (pip install pillow), or give another source") from e
    root = files[0]
    try:
        names = sorted(e.name for e in os.scandir(root) if e.is_dir())
    except OSError as e:
        raise ValueError(f"{root}: cannot be read ({e.strerror}); name a folder with a folder for each class") from e
    if o.size is not None and not (isinstance(o.size, list) and len(o.size) == 2 and all(isinstance(v, int) and v > 0 for v in o.size)):
        raise ValueError(f"data.size is {o.size}; give [height, width] in pixels")
    pixels, labels, mode, size = [], [], None, o.size and (o.size[1], o.size[0])
    for label, name in enumerate(names):
        for file in sorted(os.listdir(os.path.join(root, name))):
            path = os.path.join(root, name, file)
            if not file.lower().endswith(_PICTURES):
                continue
            try:
                with Image.open(path) as picture:
                    mode = mode or ("L" if picture.mode in ("L", "1", "I;16") else "RGB")
                    picture = picture.convert(mode)
                    if o.size:
                        picture = picture.resize(size, Image.BILINEAR)
            except OSError as e:
                raise ValueError(f"{path}: is no picture that can be read ({e}); remove or replace it") from e
            size = size or picture.size
            if picture.size != size:
                raise ValueError(f"{path}: is {picture.size[1]} x {picture.size[0]}, others are {size[1]} x {size[0]}; set data.size to [height, width]")
            flat = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
            pixels.append(flat.view(size[1], size[0], len(picture.getbands())).permute(2, 0, 1))
            labels.append(label)
    if len(set(labels)) < 2:
        raise ValueError(f"{root}: holds pictures of {len(set(labels))} classes; name a folder with a folder of pictures for each class")
    return torch.stack(pixels), torch.tensor(labels), len(names)


def _csv(o, files, known=None):
    """A header line, a column of classes, columns of numbers. Classes are
    numbered in the order of their names, as numbers if all are whole, and
    answered by name; known are those of the training file."""
    path = files[0]
    with _open(path) as f:
        try:
            rows = list(csv.reader(f.read().decode("utf-8-sig").splitlines(), skipinitialspace=True))
        except (OSError, EOFError, UnicodeDecodeError, csv.Error) as e:
            raise ValueError(f"{path}: {e}; copy or download it again") from e
    rows = [row for row in rows if row]
    if len(rows) < 2:
        raise ValueError(f"{path}: has no samples; give a CSV file with a header line and some")
    header = rows[0]
    for name in [o.label, *o.drop]:
        if name not in header:
            raise ValueError(f"{path}: has no column {name!r}; its columns are {', '.join(header[:10])}")
    label = header.index(o.label)
    features = [i for i, name in enumerate(header) if i != label and name not in o.drop]
    if not features:
        raise ValueError(f"{path}: has no column besides the class; give a file with features")
    values, names = [], []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ValueError(f"{path}:{line}: has {len(row)} fields; every line needs as many as the header, {len(header)}")
        try:
            values.append([float(row[i]) for i in features])
        except ValueError as e:
            raise ValueError(f"{path}:{line}: {e}; correct it, or list the column under data.drop") from e
        names.append(row[label].strip())
    classes = sorted(set(names))
    try:
        classes.sort(key=int)
    except ValueError:
        pass
    known = known or classes
    if len(known) < 2:
        raise ValueError(f"{path}: column {o.label!r} has the same value everywhere; name the column that holds the class")
    for name in classes:
        if name not in known:
            raise ValueError(f"{path}: has class {name!r}, which the training file has not; give files with the same classes")
    number = {name: i for i, name in enumerate(known)}
    x = _finite(path, torch.tensor(values, dtype=torch.float64).to(torch.float32))
    return x, torch.tensor([number[name] for name in names]), known


def _own(source: str) -> tuple:
    """FILE.py[:FUNCTION]: the function (load, if unsaid) answers the samples, or
    those to search with and those to test on. Samples are a Dataset of
    (tensor, label), or a pair of tensors."""
    path, _, function = source.partition(":")
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
    return tuple(part if part is None else _collected(path, part) for part in parts)


def _asked(path: str, call: Callable[[], Any]) -> Any:
    """What the user's code answers. Its mistakes are told with its own line."""
    try:
        return call()
    except Exception as e:
        lines = [f.lineno for f in traceback.extract_tb(e.__traceback__) if os.path.abspath(f.filename) == os.path.abspath(path)]
        raise ValueError(f"{path}{f':{lines[-1]}' if lines else ''}: {type(e).__name__}: {e}") from e


def _collected(path: str, part) -> Samples:
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
    return _labelled(path, x if x.dtype is torch.uint8 else _finite(path, x.to(torch.float32)), y)


_SOURCES = {
    "idx": (_idx, 2, "a file of samples and a file of labels"),
    "csv": (_csv, 1, "one CSV file"),
    "cifar10": (_cifar10, 0, "binary files such as data_batch_1.bin"),
    "npz": (_npz, 1, "one file of numpy.savez with x and y"),
    "images": (_images, 1, "one folder with a folder for each class"),
}
