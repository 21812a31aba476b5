"""Jobs for the evaluator, carried out in this process as its worker does it."""

from __future__ import annotations

import copy
import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any, Callable

import nascent
from nascent_torch import data, safetensors
from nascent_torch.evaluator import METRICS, OPTIONS, Evaluator

SMALL = {"source": "mnist1d", "samples": 500, "validation": 100, "test": 50}


_read: dict[str, data.Data] = {}  # what was read last: reading may take longer than training


def _load(options: data.Options, device: Any) -> data.Data:
    key = f"{options} {device}"
    if key not in _read:
        _read.clear()
        _read[key] = data.load(options, device)
    return _read[key]


class Bench:
    """An opened evaluator with a directory for its jobs."""

    def __init__(self, device: str, **options: Any):
        self.evaluator = Evaluator()
        self.evaluator.load = _load
        self.folder = Path(tempfile.mkdtemp(prefix="gpucheck-"))
        self._number = itertools.count(1)
        self.said = self.evaluator.open(nascent.Setup({**copy.deepcopy(OPTIONS), "device": device, **options}))

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: Any) -> None:
        shutil.rmtree(self.folder)

    def job(self, order: dict[str, Any], send: Callable[[Any], None] = lambda message: None, **changes: Any) -> nascent.Job:
        number = next(self._number)
        return nascent.Job({**order, **changes, "id": number, "scratch": str(self.folder / str(number))}, {}, send)

    def run(self, orders: list[dict[str, Any]], **changes: Any) -> list[Any]:
        """Carries out jobs together and answers what they came to. What could not
        be measured is raised."""
        return [answer for _, answer in self.carry_out(orders, **changes)]

    def carry_out(self, orders: list[dict[str, Any]], **changes: Any) -> list[tuple[nascent.Job, Any]]:
        """Likewise, with the jobs."""
        jobs = [self.job(order, **changes) for order in orders]
        answers = self.evaluator.evaluate(jobs)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return list(zip(jobs, answers))

    def trained(self, orders: list[dict[str, Any]], **changes: Any) -> list[tuple[Any, Any]]:
        """Likewise: metrics without what is measured, and the arrays of the
        checkpoints."""
        return [result(job, answer) for job, answer in self.carry_out(orders, **changes)]


def result(job: nascent.Job, answer: dict[str, float]) -> tuple[Any, Any]:
    """What a job came to, without what is measured, and its checkpoint."""
    tensors, _ = safetensors.load(job._kept["checkpoint"])
    exact = {name: v for name, v in answer.items() if isinstance(METRICS[name], str) or not METRICS[name].get("measured")}
    return exact, tensors


def same(a: tuple[Any, Any], b: tuple[Any, Any]) -> bool:
    """Whether two results are equal bit for bit."""
    return a[0] == b[0] and a[1].keys() == b[1].keys() and all(t.equal(b[1][name]) for name, t in a[1].items())
