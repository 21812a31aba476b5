"""How far Search.run is, for people: a line on a terminal, a table in a notebook."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, Mapping, Optional

if TYPE_CHECKING:
    from .search import Search

_PAUSE = 1.0  # seconds from one look to the next


class Progress:
    """Shows a search from time to time, until it is closed."""

    def __init__(self, search: Search, wanted: Optional[bool]) -> None:
        self.search = search
        self._display = notebook() if wanted is not False else None
        self._line = self._display is None and (sys.stderr.isatty() if wanted is None else wanted)
        self._begun = self._next = time.monotonic()
        self._before: Optional[int] = None  # evaluations
        self._shown: Any = None

    def tick(self) -> None:
        """Show where the search stands, if it is time to."""
        if (self._display or self._line) and time.monotonic() >= self._next:
            self._show()
            self._next = time.monotonic() + _PAUSE

    def close(self) -> None:
        """Show it a last time."""
        if self._display or self._line:
            self._show()
        if self._line:
            print(file=sys.stderr)

    def _show(self) -> None:
        if self._display:
            page = _Page(self.search._repr_html_(), repr(self.search))
            if self._shown is None:
                self._shown = self._display(page, display_id=True)
            else:
                self._shown.update(page)
            return
        status = self.search.status
        if self._before is None:
            self._before = status["evaluations"]
        pace = (status["evaluations"] - self._before) / max(1e-9, time.monotonic() - self._begun)
        width = shutil.get_terminal_size().columns - 1
        print("\r\x1b[K" + line(status, pace, os.path.basename(self.search.dir))[:width], end="", file=sys.stderr, flush=True)


class _Page:
    def __init__(self, html: str, text: str) -> None:
        self._html, self._text = html, text

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._text


def line(status: Mapping[str, Any], pace: float, name: str) -> str:
    """Where a search stands, in a line."""
    done, limit = status["evaluations"], (status.get("limits") or {}).get("evaluations", 0)
    parts = [name, f"{done} of {limit} evaluations" if limit else f"{done} evaluations"]
    for best in (status.get("best") or [])[:1]:
        metrics = " ".join(f"{metric} {x:.6g}" for metric, x in best["metrics"].items() if metric != "seconds")
        parts.append(f"best {metrics} (candidate {best['id']})")
    trouble = [f"{status[what]} {what}" for what in ("invalid", "failed") if status.get(what)]
    if trouble:
        parts.append(", ".join(trouble))
    if pace > 0:
        parts.append(f"{pace:.3g}/s")
    return "  ".join(parts)


def notebook() -> Any:
    """The function that displays something in the notebook that this runs in, or None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from importlib import import_module
    return import_module("IPython.display").display
