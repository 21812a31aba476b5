"""What a notebook shows: small pieces of HTML, with no style but the notebook's own."""

from __future__ import annotations

import html
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple


def value(x: Any) -> str:
    """A value as text for HTML."""
    if isinstance(x, float):
        return f"{x:.6g}"
    return "" if x is None else html.escape(str(x))


def metrics(values: Mapping[str, float], estimates: Mapping[str, Mapping[str, float]]) -> str:
    """Metrics by name, with intervals where they were measured again."""
    parts = []
    for name, x in values.items():
        e = estimates.get(name)
        text = f"{html.escape(name)} {x:.6g}"
        if e and e.get("n", 1) > 1:
            text = f"{html.escape(name)} {e['mean']:.6g} [{e['low']:.6g} {e['high']:.6g}] ({e['n']:.0f})"
        parts.append(text)
    return ", ".join(parts)


def table(title: str, rows: Iterable[Tuple[str, str]]) -> str:
    """Names and values, which are HTML, below a title."""
    body = "".join(f"<tr><th{_LEFT}>{html.escape(name)}</th><td{_LEFT}>{text}</td></tr>" for name, text in rows)
    return f"<table><caption{_LEFT}><b>{html.escape(title)}</b></caption>{body}</table>"


_LEFT = " style='text-align:left'"


def grid(rows: Sequence[Mapping[str, Any]], title: str, most: int = 50) -> str:
    """Rows with their columns' names above; columns that are empty left out."""
    names: Dict[str, None] = {}
    for row in rows:
        names.update({name: None for name, x in row.items() if x not in (None, "")})
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{value(row.get(name))}</td>" for name in names) + "</tr>" for row in rows[:most])
    more = f"<p>and {len(rows) - most} more</p>" if len(rows) > most else ""
    caption = f"<caption{_LEFT}><b>{html.escape(title)}</b></caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def bar(part: float) -> str:
    """How much of something is done, 0 to 1."""
    return f"<progress value='{min(1.0, max(0.0, part)):.4f}' max='1'></progress>"


def sparkline(values: Sequence[float], width: int = 240, height: int = 40) -> str:
    """A curve without axes, as SVG."""
    if len(values) < 2:
        return ""
    if len(values) > width:
        values = [values[i * (len(values) - 1) // (width - 1)] for i in range(width)]
    low, high = min(values), max(values)
    span = high - low or 1.0
    points: List[str] = []
    for i, y in enumerate(values):
        points.append(f"{2 + i * (width - 4) / (len(values) - 1):.1f},{2 + (height - 4) * (1 - (y - low) / span):.1f}")
    return (f"<svg width='{width}' height='{height}' role='img' aria-label='the best so far, from {low:.6g} to {high:.6g}'>"
            f"<polyline points='{' '.join(points)}' fill='none' stroke='currentColor' stroke-width='1.5'/></svg>")


def search(status: Mapping[str, Any], curve: Sequence[float], name: str) -> str:
    """Where a search stands."""
    done = status.get("evaluations", 0)
    limit = status.get("limits", {}).get("evaluations", 0)
    rows: List[Tuple[str, str]] = [("state", value(status.get("state", "new")))]
    if status.get("cause"):
        rows.append(("cause", value(status["cause"])))
    rows.append(("evaluations", f"{done} of {limit} {bar(done / limit)}" if limit else f"{done}"))
    trouble = [f"{status[what]} {what}" for what in ("invalid", "failed") if status.get(what)]
    if trouble:
        rows.append(("of these", ", ".join(trouble)))
    best: Optional[Mapping[str, Any]] = next(iter(status.get("best") or []), None)
    if best:
        rows.append(("best", f"candidate {value(best['id'])}: {metrics(best.get('metrics') or {}, best.get('estimates') or {})}"))
        rows.append(("", value(best.get("genome", ""))))
    if status.get("front"):
        rows.append(("front", f"{len(status['front'])} candidates"))
    if len(curve) > 1:
        rows.append(("best so far", sparkline(curve)))
    if status.get("clients"):
        n = status["clients"]
        rows.append(("clients", f"{n['attached']} attached, with {n['trials']} trials"))
    return table(name, rows)
