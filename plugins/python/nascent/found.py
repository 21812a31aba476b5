"""Candidates of a search, as Search.best and Search.front give them."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from . import page
from .engine import EngineError, ask


class Found:
    """A candidate that was measured."""

    id: str
    """As nascent show takes it."""
    status: str
    """ok, invalid or failed."""
    genes: Dict[str, Any]
    """The genome as plain values."""
    text: str
    """The genome's canonical text."""
    metrics: Dict[str, float]
    usage: Dict[str, float]
    """What the job took of the machine, as far as it is known: cpu in seconds, memory and
    gpu_memory in bytes."""
    fidelity: int
    budget: float
    seed: int
    operator: str
    parents: List[str]
    reason: str

    def __init__(self, record: Mapping[str, Any], listed: Optional[str] = None) -> None:
        """listed: the directory of the search that only listed the candidate: what lists do
        not tell is asked when somebody wants it."""
        self._record = dict(record)
        self._listed = listed
        self.id = name_of(record["id"])
        self.status = record.get("status", "")
        self.genes = record.get("genes") or {}
        self.text = record.get("genome", "")
        self.metrics = record.get("metrics") or {}
        self.usage = record.get("usage") or {}
        self.fidelity = record.get("fidelity", 0)
        self.budget = record.get("budget", 0)
        self.seed = record.get("seed", 0)
        self.operator = record.get("operator", "")
        self.parents = [name_of(p) for p in record.get("parents") or []]
        self.reason = record.get("reason", "")

    @property
    def record(self) -> Dict[str, Any]:
        """All that nascent show --json tells."""
        if self._listed is not None:
            whole = ask(self._listed, "show", self.id)
            if whole is None:
                raise EngineError(f"nothing more is known of candidate {self.id}; see: nascent show {self._listed} {self.id}")
            self._record, self._listed = dict(whole), None
        return self._record

    @property
    def estimates(self) -> Dict[str, Dict[str, float]]:
        """What all measurements of this genome tell, by metric: mean, n, and the ends low
        and high of the 95 % interval. Empty unless something was measured again."""
        return self.record.get("estimates") or {}

    @property
    def curve(self) -> List[Dict[str, Any]]:
        """What it reported on its way, each with step and metrics."""
        return self.record.get("curve") or []

    def __repr__(self) -> str:
        metrics = " ".join(f"{name}={value:.6g}" for name, value in self.metrics.items())
        return f"<Candidate {self.id} {metrics or self.status}: {self.text}>"

    def _repr_html_(self) -> str:
        rows = [("metrics", page.metrics(self.metrics, self.estimates))]
        rows += [(name, page.value(value)) for name, value in flat(self.genes).items()]
        return page.table(f"candidate {self.id}", rows)


class Front(Sequence[Found]):
    """Candidates that no other one dominates, the preferred one first. With one objective
    it is the best alone."""

    def __init__(self, candidates: Iterable[Found]) -> None:
        self._all = list(candidates)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: Any) -> Any:
        return self._all[index]

    def __repr__(self) -> str:
        return f"Front({self._all!r})"

    def _repr_html_(self) -> str:
        return page.grid([{"id": c.id, **c.metrics, **flat(c.genes)} for c in self._all], f"a front of {len(self._all)}")


def flat(genes: Mapping[str, Any]) -> Dict[str, Any]:
    """Leaves of nested dicts and lists by their paths: blocks[0].channels."""
    out: Dict[str, Any] = {}
    _leaves(out, "", genes, "")
    return out


def _leaves(out: Dict[str, Any], path: str, value: Any, dot: str) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            _leaves(out, f"{path}{dot}{name}", inner, ".")
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            _leaves(out, f"{path}[{i}]", inner, ".")
    else:
        out[path] = value


_FINAL = 1_000_000_000  # above are ids of re-measured and tested candidates


def name_of(identity: Any) -> str:
    """A candidate's id as people write it."""
    number: Optional[int] = identity if isinstance(identity, int) else None
    if number is None:
        return str(identity)
    return f"f{number - _FINAL}" if number > _FINAL else str(number)
