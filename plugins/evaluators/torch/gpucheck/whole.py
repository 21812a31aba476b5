"""Whole searches, run as users run them."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any, Callable, Iterator

from . import card, searches
from .jobs import SMALL
from .report import Row, guarded, judge, yes

CELLS = {
    "network": {"input": [1, 40], "classes": 10},
    "stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1", "nor_conv_3", "dil_conv_3", "avg_pool_3", "max_pool_3"], "nodes": 4}},
              "channels": 5, "cells": 3, "reductions": 1},
}  # fmt: skip


def part(nascent_program: str, device: str, quick: bool, **_: Any) -> Iterator[Row]:
    """A search of networks in packs, and one by shared weights."""
    data = SMALL if quick else "mnist1d"
    with tempfile.TemporaryDirectory(prefix="gpucheck-") as folder:
        place = lambda name: os.path.join(folder, name)
        before = card.used(device)
        yield from guarded("a search, twice: the same digest", searched(nascent_program, device, quick, data, place))
        yield from guarded("darts, twice: the same digest", shared(nascent_program, device, quick, data, place))
        if before is not None:
            for _ in range(20):  # the driver takes a moment after a process has ended
                after = card.used(device)
                if after is None or after <= before:
                    break
                time.sleep(0.5)
            if after is not None:
                yield judge("memory held after the searches", f"{after - before} MiB", "0", after - before <= 0)


def searched(nascent_program: str, device: str, quick: bool, data: Any, place: Callable[[str], str]) -> Iterator[Row]:
    """Searches by aging evolution."""

    def aging(count: int, **evaluator: Any) -> dict[str, Any]:
        return {"space": searches.mnist1d(), "strategy": {"use": "aging", "population": 8, "sample": 2}, "window": count, "workers": count,
                "evaluator": {"use": "torch", "device": device, "data": data, **evaluator}, "fidelities": [{"budget": 1 if quick else 10}],
                "limits": {"evaluations": 2 * count}, "final": {"skip": True}, "seed": 1}  # fmt: skip

    few = aging(8, slots=8)
    first, again = (searches.run(nascent_program, place(name), few) for name in "ab")
    yield judge("a search, twice: the same digest", yes(first == again), "yes", first == again)
    count = 8 if quick else 128
    with card.Busy(device) as busy:
        start = time.perf_counter()
        searches.run(nascent_program, place("packs"), aging(count, pack=count // 2))
        spent = time.perf_counter() - start
    found = ", ".join(filter(None, [f"{3600 * 2 * count / spent:,.0f} an hour", str(busy)]))
    yield Row(f"a search in packs of {count // 2}, its start included", found)


def shared(nascent_program: str, device: str, quick: bool, data: Any, place: Callable[[str], str]) -> Iterator[Row]:
    """Searches by darts."""

    def darts(where: str, epochs: int) -> dict[str, Any]:
        return {"space": CELLS, "strategy": {"use": "supernet", "method": "darts", "epochs": epochs}, "evaluator": {"use": "torch", "device": where, "data": data},
                "fidelities": [{"budget": 1}], "limits": {"evaluations": epochs + 2}, "final": {"skip": True}, "workers": 1, "seed": 1}  # fmt: skip

    epochs = 2 if quick else 4
    first, again = (searches.run(nascent_program, place(name), darts(device, epochs)) for name in "cd")
    yield judge("darts, twice: the same digest", yes(first == again), "yes", first == again)
    searches.run(nascent_program, place("e"), darts("cpu", epochs))
    losses = [searches.results(nascent_program, place(name), "supernet_loss")[0][0] for name in "ce"]
    off = abs(losses[0] - losses[1]) / losses[1]
    yield judge("darts: loss of the first epoch as on a CPU", f"{losses[0]:.4f}, on a CPU {losses[1]:.4f}", "within 1 %", off <= 0.01)
