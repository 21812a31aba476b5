"""Jobs of the tasks supernet and score: they train the weights that a space's
genomes share, and measure genomes with them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from typing import Any

import nascent

from . import weights
from .data import Data
from .memory import predicted
from .train import Stopped

WEIGHTS = "weights"  # the file that a job of the task supernet leaves

METRICS: dict[str, Any] = {
    "shared_accuracy": {"goal": "maximize", "optional": True},  # score: on the validation part
    "shared_loss": {"goal": "minimize", "optional": True},
    "supernet_loss": {"goal": "minimize", "optional": True},  # supernet: mean over the steps of the last epoch
    "alpha_loss": {"goal": "minimize", "optional": True},  # likewise, over the steps of the alphas
}

_MOST = 64 << 10  # bytes that a job's output may have


class Sharing:
    """Carries out jobs on the supernet of one space."""

    def __init__(self, graph: dict[str, Any], recipe: weights.Recipe, data: Data, device: Any, precision: str):
        self.graph, self.recipe, self.data, self.device, self.precision = graph, recipe, data, device, precision
        self._scored: tuple[str, weights.Supernet] | None = None  # with the weights of a file; files are called by their content

    def predicted(self) -> int:
        """Bytes at the peak of a training step, roughly, where all operations take
        part. Methods that take one path need less, which is learned."""
        return predicted(self.graph["network"], self.recipe.batch, 1)

    def evaluate(self, job: nascent.Job) -> Any:
        """Answers a job: metrics, or the exception that says why there are none."""
        try:
            return self._train(job) if job.task == "supernet" else self._score(job)
        except Stopped:
            return nascent.Stopped("stopped") if job.stopped else nascent.Cancelled("cancelled")
        except Exception as e:
            return e

    def _train(self, job: nascent.Job) -> dict[str, float]:
        order = weights.Order.read(job.input, [len(c["options"]) for c in self.graph["choices"]])

        def report(point: weights.Point) -> None:
            with contextlib.suppress(nascent.Cancelled):
                job.report(point.epoch, **_measured(order, point))

        train, _ = self.data.search()
        trainer = weights.Trainer(self.graph, order, self.recipe, train, job.seed, paths=job.paths, device=self.device,
                                  precision=self.precision, report=report, cancelled=lambda: job.cancelled)  # fmt: skip
        if WEIGHTS in job.files:
            trainer.load(str(job.files[WEIGHTS]), job.resumed_own)
            for point in trainer.curve:
                report(point)
        elif order.epoch > 0:
            raise ValueError(f"the weights that epoch {order.epoch:g} begins with are gone; begin the schedule again")
        path = job.scratch / WEIGHTS
        try:
            last = trainer.run(job.budget)
        except Stopped:
            if job.saving:
                trainer.save(str(path), progress=True)
                job.save(path, WEIGHTS)
            raise
        if order.bilevel:
            job.output = json.dumps({"alphas": dataclasses.asdict(trainer.alphas)}, separators=(",", ":")).encode()
            if len(job.output) > _MOST:
                raise ValueError(f"{len(job.output)} bytes of alphas, more than the {_MOST} that a job carries: choose smaller cells")
        trainer.save(str(path))
        job.keep(path, WEIGHTS)
        return _measured(order, last)

    def _score(self, job: nascent.Job) -> dict[str, float]:
        if WEIGHTS not in job.inherited:
            raise ValueError("there are no shared weights to score with: the job that they come from is gone, or left none; train the supernet again")
        path = str(job.inherited[WEIGHTS])
        if self._scored is None or self._scored[0] != path:
            header, tensors = weights.read(path)
            model = weights.build(self.graph, header["method"], self.device)
            weights.put(model, tensors, path)
            self._scored = path, model
        model = self._scored[1]
        model.use(job.paths[0])
        _, check = self.data.search()
        loss, accuracy = weights.measure(model, check, self.recipe.batch, self.precision, lambda: job.cancelled)
        if not math.isfinite(loss):
            raise ValueError(f"the loss of a score is {loss}: lower the learning_rate of the supernet, and train it again")
        return {"shared_accuracy": accuracy, "shared_loss": loss}


def _measured(order: weights.Order, point: weights.Point) -> dict[str, float]:
    metrics = {"supernet_loss": point.loss}
    if order.bilevel and not order.frozen:
        metrics["alpha_loss"] = point.alpha_loss
    return metrics
