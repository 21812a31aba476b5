"""Named arrays in the safetensors format, read and written.

A file is the length of a JSON header as eight little-endian bytes, the header,
and the arrays one after the other: data, and nothing that could be run.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct

import torch

_NAMES = {
    torch.float32: "F32",
    torch.float64: "F64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
}
_TYPES = {name: dtype for dtype, name in _NAMES.items()}


def tensor_bytes(t: torch.Tensor) -> bytes:
    """The bytes of a tensor's values, without numpy."""
    t = t.detach().cpu().contiguous()
    return ctypes.string_at(t.data_ptr(), t.numel() * t.element_size()) if t.numel() else b""


def save(path: str, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes tensors, in their order, and metadata. A reader never sees half
    a file: it is written beside the path and then renamed."""
    header: dict = {"__metadata__": metadata} if metadata else {}
    at = 0
    for name, t in tensors.items():
        size = t.numel() * t.element_size()
        header[name] = {"dtype": _NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".part", "wb") as f:
        f.write(struct.pack("<Q", len(text)))
        f.write(text)
        for t in tensors.values():
            f.write(tensor_bytes(t))
    os.replace(path + ".part", path)


def metadata(path: str) -> dict[str, str]:
    """A file's metadata alone; empty if it has none, or is no such file."""
    try:
        with open(path, "rb") as f:
            (length,) = struct.unpack("<Q", f.read(8))
            return json.loads(f.read(min(length, 1 << 24))).get("__metadata__", {})
    except (OSError, struct.error, ValueError, AttributeError):
        return {}


def load(path: str) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Reads a file: its tensors by name, and its metadata. Raises ValueError
    for a file that is none."""
    with open(path, "rb") as f:
        data = f.read()
    try:
        (length,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + length])
        texts = header.pop("__metadata__", {})
        tensors = {}
        for name, entry in header.items():
            dtype, shape = _TYPES[entry["dtype"]], entry["shape"]
            start, end = (8 + length + v for v in entry["data_offsets"])
            if start == end:
                tensors[name] = torch.empty(shape, dtype=dtype)
                continue
            if not 8 + length <= start < end <= len(data):
                raise ValueError(f"tensor {name} lies outside the file")
            tensors[name] = torch.frombuffer(bytearray(data[start:end]), dtype=dtype).reshape(shape)
    except (struct.error, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as e:
        raise ValueError(f"{path}: is no safetensors file that can be read here ({e}); train afresh") from e
    return tensors, texts
