"""The evaluator: jobs come in, are trained one by one, side by side or in packs,
and are answered with what the Gorgonia evaluator answers."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import math
import os
import struct
import sys
import traceback
from typing import Any, Iterator

import nascent
import torch

from . import data, rng, weights
from .memory import MIB, Full, Memory, predicted, ran_out
from .network import Unknown
from .packing import Packing
from .recipe import Bad, Recipe
from .sharing import METRICS as SHARED
from .sharing import Sharing
from .streams import MOST, Streams
from .train import PRECISIONS, Invalid, Point, Setup, Stopped, Trainer, kernels, placeless, position

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
    "pack": 1,  # candidates of equal shape that are trained as one network; auto: as many as there are slots, where that pays
    "slots": 0,  # candidates at once in one process; 0: those of a pack, with pack auto 8, on CUDA 16
    "memory": 0,  # MiB that the candidates of one process may take; 0: on CUDA what there is, on a CPU without limit
    "graphs": True,  # on CUDA: steps are recorded once and replayed
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
    "pack": {"measured": True, "optional": True},
    "seconds": {"goal": "minimize", "unit": "s", "measured": True, "optional": True},
}

_CHECKPOINT = "checkpoint"
_PATIENCE = 20  # attempts of a job that wait for memory


@dataclasses.dataclass
class _Pack:
    """Jobs that are trained as one network of size copies."""

    members: list[tuple[int, nascent.Job, Setup]]  # each with the place of its answer
    size: int
    begun: bool = False  # something was reported

    def split(self, size: int) -> list[_Pack]:
        """The same jobs in packs of another size."""
        return [_Pack(self.members[i : i + size], size) for i in range(0, len(self.members), size)]

    def apart(self) -> list[_Pack]:
        """Each of the jobs in a pack of its own, of the same size."""
        return [_Pack([member], self.size) for member in self.members]


class Evaluator:
    """Trains jobs. After open it does not change, except that it learns how
    much memory trainings take and whether packs pay."""

    load = staticmethod(data.load)  # may be replaced by one that has read it before

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
        _check(o, "pack", o["pack"] == "auto" or _whole(o["pack"]) and 1 <= o["pack"] <= 4096,
               "give a number of candidates, 1 for none side by side, or auto")  # fmt: skip
        _check(o, "slots", _whole(o["slots"]) and 0 <= o["slots"] <= 4096, "give a number of candidates, or 0 for those of a pack")
        _check(o, "memory", _number(o["memory"]) and 0 <= o["memory"] < 1 << 40, "give a number of MiB, or 0 for no limit of its own")
        _check(o, "precision", o["precision"] in PRECISIONS, f"use {', '.join(PRECISIONS)}")
        for name in ("checkpoints", "deterministic", "graphs"):
            _check(o, name, isinstance(o[name], bool), "give true or false")
        torch.set_num_threads(o["threads"])
        self.device = self._device(o["device"])
        self.memory = Memory(self.device, int(o["memory"] * MIB))
        self.streams = Streams()
        try:
            self.data = self.load(data.Options.read(o["data"]), self.device)
        except ValueError as e:
            raise nascent.Refused(str(e), "data") from None
        self.memory.settle()
        _suits(setup.space, self.data)
        sides = self.data.shape[1:]
        _check(o, "flip", not o["flip"] or sides, f"samples of shape {self.data.shape} have nothing to mirror, leave it out")
        _check(o, "crop", not o["crop"] or sides and o["crop"] < min(sides), f"give less than the sides of samples of shape {self.data.shape}, or 0")
        shares = setup.supernet is not None
        if shares:
            self.sharing = Sharing(setup.supernet, shared, self.data, self.device, o["precision"])
            self.shared = self.memory.forecaster()
        auto = o["pack"] == "auto"
        slots = o["slots"] or ((16 if self.memory.cuda else 8) if auto else o["pack"])
        self.packing = Packing(slots) if auto and slots > 1 else None
        self.size = 1 if auto else o["pack"]
        # Where the size of a pack depends on the time or on the memory at hand,
        # or a place in it is not like another, so do the last bits of what is
        # trained in it.
        self.fixed = not self.packing and (self.size == 1 or placeless() and not self.memory.bounded)
        return {
            "tasks": ["train", "supernet", "score"] if shares else ["train"],
            "metrics": {**METRICS, **SHARED} if shares else METRICS,
            "batch": slots,
            "deterministic": self.fixed and (not self.memory.cuda or o["deterministic"]),
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
            device = torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
            tf32 = self.options["precision"] != "float32"
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
            steady = self.options["deterministic"]
            if steady:
                os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it is first used
            # As use_deterministic_algorithms does, but that loads a compiler, which
            # takes seconds.
            torch.set_deterministic_debug_mode("error" if steady else "default")
            torch.backends.cudnn.benchmark = not steady  # in the steps before the recording
            if hasattr(torch.utils, "deterministic"):  # torch 2: what is written over need not be filled
                torch.utils.deterministic.fill_uninitialized_memory = False
        return device

    def evaluate(self, jobs: list[nascent.Job]) -> list[Any]:
        """Answers jobs: metrics, or the exception that says why there are none.
        Those that can be are trained as one network; others side by side on
        CUDA, and one after the other on a CPU."""
        answers: list[Any] = [None] * len(jobs)
        for i, job in enumerate(jobs):
            if job.task != "train":
                answers[i] = self._share(job)
        packs = self._packs(jobs, answers)
        if self.memory.cuda and len(packs) > 1:
            with concurrent.futures.ThreadPoolExecutor(min(len(packs), MOST), "pack", torch.set_num_threads, (self.options["threads"],)) as pool:
                list(pool.map(lambda pack: self._carry_out(pack, answers, len(packs)), packs))
        else:
            for pack in packs:
                self._carry_out(pack, answers, 1)
        if self.memory.cuda:
            self._insist(answers)
        left = self.memory.give_back()
        if left > 0:
            print(f"{left} bytes of the GPU are still held after candidates {', '.join(job.id for job in jobs)}")
        return answers

    def _insist(self, answers: list[Any]) -> None:
        """Ends this process if what failed was the device, as after an access to
        memory that is not there: then nothing works in it any more."""
        errors = [answer for answer in answers if isinstance(answer, RuntimeError)]
        if errors:
            try:
                torch.cuda.synchronize(self.device)
            except RuntimeError:
                print(f"the GPU is of no more use to this process, which ends: {_line(errors[0])}", file=sys.stderr, flush=True)
                os._exit(1)

    def _share(self, job: nascent.Job) -> Any:
        """Answers a job on shared weights. What it keeps for the next one is no
        more there for others."""
        if job.task == "supernet":
            try:
                answer = self._train_shared(job)
            except Full as e:
                return nascent.Returned(str(e))
        else:
            answer = self.sharing.evaluate(job)
        if isinstance(answer, Exception) and ran_out(answer):
            traceback.clear_frames(answer.__traceback__)
            self.memory.give_back()
            room = self.memory.free()
            answer = self._short(job, f"out of memory: the supernet takes more than {_much(room)}", room)
        self.memory.settle()
        return answer

    def _train_shared(self, job: nascent.Job) -> Any:
        """Answers a job that trains shared weights. Beside others that have a part of
        the memory it waits until what it needs is free; alone it is tried."""
        guess = self.sharing.predicted()
        need, total = self.shared.need(guess), self.memory.total()
        insist = need > total or self.memory.free() >= 0.9 * total or job.attempt >= _PATIENCE
        with self.memory.take(need, insist), self.memory.watch(0):
            answer = self.sharing.evaluate(job)
            took = self.memory.peak()
            if took is not None and not isinstance(answer, BaseException):
                self.shared.saw(guess, took)
        return answer

    def _short(self, job: nascent.Job, reason: str, room: float) -> Exception:
        """What a job comes to for want of memory, of which there was so much: it
        waits if others had a part of it."""
        if room < 0.9 * self.memory.total() and job.attempt < _PATIENCE:
            return nascent.Returned(reason)
        return RuntimeError(f"{reason}; make batch smaller, or bound the macs or parameters of networks")

    def _packs(self, jobs: list[nascent.Job], answers: list[Any]) -> list[_Pack]:
        """Puts together what can be trained as one network."""
        alike: dict[Any, list[tuple[int, nascent.Job, Setup]]] = {}
        for i, job in enumerate(jobs):
            if job.task != "train":
                continue
            try:
                setup = self._setup(job)
            except Bad as e:
                answers[i] = nascent.Invalid(str(e))
                continue
            step = position(str(job.resume)) if _goes_on(job, setup) else 0
            alike.setdefault((setup.packs(), step), []).append((i, job, setup))
        packs: list[_Pack] = []
        for members in alike.values():
            if not self.packing:
                packs += _Pack(members, 0).split(self.size)
                continue
            for part in _Pack(members, 0).split(self.packing.size):
                packs += part.split(self.packing.size if self._pays(part) else 1)
        return packs

    def _pays(self, pack: _Pack) -> bool:
        """Whether it is faster to train these jobs as one network."""
        if len(pack.members) == 1 or not self.packing:
            return False
        try:
            with self._stream():
                return self.packing.speed(pack.members[0][2]).pays(len(pack.members))
        except Exception:
            return False  # what is wrong is said when it is trained

    def _setup(self, job: nascent.Job) -> Setup:
        test = job.phase == "test"
        recipe = self.recipe.with_genes(job.genes)
        if test:
            train, check = self.data.final()
            self.memory.settle()
        else:
            train, check = self.data.search()
        seed = job.seed
        if test:
            recipe = recipe.replace(horizon=0.0)  # nothing goes on from a test
        if not recipe.horizon:
            # A job and the one that it is promoted from are different
            # trainings: luck with one shall not be luck with the other.
            (budget,) = struct.unpack("<Q", struct.pack("<d", job.budget))
            seed = rng.derive(seed, "budget", budget)
        return Setup(network=job.network, recipe=recipe, train=train, check=check, budget=job.budget, seed=seed, at_end=test,
                     precision=self.options["precision"], device=self.device, graphs=self.options["graphs"], cancelled=lambda: job.cancelled)  # fmt: skip

    def _carry_out(self, pack: _Pack, answers: list[Any], beside: int) -> None:
        """Trains a pack, in parts where it does not fit into memory, and puts
        its answers where they belong. beside is how many packs there are."""
        packs = [pack]
        while packs:
            pack = packs.pop(0)
            try:
                packs = self._try(pack, answers, beside) + packs
            except Exception as e:
                traceback.clear_frames(e.__traceback__)  # they hold tensors
                for i, _, _ in pack.members:
                    if answers[i] is None:
                        answers[i] = nascent.Invalid(str(e)) if isinstance(e, Unknown) else e

    def _try(self, pack: _Pack, answers: list[Any], beside: int) -> list[_Pack]:
        """Trains a pack if memory allows; answers what is to be trained in its
        place."""
        s = pack.members[0][2]
        guess = predicted(s.network, s.recipe.batch, pack.size, s.recipe.optimizer != "sgd")
        need = self.memory.forecast.need(guess)
        waits = all(job.attempt < _PATIENCE for _, job, _ in pack.members)
        room = 0.0
        try:
            with self.memory.take(need, pack.size == 1 and (need > self.memory.total() or not waits)) as room:
                instead = self._train(pack, answers, beside == 1)
                took = self.memory.peak()
                if beside == 1 and took is not None:
                    self.memory.forecast.saw(guess, took)
                return instead
        except Full as e:
            reason = str(e)
        except Exception as e:
            if not ran_out(e):
                raise
            traceback.clear_frames(e.__traceback__)
            reason = f"out of memory: training takes more than {_much(room)}"
            if "memory" not in str(e):
                reason += f" ({_line(e)})"
            if room < math.inf:
                self.memory.forecast.saw(guess, math.ceil(room))
        self.memory.give_back()
        if pack.size > 1 and not pack.begun:
            return pack.split(pack.size // 2)
        for i, job, _ in pack.members:
            if answers[i] is None:
                answers[i] = self._short(job, reason, room) if pack.size == 1 else nascent.Returned(reason)
        return []

    def _train(self, pack: _Pack, answers: list[Any], sole: bool) -> list[_Pack]:
        """Trains a pack and answers its jobs, each as it ends; or answers what
        is to be trained in its place. sole: nothing is trained beside it."""
        setups = [setup for _, _, setup in pack.members]
        try:
            with contextlib.ExitStack() as last, self._stream():
                trainer = Trainer(setups, pack.size)
                last.callback(trainer.close)
                for k, (_, job, setup) in enumerate(pack.members):
                    setup.report = lambda point, k=k, job=job: self._report(trainer, pack, k, job, point)
                    if not _goes_on(job, setup):
                        continue
                    try:
                        trainer.load(str(job.resume), job.resumed_own, k, not self.fixed)
                    except ValueError:
                        if len(pack.members) > 1:
                            return pack.apart()
                        if not job.resumed_own:
                            raise
                        # Kept progress only saves time: without it the result is the same.
                for k, (_, job, _) in enumerate(pack.members):
                    with contextlib.suppress(Stopped):  # run notices
                        for point in trainer.candidates[k].curve[trainer.candidates[k].earlier :]:
                            self._report(trainer, pack, k, job, point, keep=False)
                with self.memory.watch(trainer.bytes):
                    for k, outcome in trainer.run():
                        i, job, _ = pack.members[k]
                        answers[i] = self._answer(trainer, k, job, outcome, sole)
            return []
        finally:
            for setup in setups:
                setup.report = lambda point: None  # it holds the trainer

    @contextlib.contextmanager
    def _stream(self) -> Iterator[None]:
        """On CUDA, a stream of one's own: what is trained beside it need not
        wait."""
        if not self.memory.cuda:
            yield
            return
        with torch.cuda.device(self.device), self.streams.lend() as stream:
            stream.wait_stream(torch.cuda.current_stream())
            try:
                with torch.cuda.stream(stream):
                    yield
            finally:
                with contextlib.suppress(RuntimeError):  # of which the training has heard, or does
                    stream.synchronize()

    def _report(self, trainer: Trainer, pack: _Pack, k: int, job: nascent.Job, point: Point, keep: bool = True) -> None:
        pack.begun = True
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

    def _answer(self, trainer: Trainer, k: int, job: nascent.Job, outcome: Any, sole: bool) -> Any:
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
        metrics.update(parameters=trainer.parameters, macs=trainer.macs, pack=trainer.size)
        took = self.memory.peak()
        if sole and took is not None:
            metrics["memory"] = took / MIB
        if job.resume and not job.resumed_own and not trainer.setup.recipe.horizon:
            job.remark = "trained afresh: the horizon is the budget"
        if self.options["checkpoints"]:
            path = job.scratch / _CHECKPOINT
            trainer.save(str(path), k)
            job.keep(path, _CHECKPOINT)
        return metrics


def _line(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).partition("\n")[0] or type(error).__name__


def _much(room: float) -> str:
    return f"the {room / MIB:,.0f} MiB that there were" if room < math.inf else "there is"


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
    count = len(d.classes)
    if declared.get("classes", count) != count:
        raise nascent.Refused(f"space.network.classes is {declared['classes']}, but the data has {count} classes: set it to {count}")
    wrong = data.unread(declared.get("input") or d.shape, d.shape)
    if wrong:
        raise nascent.Refused(f"space.network.input {wrong}")


def _number(v: Any) -> bool:
    return isinstance(v, (int, float)) and not isinstance(v, bool) and v == v


def _whole(v: Any) -> bool:
    return isinstance(v, int) and not isinstance(v, bool)


def _check(options: dict[str, Any], name: str, fits: bool, remedy: str) -> None:
    if not fits:
        raise nascent.Refused(f"is {options[name]}; {remedy}", name)
