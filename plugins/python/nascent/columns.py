"""Columns of candidates, as nascent list --arrays writes them (docs/cli.md)."""

from __future__ import annotations

import json
import operator
import sys
from array import array
from typing import Any, Dict, List, Tuple, Union

Scalar = Union[float, int, str, bool, None]

_ELEMENTS = {"int64": "q", "float64": "d", "codes": "i"}


class Column:
    """A column of size rows."""

    def __init__(self, name: str, kind: str, size: int, numbers: "array[Any]", values: List[Scalar]) -> None:
        self.name = name
        self.kind = kind  # int64, float64 (NaN: none), codes (places in values; -1: none) or values
        self.size = size
        self.numbers = numbers
        self.values = values  # of the kind values a single one is that of all rows

    def plain(self) -> List[Scalar]:
        """What each row has, None where that is nothing."""
        if self.kind == "values":
            return self.values * self.size if len(self.values) == 1 else self.values
        if self.kind == "codes":
            return list(map((self.values + [None]).__getitem__, self.numbers))
        numbers: List[Scalar] = self.numbers.tolist()
        if any(map(operator.ne, numbers, numbers)):
            return [None if x != x else x for x in numbers]
        return numbers


def read(raw: bytes) -> List[Column]:
    """The columns of a stream. Raises ValueError where it has more or less than it says."""
    at = raw.index(b"\n") + 1
    view = memoryview(raw)
    head = json.loads(str(view[:at], "utf-8"))
    rows, out = head["rows"], []
    for told in head["columns"]:
        numbers = array(_ELEMENTS.get(told["type"], "i"))
        if told["type"] in _ELEMENTS:
            size = rows * numbers.itemsize
            numbers.frombytes(view[at:at + size])
            at += (size + 7) // 8 * 8
            if sys.byteorder == "big":
                numbers.byteswap()
        out.append(Column(told["name"], told["type"], rows, numbers, told.get("values") or []))
    if at != len(raw):
        raise ValueError(f"nascent list --arrays wrote {len(raw)} bytes and not {at}: its columns cannot be read")
    return out


def rows(columns: List[Column]) -> List[Dict[str, Scalar]]:
    """A dict for each row."""
    names: Tuple[str, ...] = tuple(c.name for c in columns)
    return [dict(zip(names, values)) for values in zip(*(c.plain() for c in columns))]


def pandas(library: Any, columns: List[Column]) -> Any:
    """A data frame of pandas, with NaN where a row has no number."""
    import numpy  # whoever has pandas has it

    def series(c: Column) -> Any:
        if c.kind in ("int64", "float64"):
            return numpy.frombuffer(c.numbers, c.kind)
        if c.kind == "codes":
            values = c.values + [None] if -1 in c.numbers else c.values
            return library.Series(values).array.take(numpy.frombuffer(c.numbers, "int32"))
        if len(c.values) == 1:
            return library.Series(c.values, dtype=float if c.values == [None] else None).array.take(numpy.zeros(c.size, int))
        return library.Series(c.values)

    return library.DataFrame({c.name: series(c) for c in columns})


def polars(library: Any, columns: List[Column]) -> Any:
    """A data frame of polars. A column of texts and numbers is one of texts."""
    def series(c: Column) -> List[Scalar]:
        plain = c.plain()
        if len({type(x) for x in c.values} - {type(None)}) > 1:
            return [x if x is None or isinstance(x, str) else json.dumps(x) for x in plain]
        return plain
    return library.DataFrame({c.name: series(c) for c in columns})
