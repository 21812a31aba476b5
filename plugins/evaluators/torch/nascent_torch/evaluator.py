"""The evaluator: jobs come in, are trained one by one or in packs, and are
answered with what the Gorgonia evaluator answers."""

from __future__ import annotations

import contextlib
import os
import struct
from typing import Any, Iterator

import nascent
import torch

from . import data, rng, weights
from .network import Unknown
from .recipe import Bad, Recipe
from .sharing import METRICS as SHARED
from .sharing import Sharing
from .train import PRECISIONS, Invalid, Point, Setup, Stopped, Trainer, kernels, position

OPTIONS: dict[str, Any] = {
    "data": "mnist1d",
    **{name: getattr(Recipe(), name) for name in Recipe.fields()},
    "horizon": "budget",
    "checkpoints": True,  # results carry a checkpoint
    "save_every": 0,  # epochs between keeping progress; 0: only when asked to
    "device": "auto",  # auto (CUDA where there is one), cpu, cuda, cuda:1, ...
    "threads": 1,  # of one process, on a CPU
    "precision": "float32",  # float32, tf32, bfloat16
    "deterministic": True,  # on CUDA: only operations that give equal bits each time
    "pack": 1,  # candidates of equal shape that are trained side by side
    "supernet": {},  # how shared weights are trained; see weights.Recipe
}

METRICS: dict[str, Any] = {
    "accuracy": {"goal": "maximize", "optional": True},
    "loss": {"goal": "minimize", "optional": True},
    "train_accuracy": "maximize",
    "train_loss": "minimize",
    "test_accuracy": {"goal": "maximize", "optional": True},
    "test_loss": {"goal": "minimize", "optional": True},
    "parameters": "minimize",
    "macs": "minimize",
    "memory": {"goal": "minimize", "unit": "MiB", "measured": True, "optional": True},
    "seconds": {"goal": "minimize", "unit": "s", "measured": True, "optional": True},
}

_CHECKPOINT = "checkpoint"


