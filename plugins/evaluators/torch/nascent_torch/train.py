"""Trains candidates and measures them.

A Trainer is a function of its Setup: the order of the samples, the initial
weights and dropout follow from the seed, the learning rate from the number of
the step. So its position is a few numbers, and what a checkpoint holds are
these and the arrays; training that goes on from one gives the same bits as
training that never stopped, on a CPU.

Several candidates of equal shape can be trained side by side, as one network
with several copies. Each has a Setup of its own; they agree in what `packs`
compares.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import re
from typing import Any, Callable, Sequence

import torch
from torch.nn import functional as F

from . import rng, safetensors
from .data import Part
from .network import Network, macs
from .optimizer import Optimizer
from .recipe import Recipe

PRECISIONS = ("float32", "tf32", "bfloat16")


class Invalid(Exception):
    """A candidate that cannot be trained: its loss is no finite number, or one
    of its genes makes no sense. The message says why."""


class Stopped(Exception):
    """The job ended before its budget."""


@dataclasses.dataclass
class Point:
    """What was measured at one moment of training."""

    epoch: float
    train_accuracy: float = 0.0  # over the steps of this epoch, each before it was taken
    train_loss: float = 0.0
    accuracy: float | None = None  # on check; None where it was not measured
    loss: float | None = None


@dataclasses.dataclass
class Setup:
    """What a training is a function of."""

    network: Any  # as in the job's JSON
    recipe: Recipe
    train: Part  # trained on
    check: Part  # measured on
    budget: float  # epochs
    seed: int  # of initial weights, order of samples and dropout
    at_end: bool = False  # measure only at the end, not after every epoch
    precision: str = "float32"  # bfloat16: autocast; tf32: on CUDA, shorter factors
    device: Any = "cpu"
    # Called after every epoch, and at the end. May raise Stopped.
    report: Callable[[Point], None] = lambda point: None
    # Asked before every step: whether to end with Stopped.
    cancelled: Callable[[], bool] = lambda: False

    def packs(self) -> tuple:
        """Equal for candidates that can be trained side by side."""
        r = self.recipe
        shape = [{k: v for k, v in node.items() if k != "name"} for node in _nodes(self.network)]
        alike = (r.batch, r.optimizer, r.beta1, r.beta2, r.epsilon, r.horizon, r.warmup, self.budget, self.at_end)
        return json.dumps(shape, sort_keys=True), alike


def _nodes(network: Any) -> list[dict]:
    return network["nodes"] if isinstance(network, dict) else network


class Trainer:
    """Trains one candidate. Raises ValueError for a setup that cannot be."""

    def __init__(self, setup: Setup):
        self.setup, r = setup, setup.recipe
        if not 0 < setup.budget <= 1e9:
            raise ValueError(f"the budget is {setup.budget} epochs; give more than 0")
        _fits(setup.network, setup.train)
        # A last batch of less than half the size is left out; its samples come
        # in other epochs.
        self.per_epoch = max(1, (len(setup.train) + r.batch // 2) // r.batch)
        self.total = max(1, math.floor(setup.budget * self.per_epoch + 0.5))
        self.horizon = math.floor(r.horizon * self.per_epoch + 0.5) if r.horizon else self.total
        if self.total > self.horizon:
            raise ValueError(f"the budget of {setup.budget:g} epochs exceeds the horizon of {r.horizon:g}; raise the evaluator's horizon")
        self.seed = setup.seed
        self.step = 0
        self.curve: list[Point] = []
        self.earlier = 0  # how many of its points are another job's
        self._sums: torch.Tensor | None = None  # of this epoch: losses, correct answers
        self._seen = 0
        self._order: torch.Tensor | None = None
        self.network = Network(setup.network).to(setup.device)
        self.network.start([lambda name: rng.derive(self.seed, "weights " + name)])
        self.optimizer = Optimizer(self.network, [r])

    @property
    def epochs(self) -> float:
        return self.step / self.per_epoch

    @property
    def parameters(self) -> int:
        """The number of trainable parameters."""
        return len(self.optimizer.data)

    @property
    def macs(self) -> int:
        """Multiply-adds of one sample."""
        return macs(self.setup.network)

    def run(self) -> Point:
        """Trains to the end of the budget and answers the last Point. Raises
        Stopped if the job was cancelled, or stopped by a report; the Trainer
        can then be saved, or run again. Invalid is final."""
        while True:
            if self._due():
                self._measure()
            if self.step == self.total:
                return self.curve[-1]
            self._step()

    def _due(self) -> bool:
        """Whether the next Point belongs here: after every epoch, and at the
        end of the budget."""
        if self.curve and self.curve[-1].epoch == self.epochs:
            return False
        return self.step > 0 and self.step % self.per_epoch == 0 or self.step == self.total

    def _step(self) -> None:
        s = self.setup
        if s.cancelled():
            raise Stopped
        epoch, within = divmod(self.step, self.per_epoch)
        if within == 0 or self._sums is None:
            self._sums, self._seen = torch.zeros(2, dtype=torch.float64, device=s.device), 0
        if within == 0 or self._order is None:
            generator = torch.Generator().manual_seed(rng.derive(self.seed, "order", epoch))
            self._order = torch.randperm(len(s.train), generator=generator).to(s.device)
        x, y = s.train.take(self._order[within * s.recipe.batch : (within + 1) * s.recipe.batch])
        self.network.train()
        if self.network.drops:
            self.network.drop(lambda name: [rng.derive(self.seed, "dropout " + name, self.step)])
        logits = self._logits(x)
        loss = F.cross_entropy(logits, y, label_smoothing=s.recipe.label_smoothing)
        loss.backward()
        rate = s.recipe.rate(self.step, self.horizon, s.recipe.warmup * self.per_epoch)
        self.optimizer.step([rate])
        with torch.no_grad():
            self._sums += torch.stack([loss.detach().double() * len(y), (logits.argmax(1) == y).sum().double()])
        self._seen += len(y)
        self.step += 1

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        x = x.reshape(len(x), *self.network.shape)
        with self._precision():
            return self.network(x).float()

    def _precision(self):
        if self.setup.precision != "bfloat16":
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.setup.device).type, dtype=torch.bfloat16)

    def _measure(self) -> None:
        point = Point(self.epochs)
        if self._seen:
            losses, correct = self._sums.tolist()
            point.train_loss, point.train_accuracy = losses / self._seen, correct / self._seen
            finite("loss", losses, math.ceil(point.epoch))
        if not self.setup.at_end or self.step == self.total:
            self._check(point)
        self.curve.append(point)
        self.setup.report(point)

    @torch.no_grad()
    def _check(self, point: Point) -> None:
        """Measures on the samples that are held out."""
        s = self.setup
        self.network.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=s.device)
        for which in torch.arange(len(s.check), device=s.device).split(s.recipe.batch):
            if s.cancelled():
                raise Stopped
            x, y = s.check.take(which)
            logits = self._logits(x)
            sums += torch.stack([F.cross_entropy(logits, y, reduction="sum").double(), (logits.argmax(1) == y).sum().double()])
        losses, correct = sums.tolist()
        point.loss, point.accuracy = losses / len(s.check), correct / len(s.check)
        finite("loss on held-out data", losses, math.ceil(point.epoch))

    def state(self) -> dict[str, torch.Tensor]:
        """Everything that training goes on from: parameters and running
        statistics under their names, moments under "optimizer.m/" and
        "optimizer.v/" and the name."""
        state = {name: t.detach() for name, t in self.network.state_dict().items()}
        for prefix, which in (("optimizer.m/", 1), ("optimizer.v/", 2)):
            for arrays in self.optimizer.arrays():
                if arrays[which] is not None:
                    state[prefix + arrays[0]] = arrays[which]
        return state

    def _recognise(self) -> dict[str, Any]:
        """What a checkpoint must have in common with the job."""
        network = hashlib.sha256(json.dumps(_nodes(self.setup.network), sort_keys=True).encode()).hexdigest()
        return {"format": 1, "network": network[:32], "recipe": dataclasses.asdict(self.setup.recipe),
                "steps an epoch": self.per_epoch, "kernels": kernels(self.setup.device, self.setup.precision)}  # fmt: skip

    def save(self, path: str) -> None:
        """Writes everything that training goes on from to a file."""
        sums = [0.0, 0.0] if self._sums is None else self._sums.tolist()
        at = {"step": self.step, "seed": self.seed, "seen": self._seen, "sums": sums, "earlier": self.earlier,
              "curve": [dataclasses.asdict(p) for p in self.curve]}  # fmt: skip
        text = json.dumps({"job": self._recognise(), "at": at})
        safetensors.save(path, self.state(), {"nascent": text})

    def load(self, path: str, own: bool) -> None:
        """Goes on from a checkpoint, one of this job (own) or of one with a
        smaller budget: with its weights, moments, statistics, position, and
        its seed instead of the setup's. Raises ValueError for one of another
        network, recipe, torch or device, or from beyond the budget; the
        Trainer is then as before."""
        tensors, metadata = safetensors.load(path)
        try:
            text = json.loads(metadata["nascent"])
            job, at = text["job"], text["at"]
            curve = [Point(**p) for p in at["curve"]]
            step, seed, seen, sums, earlier = (at[k] for k in ("step", "seed", "seen", "sums", "earlier"))
        except (KeyError, TypeError, ValueError) as e:
            raise ValueError(f"{path}: is no checkpoint of this evaluator ({e}); train afresh") from e
        for what, wants in self._recognise().items():
            if job.get(what) != wants:
                raise ValueError(f"{path}: is a checkpoint of {what} {job.get(what)}, but the job has {wants}; train afresh")
        if not 0 <= step <= self.total:
            raise ValueError(f"{path}: is a checkpoint of step {step}, but the job has a budget of {self.total} steps; train afresh")
        state = self.state()
        for name, t in state.items():
            if name not in tensors or tensors[name].shape != t.shape or tensors[name].dtype != t.dtype:
                raise ValueError(f"{path}: has no array {name} of shape {list(t.shape)}; train afresh")
        with torch.no_grad():
            for name, t in state.items():
                t.copy_(tensors[name])
        self.step, self.seed, self.curve = step, seed, curve
        self.earlier = earlier if own else len(curve)
        self._seen, self._sums = seen, torch.tensor(sums, dtype=torch.float64, device=self.setup.device)
        self._order = None
        self.optimizer.steps = step


def _fits(network: Any, part: Part) -> None:
    nodes = _nodes(network) if network else []
    if not nodes:
        raise ValueError("the space describes no network; give it layers, such as conv, dense or head, or use another evaluator")
    reads, has = nodes[0]["shape"], part.shape
    if math.prod(reads) != math.prod(has):
        raise ValueError(f"the network reads {reads}, which is {math.prod(reads)} numbers, but a sample of the data has {math.prod(has)}; set space.network.input")
    answers = nodes[-1]["shape"]
    if answers != [part.classes]:
        raise ValueError(f"the network answers {answers}, but the data has {part.classes} classes; set space.network.classes")


def finite(what: str, value: float, epoch: int) -> None:
    """Raises Invalid for a value that is not finite."""
    if math.isnan(value):
        raise Invalid(f"{what} became NaN in epoch {epoch}")
    if math.isinf(value):
        raise Invalid(f"{what} became infinite in epoch {epoch}")


def kernels(device: Any, precision: str = "float32") -> str:
    """What computes: results are equal bit for bit where this is."""
    capability = re.search(r"CPU capability usage: (\S+)", torch.__config__.show())
    name = f"cpu {capability[1] if capability else ''}"
    if torch.device(device).type == "cuda":
        name = torch.cuda.get_device_name(torch.device(device))
    return f"torch {torch.__version__} {name.strip()} {precision}"
