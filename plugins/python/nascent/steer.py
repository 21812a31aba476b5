"""Requests by which a search is steered. docs/steering.md has them."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Dict, List, Mapping, Optional, Union

from .engine import EngineError, program
from .found import Found
from .trial import Trial

Candidate = Union[str, int, Found, Trial]

_FINAL = 1_000_000_000  # ids of what is measured at the end lie above it

_LIMITS = ("evaluations", "wall", "seconds", "target")


class Receipt:
    """What came of a request."""

    request: str
    """Its name."""
    turn: int
    """The turn of the search from which it holds."""
    ids: List[str]
    """The candidates that it made."""
    planned: bool
    """It waits for its turn."""
    says: str
    """Of a takeover: who fits."""
    hint: str
    """What may not be meant: a ban that holds of nothing, say."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.request = record.get("request", "")
        self.turn = record.get("turn", 0)
        self.ids = [str(identity) for identity in record.get("ids") or record.get("added") or []]
        self.planned = bool(record.get("planned"))
        self.says = record.get("says", "")
        self.hint = record.get("hint", "")
        self._changed = self.planned or record.get("seq", 0) > 0

    def __repr__(self) -> str:
        if not self._changed:
            return f"<nothing was changed{': ' + self.says if self.says else ''}>"
        return f"<{'planned for' if self.planned else 'holds from'} turn {self.turn}: {self.request}>"


def send(directory: str, asked: Mapping[str, Any], at_turn: Optional[int], request: Optional[str]) -> Receipt:
    """Have a search carry out a request, whether somebody runs it or not. Raises
    EngineError."""
    whole: Dict[str, Any] = {"by": "python", **asked}
    if at_turn:
        whole["at_turn"] = at_turn
    if request:
        whole["request"] = request
    done = subprocess.run([program(), "steer", directory], input=json.dumps(whole, allow_nan=False).encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    refused(done)
    return Receipt(json.loads(done.stdout))


def refused(done: "subprocess.CompletedProcess[bytes]") -> None:
    """Raise EngineError where a command was refused."""
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise EngineError(said[len("nascent: "):] if said.startswith("nascent: ") else said)


def settings(named: Optional[Mapping[str, Any]], more: Mapping[str, Any]) -> Dict[str, Any]:
    """Settings under the keys of a search.yaml: evaluations is limits.evaluations, hosts fleet.hosts."""
    keys = {"hosts": "fleet.hosts", **{key: f"limits.{key}" for key in _LIMITS}}
    return {keys.get(key, key): value for key, value in {**(named or {}), **more}.items()}


def number(candidate: Candidate) -> int:
    """The number of a candidate."""
    if isinstance(candidate, (Found, Trial)):
        candidate = candidate.id
    text = str(candidate)
    try:
        return _FINAL + int(text[1:]) if text.startswith("f") else int(text)
    except ValueError:
        raise ValueError(f"{candidate!r} is no candidate: give an id such as 57 or 'f3'") from None


def genome(given: Union[str, Found, Trial]) -> str:
    """The text of a genome."""
    return given if isinstance(given, str) else given.text
