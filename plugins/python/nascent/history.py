"""Candidates, and the history of a search as columns."""

from __future__ import annotations

import base64
import math
from array import array
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, overload

Curve = List[Tuple[float, Dict[str, float]]]


class Candidate:
    """A job together with its result. It is not to be changed."""

    __slots__ = ("id", "genome", "operator", "parents", "fidelity", "budget", "seed", "task", "tag", "resume", "inherit", "replicate",
                 "reuse", "status", "reason", "stopped", "metrics", "curve", "output")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.id: int = row["id"]
        self.genome: str = row.get("genome", "")
        """Its canonical text; space.genes has the values."""
        self.operator: str = row.get("operator", "")
        """How it came about: random, mutate, cross, cross+mutate, same, start,
        given, imported, added."""
        self.parents: Tuple[int, ...] = tuple(row.get("parents") or ())
        self.fidelity: int = row.get("fidelity", 0)
        self.budget: float = row.get("budget", 0)
        self.seed: int = row.get("seed", 0)
        self.task: str = row.get("task", "train")
        self.tag: str = row.get("tag", "")
        self.resume: Optional[int] = row.get("resume")
        self.inherit: Optional[int] = row.get("inherit")
        self.replicate: bool = row.get("replicate", False)
        self.reuse: Optional[int] = row.get("reuse")
        """The candidate whose result this one shares."""
        self.status: str = row.get("status", "ok")
        """ok, invalid or failed."""
        self.reason: str = row.get("reason", "")
        self.stopped: bool = row.get("stopped", False)
        """Ended by its stopping rule."""
        self.metrics: Dict[str, float] = {name: float(value) for name, value in (row.get("metrics") or {}).items()}
        self.curve: Curve = [(p["step"], p["metrics"]) for p in row.get("curve") or ()]
        """Of a turn's results, and with history "all": steps with metrics."""
        self.output: bytes = base64.b64decode(row.get("output") or b"")
        """Likewise."""

    @property
    def origin(self) -> str:
        """imported for a result from elsewhere, added for a genome that
        somebody gave, empty for what a strategy proposed."""
        return self.operator if self.operator in ("imported", "added") else ""

    @property
    def measured(self) -> bool:
        """Whether it can be compared and have children: it was trained, did not
        fail, and was not stopped early."""
        return self.status == "ok" and not self.stopped and self.task == "train"

    def __repr__(self) -> str:
        return f"<candidate {self.id}: {self.genome}>"


class History:
    """All candidates whose results were consumed, in that order, as rows and as
    columns. Neither is to be changed."""

    def __init__(self, metrics: Iterable[str] = ()) -> None:
        self.ids = array("q")
        self.genomes: List[str] = []
        self.parents: List[Tuple[int, ...]] = []
        self.fidelity = array("q")
        self.tags: List[str] = []
        self.status: List[str] = []
        self.metrics: Dict[str, "array[float]"] = {name: array("d") for name in metrics}
        """A column for each metric, NaN where a candidate lacks it."""
        self._declared = set(self.metrics)
        self._rows: List[Candidate] = []
        self._places: Dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self._rows)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> List[Candidate]: ...
    def __getitem__(self, place: Any) -> Any:
        """The candidate at a place, or a list of those of a slice."""
        return self._rows[place]

    def __contains__(self, id: object) -> bool:
        return id in self._places

    def get(self, id: int) -> Candidate:
        """The candidate with an id; KeyError if it is not in the history."""
        return self._rows[self._places[id]]

    def place(self, id: int) -> int:
        """Where a candidate stands in the columns; KeyError if it does not."""
        return self._places[id]

    def _columns(self) -> List[Any]:
        return [self.ids, self.genomes, self.parents, self.fidelity, self.tags, self.status, *self.metrics.values()]

    def _intact(self) -> bool:
        return all(len(c) == len(self._rows) for c in self._columns())

    def _cut(self, n: int) -> None:
        """Forget all but the first n."""
        if n == len(self._rows):
            return
        for c in self._rows[n:]:
            del self._places[c.id]
        for column in (*self._columns(), self._rows):
            del column[n:]
        for name in [k for k, column in self.metrics.items() if k not in self._declared and all(math.isnan(x) for x in column)]:
            del self.metrics[name]  # as if it had never been seen

    def _add(self, row: Mapping[str, Any]) -> None:
        c = Candidate(row)
        self.ids.append(c.id)
        self.genomes.append(c.genome)
        self.parents.append(c.parents)
        self.fidelity.append(c.fidelity)
        self.tags.append(c.tag)
        self.status.append(c.status)
        for name in c.metrics:
            if name not in self.metrics:
                self.metrics[name] = array("d", [math.nan]) * len(self._rows)
        for name, column in self.metrics.items():
            column.append(c.metrics.get(name, math.nan))
        self._places[c.id] = len(self._rows)
        self._rows.append(c)