class Evaluator:
    """Trains jobs. After open it does not change."""

    def open(self, setup: nascent.Setup) -> dict[str, Any]:
        """Reads the options, loads the data and says what they come to."""
        o = self.options = setup.options
        try:
            self.recipe = Recipe.of({name: o[name] for name in Recipe.fields()})
            shared = weights.Recipe.of(o["supernet"])
        except Bad as e:
            raise nascent.Refused(e.problem, e.key) from None
        _check(o, "save_every", _number(o["save_every"]) and o["save_every"] >= 0, "give a number of epochs, or 0")
        _check(o, "threads", _whole(o["threads"]) and 1 <= o["threads"] <= 1024, "give the number of cores that one process may use")
        _check(o, "pack", _whole(o["pack"]) and 1 <= o["pack"] <= 4096, "give a number of candidates, 1 for none side by side")
        _check(o, "precision", o["precision"] in PRECISIONS, f"use {', '.join(PRECISIONS)}")
        for name in ("checkpoints", "deterministic"):
            _check(o, name, isinstance(o[name], bool), "give yes or no")
        torch.set_num_threads(o["threads"])
        self.device = self._device(o["device"])
        try:
            self.data = data.load(data.Options.read(o["data"]), self.device)
        except ValueError as e:
            raise nascent.Refused(str(e), "data") from None
        _suits(setup.space, self.data)
        shares = setup.supernet is not None
        if shares:
            self.sharing = Sharing(setup.supernet, shared, self.data, self.device, o["precision"])
        return {
            "tasks": ["train", "supernet", "score"] if shares else ["train"],
            "metrics": {**METRICS, **SHARED} if shares else METRICS,
            "batch": o["pack"],
            "deterministic": self.device.type == "cpu" or o["deterministic"],
            "data": f"{self.data.fingerprint} {kernels(self.device, o['precision'])}",
            "splits": self.data.splits,
        }

    def _device(self, name: Any) -> torch.device:
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            device = torch.device(name)
            torch.zeros(1, device=device)
        except (RuntimeError, TypeError, AssertionError) as e:
            raise nascent.Refused(f"{name} cannot be used here ({str(e).splitlines()[0]}); use auto, cpu, or cuda where there is one", "device") from None
        if device.type == "cuda":
            tf32 = self.options["precision"] != "float32"
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
            if self.options["deterministic"]:
                os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
                torch.use_deterministic_algorithms(True)
                torch.backends.cudnn.benchmark = False
        return device

    def evaluate(self, jobs: list[nascent.Job]) -> list[Any]:
        """Answers jobs: metrics, or the exception that says why there are none.
        Those that can be are trained side by side."""
        answers: list[Any] = [None] * len(jobs)
        packs: dict[Any, list[int]] = {}
        setups: dict[int, Setup] = {}
        for i, job in enumerate(jobs):
            if job.task != "train":
                answers[i] = self.sharing.evaluate(job)
                continue
            try:
                setups[i] = self._setup(job)
            except Bad as e:
                answers[i] = nascent.Invalid(str(e))
                continue
            step = position(str(job.resume)) if _goes_on(job, setups[i]) else 0
            packs.setdefault((setups[i].packs(), step), []).append(i)
        for members in packs.values():
            try:
                for k, answer in self._train([(jobs[i], setups[i]) for i in members]):
                    answers[members[k]] = answer
            except Exception as e:
                for i in members:
                    if answers[i] is None:
                        answers[i] = nascent.Invalid(str(e)) if isinstance(e, Unknown) else e
        return answers

    def _setup(self, job: nascent.Job) -> Setup:
        test = job.phase == "test"
        recipe = self.recipe.with_genes(job.genes)
        train, check = self.data.final() if test else self.data.search()
        seed = job.seed
        if test:
            recipe = recipe.replace(horizon=0.0)  # nothing goes on from a test
        if not recipe.horizon:
            # A job and the one that it is promoted from are different
            # trainings: luck with one shall not be luck with the other.
            (budget,) = struct.unpack("<Q", struct.pack("<d", job.budget))
            seed = rng.derive(seed, "budget", budget)
        return Setup(network=job.network, recipe=recipe, train=train, check=check, budget=job.budget, seed=seed, at_end=test,
                     precision=self.options["precision"], device=self.device, cancelled=lambda: job.cancelled)  # fmt: skip

    def _train(self, pack: list[tuple[nascent.Job, Setup]]) -> Iterator[tuple[int, Any]]:
        """Trains jobs side by side, and answers each as it ends."""
        trainer = Trainer([setup for _, setup in pack], self.options["pack"])
        for k, (job, setup) in enumerate(pack):
            setup.report = lambda point, k=k, job=job: self._report(trainer, k, job, point)
            if not _goes_on(job, setup):
                continue
            try:
                trainer.load(str(job.resume), job.resumed_own, k)
            except ValueError:
                if len(pack) > 1:
                    yield from self._apart(pack)
                    return
                if not job.resumed_own:
                    raise
                # Kept progress only saves time: without it the result is the same.
        for k, (job, _) in enumerate(pack):
            with contextlib.suppress(Stopped):  # run notices
                for point in trainer.candidates[k].curve[trainer.candidates[k].earlier :]:
                    self._report(trainer, k, job, point, keep=False)
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        for k, outcome in trainer.run():
            yield k, self._answer(trainer, k, pack[k][0], outcome)

    def _apart(self, pack: list[tuple[nascent.Job, Setup]]) -> Iterator[tuple[int, Any]]:
        """Trains jobs one after the other, because not all of them can go on
        from where they were."""
        for k, member in enumerate(pack):
            try:
                for _, answer in self._train([member]):
                    yield k, answer
            except Exception as e:
                yield k, e

    def _report(self, trainer: Trainer, k: int, job: nascent.Job, point: Point, keep: bool = True) -> None:
        try:
            job.report(point.epoch, **_measured(job, point))
        except nascent.Cancelled:
            pass
        if job.cancelled:
            raise Stopped
        every = self.options["save_every"]
        if keep and every > 0 and point.epoch < job.budget and point.epoch % every == 0:
            try:
                self._save(trainer, k, job)
            except OSError as e:  # not worth losing the job for
                print(f"progress of candidate {job.id} cannot be kept: {e}")

    def _save(self, trainer: Trainer, k: int, job: nascent.Job) -> None:
        path = job.scratch / "progress"
        trainer.save(str(path), k)
        job.save(path, _CHECKPOINT)

    def _answer(self, trainer: Trainer, k: int, job: nascent.Job, outcome: Any) -> Any:
        curve = trainer.candidates[k].curve
        if isinstance(outcome, Invalid):
            return nascent.Invalid(str(outcome))
        if isinstance(outcome, Stopped):
            if not job.stopped or len(curve) == trainer.candidates[k].earlier:
                if job.saving:
                    self._save(trainer, k, job)
                return nascent.Cancelled("cancelled")
            outcome = curve[-1]
        metrics = _measured(job, outcome)
        metrics.update(parameters=trainer.parameters, macs=trainer.macs)
        if self.device.type == "cuda":
            metrics["memory"] = torch.cuda.max_memory_allocated(self.device) / 2**20
        if job.resume and not job.resumed_own and not trainer.setup.recipe.horizon:
            job.remark = "trained afresh: the horizon is the budget"
        if self.options["checkpoints"]:
            path = job.scratch / _CHECKPOINT
            trainer.save(str(path), k)
            job.keep(path, _CHECKPOINT)
        return metrics


def _goes_on(job: nascent.Job, setup: Setup) -> bool:
    """Whether a job goes on from its checkpoint, and not afresh."""
    return job.resume is not None and (job.resumed_own or setup.recipe.horizon > 0)


def _measured(job: nascent.Job, point: Point) -> dict[str, float]:
    """What was measured, named by the phase that it was measured in."""
    metrics = {"train_accuracy": point.train_accuracy, "train_loss": point.train_loss}
    if point.accuracy is not None:
        prefix = "test_" if job.phase == "test" else ""
        metrics.update({prefix + "accuracy": point.accuracy, prefix + "loss": point.loss})
    return metrics


def _suits(space: Any, d: data.Data) -> None:
    """Checks that the networks of a space can read the data."""
    if not isinstance(space, dict):
        return
    declared = space.get("network")
    if not isinstance(declared, dict):
        raise nascent.Refused("the torch evaluator trains networks, but the space has no layers: give it some, such as block and head")
    if declared.get("classes", d.classes) != d.classes:
        raise nascent.Refused(f"space.network.classes is {declared['classes']}, but the data has {d.classes} classes: set it to {d.classes}")
    reads, has = 1, 1
    for n in declared.get("input") or d.shape:
        reads *= n
    for n in d.shape:
        has *= n
    if reads != has:
        raise nascent.Refused(f"space.network.input is {declared['input']}, but a sample of the data has shape {d.shape}: set it so")


def _number(v: Any) -> bool:
    return isinstance(v, (int, float)) and not isinstance(v, bool) and v == v


def _whole(v: Any) -> bool:
    return isinstance(v, int) and not isinstance(v, bool)


def _check(options: dict[str, Any], name: str, fits: bool, remedy: str) -> None:
    if not fits:
        raise nascent.Refused(f"is {options[name]}; {remedy}", name)
