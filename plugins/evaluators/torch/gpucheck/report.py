"""What was found: rows of a table, printed as they come and kept as Markdown."""

from __future__ import annotations

import dataclasses
import datetime
import traceback
from typing import Iterable, Iterator

PASS, FAIL, BELOW, NONE = "pass", "FAIL", "below the aim", ""


@dataclasses.dataclass
class Row:
    """One thing that was checked."""

    what: str
    found: str
    aim: str = ""
    verdict: str = NONE  # pass, FAIL, below the aim; "" for what is measured without an aim


def judge(what: str, found: str, aim: str, good: bool) -> Row:
    """A row of what has to be so."""
    return Row(what, found, aim, PASS if good else FAIL)


def compare(what: str, value: float, shown: str, aim: float, unit: str, judged: bool) -> Row:
    """A row of a figure that is to reach an aim; judged: on a GPU."""
    verdict = NONE if not judged else PASS if value >= aim else BELOW
    return Row(what, shown, f"{aim:,.0f} {unit}", verdict)


def guarded(what: str, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows; where an error ends them, one that says so. The rest goes on."""
    try:
        yield from rows
    except Exception as e:
        yield failure(what, e)


def failure(what: str, error: Exception) -> Row:
    """A row of what ended with an error, which is printed."""
    traceback.print_exception(type(error), error, error.__traceback__)
    said = str(error).partition("\n")[0]
    return Row(what, f"{type(error).__name__}: {said}"[:300].replace("|", "/"), "", FAIL)


def yes(so: bool) -> str:
    return "yes" if so else "no"


def heading() -> str:
    return f"{'':13}  {'':48}  {'found':44}  aim"


def line(row: Row) -> str:
    """A row for a terminal."""
    return f"{row.verdict:13}  {row.what:48}  {row.found:44}  {row.aim}".rstrip()


def markdown(card: str, rows: list[Row], stand_in: bool, quick: bool) -> str:
    """The piece for docs/gpu.md."""
    date = datetime.date.today().isoformat()
    out = [f"### {card}, {date}", ""]
    if stand_in:
        out += ["A rehearsal on a processor. No figure here is one of a GPU.", ""]
    if quick:
        out += ["Quick: networks, data and times are too small for the figures to mean anything.", ""]
    out += ["| | found | aim | |", "|---|---|---|---|"]
    out += [f"| {r.what} | {r.found} | {r.aim} | {r.verdict} |" for r in rows]
    return "\n".join(out) + "\n"
