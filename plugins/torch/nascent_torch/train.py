"""Trains candidates and measures them.

A Trainer is a function of its Setup: the order of the samples, the initial
weights and dropout follow from the seed, the learning rate from the number of
the step. So its position is a few numbers, and what a checkpoint holds are
these and the arrays; training that goes on from one gives the same bits as
training that never stopped, on a CPU.

Several candidates of equal shape can be trained side by side, as one network
with several copies. That is as fast as one of them where a candidate is too
small to keep the processor busy, as nearly all are on a GPU.

On a GPU everything that a step needs to know lies there before an epoch begins,
so that steps can be recorded and replayed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import re
from typing import Any, Callable, Iterator, Sequence

import torch
from torch.nn import functional as F

from . import graph, grouped, rng, safetensors
from .augment import Augment
from .data import Part, unread
from .network import Network, macs
from .optimizer import Optimizer
from .recipe import Recipe

PRECISIONS = ("float32", "tf32", "bfloat16")


class Invalid(Exception):
    """A candidate that cannot be trained: its loss is no finite number, or one
    of its genes makes no sense. The message says why."""


class Stopped(Exception):
    """The job ended before its budget: reports raise it, Trainer.run answers it."""


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
    graphs: bool = True  # on CUDA, steps are recorded where they can be
    # Called after every epoch, and at the end. May raise Stopped.
    report: Callable[[Point], None] = lambda point: None
    # Asked before every step: whether to end.
    cancelled: Callable[[], bool] = lambda: False

    def packs(self) -> tuple:
        """Equal for candidates that can be trained side by side, on the same
        data: they may differ in rates, weight decay, momentum, schedule, label
        smoothing and seed."""
        r = self.recipe
        shape = [{k: v for k, v in node.items() if k != "name"} for node in _nodes(self.network)]
        alike = (r.batch, r.optimizer, r.beta1, r.beta2, r.epsilon, r.horizon, r.warmup, r.crop, r.flip, self.budget, self.at_end)
        return json.dumps(shape, sort_keys=True), alike


def _nodes(network: Any) -> list[dict]:
    return network["nodes"] if isinstance(network, dict) else network


class _Candidate:
    """One of those that a Trainer trains side by side."""

    def __init__(self, setup: Setup):
        self.setup, self.seed = setup, setup.seed
        self.curve: list[Point] = []
        self.earlier = 0  # how many of its points are another job's
        self.ended = False


class Trainer:
    """Trains candidates that agree in what `Setup.packs` answers: one, or up
    to size of them as one network of size copies. What is missing to the size
    are dummies, so that a candidate's bits depend on the size alone, and on
    neither its companions nor its place.

    Raises ValueError for a setup that cannot be trained.
    """

    def __init__(self, setups: Sequence[Setup], size: int = 1):
        self.setup, self.size = setups[0], size
        s, r = self.setup, self.setup.recipe
        if not 0 < s.budget <= 1e9:
            raise ValueError(f"the budget is {s.budget} epochs; give more than 0")
        _fits(s.network, s.train)
        # A last batch of less than half the size is left out; its samples come
        # in other epochs.
        self.per_epoch = max(1, (len(s.train) + r.batch // 2) // r.batch)
        self.total = max(1, math.floor(s.budget * self.per_epoch + 0.5))
        self.horizon = math.floor(r.horizon * self.per_epoch + 0.5) if r.horizon else self.total
        if self.total > self.horizon:
            raise ValueError(f"the budget of {s.budget:g} epochs exceeds the horizon of {r.horizon:g}; raise the evaluator's horizon")
        self.step = 0
        self.candidates = [_Candidate(setup) for setup in setups]
        self._sums = torch.zeros(2, size, dtype=torch.float64, device=s.device)  # of this epoch, by copy: losses, correct answers
        self._seen = 0
        self.augment = Augment(s.train.shape, r.crop, r.flip)
        self._known = False  # what follows is that of this epoch
        self._ahead: tuple[int, list[torch.Tensor]] | None = None  # an epoch to come, and what is left to chance in it
        self._order = self._choices = torch.empty(0)  # of the samples, by copy: their order, and what augmentation does to each
        self.tabled = on_device(s.device)
        if self.tabled:
            self._at = torch.zeros(2, dtype=torch.int64, device=s.device)  # the step within the epoch, and over all
            self._table = torch.zeros(self.per_epoch, size + 2, device=s.device)  # the optimizer's numbers for each step of the epoch
        self._replay: list[Callable[[], None]] = []  # takes a recorded step, once there is one
        self._warm = 0  # steps that were like the one to be recorded
        self._records = s.graphs and self.tabled
        self.network = Network(s.network, size)
        last = len(s.train) - (self.per_epoch - 1) * r.batch  # where it is reached
        self.network.trains(min(r.batch, last) if self.total >= self.per_epoch else r.batch)
        self.network.start([lambda name, c=c: rng.derive(c.seed, "weights " + name) for c in self.candidates])
        self.network.to(s.device)  # as a whole
        if self.tabled:
            with graph.gate.shared():
                grouped.choose(self.network, r.batch, self._precision)
        recipes = [c.setup.recipe for c in self.candidates]
        self._dummies = size - len(setups)
        self.optimizer = Optimizer(self.network, recipes + [r] * self._dummies)
        self._smoothing = torch.tensor([c.label_smoothing for c in recipes] + [0.0] * self._dummies, device=s.device)

    def close(self) -> None:
        """Lets go of what was recorded, of which nothing may still go on."""
        if self._replay:
            graph.forget(self._replay)

    @property
    def epochs(self) -> float:
        return self.step / self.per_epoch

    @property
    def parameters(self) -> int:
        """The number of trainable parameters of one candidate."""
        return self.optimizer.count // self.size

    @property
    def bytes(self) -> int:
        """What the arrays take that live as long as the training does."""
        o = self.optimizer
        arrays = [o.data, o.grad, o.m, o.v, o.owner, *self.network.buffers()]
        return sum(a.numel() * a.element_size() for a in arrays if a is not None)

    @property
    def macs(self) -> int:
        """Multiply-adds of one sample."""
        return macs(self.setup.network)

    def run(self) -> Iterator[tuple[int, Point | Invalid | Stopped]]:
        """Trains to the end of the budget. Answers each candidate as it ends,
        by its number: with its last Point, with Stopped if it was cancelled or
        a report stopped it, or with Invalid. One that was stopped can then be
        saved. What becomes of a candidate is its own affair: the others go on,
        to the same bits."""
        while any(not c.ended for c in self.candidates):
            if self._due():
                yield from self._measure()
                continue
            if self.step == self.total:
                for k, c in self._going():
                    c.ended = True
                    yield k, c.curve[-1]
                return
            yield from self._cancelled()
            if any(not c.ended for c in self.candidates):
                self.advance()

    def _going(self) -> list[tuple[int, _Candidate]]:
        return [(k, c) for k, c in enumerate(self.candidates) if not c.ended]

    def _cancelled(self) -> Iterator[tuple[int, Stopped]]:
        for k, c in self._going():
            if c.setup.cancelled():
                c.ended = True
                yield k, Stopped()

    def _due(self) -> bool:
        """Whether the next Point belongs here: after every epoch, and at the
        end of the budget."""
        curve = self._going()[0][1].curve
        if curve and curve[-1].epoch == self.epochs:
            return False
        return self.step > 0 and self.step % self.per_epoch == 0 or self.step == self.total

    def advance(self) -> None:
        """Takes one step of training."""
        s = self.setup
        epoch, within = divmod(self.step, self.per_epoch)
        if within == 0:
            self._sums.zero_()
            self._seen = 0
        if within == 0 or not self._known:
            self._enter(epoch, within)
        first = within * s.recipe.batch
        samples = min(s.recipe.batch, len(s.train) - first)
        if self.tabled:
            self._take(samples)
            if within + 1 == self.per_epoch and self.step + 1 < self.total:
                # While the device still has steps to take: the next Point waits
                # for them.
                self._ahead = epoch + 1, self._drawn(epoch + 1)
        else:
            if self.network.drops:
                dummies = [0] * self._dummies
                self.network.drop(lambda name: [rng.derive(c.seed, "dropout " + name, self.step) for c in self.candidates] + dummies)
            self._learn(self._order[:, first : first + samples])
            self.optimizer.step(self._rates(self.step), self.step + 1)
        self._seen += samples
        self.step += 1

    def _rates(self, step: int) -> list[float]:
        """The learning rate of each copy."""
        rates = [c.setup.recipe.rate(step, self.horizon, c.setup.recipe.warmup * self.per_epoch) for c in self.candidates]
        return rates + [0.0] * self._dummies

    def _enter(self, epoch: int, within: int) -> None:
        """Decides what an epoch leaves to chance. What is there already is
        written over, and stays in its place."""
        put = lambda old, new: old.copy_(new) if old.shape == new.shape else new.to(self.setup.device)
        ahead, self._ahead = self._ahead, None
        self._order, self._choices = map(put, (self._order, self._choices), ahead[1] if ahead and ahead[0] == epoch else self._drawn(epoch))
        if self.tabled:
            self._table.copy_(self._numbers(epoch))
            self._at.copy_(torch.tensor([within, self.step]))
            if self.network.drops and not self._known:
                base = lambda name: torch.tensor([rng.derive(c.seed, "dropout " + name) & 0xFFFFFFFF for c in self.candidates] + [0] * self._dummies)
                self.network.drop_by(lambda name: base(name).to(self.setup.device), self._at[1])
        self._known = True

    def _drawn(self, epoch: int) -> list[torch.Tensor]:
        """The order of the samples in an epoch, and what augmentation does to each
        of them; both by copy."""

        def of_each(draw: Callable[[_Candidate], torch.Tensor]) -> torch.Tensor:
            rows = [draw(c) for c in self.candidates]
            return torch.stack(rows + [torch.zeros_like(rows[0])] * self._dummies)

        samples = len(self.setup.train)
        order = of_each(lambda c: self._shuffled(c.seed, epoch))
        if not self.augment:
            return [order, torch.empty(0)]
        return [order, of_each(lambda c: self.augment.draw(rng.derive(c.seed, "augment", epoch), samples))]

    def _numbers(self, epoch: int) -> torch.Tensor:
        """The optimizer's numbers for each step of an epoch: those of
        `Optimizer.numbers`, bit for bit, for all steps and copies at once."""
        steps = range(epoch * self.per_epoch, (epoch + 1) * self.per_epoch)
        recipes = [c.setup.recipe for c in self.candidates]
        full = torch.tensor([r.full_rate for r in recipes], dtype=torch.float64)
        rates = torch.zeros(len(steps), self.size, dtype=torch.float64)
        for schedule in dict.fromkeys(r.schedule for r in recipes):  # the warm-up is the same for all
            own = [k for k, r in enumerate(recipes) if r.schedule == schedule]
            r = recipes[own[0]]
            times, over = torch.tensor([r.share(step, self.horizon, r.warmup * self.per_epoch) for step in steps], dtype=torch.float64).t().unsqueeze(2)
            rates[:, own] = full[own] * times / over
        moments = torch.tensor([self.optimizer.numbers([], step + 1) for step in steps], dtype=torch.float64)
        return torch.cat([rates, moments], 1).to(torch.float32)

    def _take(self, samples: int) -> None:
        """Takes a step by what is on the device; once it is warm, by replaying
        a recorded one."""
        whole = samples == self.setup.recipe.batch
        if whole and self._records and self._warm >= graph.WARM:
            self._records = False  # once
            if self.total - self.step >= graph.WORTH:
                try:
                    self._replay.append(graph.record(lambda: self._tabled_step(samples)))
                except RuntimeError as e:
                    print("steps are not recorded:", str(e).partition("\n")[0])
        if whole and self._replay:
            self._replay[0]()
            return
        with graph.gate.shared():
            self._tabled_step(samples)
        self._warm += whole

    def _tabled_step(self, samples: int) -> None:
        at = self._at[0] * self.setup.recipe.batch + torch.arange(samples, device=self._at.device)
        self._learn(self._order.index_select(1, at))
        self.optimizer.step_by(self._table.index_select(0, self._at[:1])[0])
        self._at += 1

    def _learn(self, which: torch.Tensor) -> None:
        """Goes through the network and back with some samples, by copy, and
        counts what it answered."""
        x, y = self.setup.train.take(which.flatten())
        if self.augment:
            copies = torch.arange(self.size, device=which.device).unsqueeze(1)
            x = self.augment.apply(x, self._choices[copies, which].flatten(0, 1))
        x = x.reshape(*which.shape, *self.network.shape).transpose(0, 1).flatten(1, 2)
        y = y.reshape(which.shape).t()
        self.network.train()
        logits = self._logits(x)
        losses = self._losses(logits, y)
        losses.sum().backward()
        self._sums += _counted(losses.detach() * len(y), logits.detach(), y)

    def _shuffled(self, seed: int, epoch: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(rng.derive(seed, "order", epoch))
        return torch.randperm(len(self.setup.train), generator=generator)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        """[samples, copies, classes]"""
        if self.tabled and self.size == 1 and x.dim() == 4 and self.setup.precision != "float32":
            x = x.contiguous(memory_format=torch.channels_last)  # what tensor cores read
        with self._precision():
            logits = self.network(x)
        return logits.float().reshape(len(x), self.size, -1)

    def _losses(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The mean loss of each copy: cross-entropy with label smoothing."""
        log = F.log_softmax(logits, 2)
        if self.tabled:  # what gather does there backwards is neither fast nor always the same
            classes = torch.arange(log.shape[2], device=log.device)
            right = torch.where(y.unsqueeze(2) == classes, log, torch.zeros_like(log)).sum(2).mean(0)
        else:
            right = log.gather(2, y.unsqueeze(2)).squeeze(2).mean(0)
        every = log.mean(2).mean(0)
        return -(right + self._smoothing * (every - right))

    def _precision(self):
        if self.setup.precision != "bfloat16":
            return contextlib.nullcontext()
        # Each weight is used once in a step, and all threads share one cache.
        return torch.autocast(torch.device(self.setup.device).type, dtype=torch.bfloat16, cache_enabled=False)

    def _measure(self) -> Iterator[tuple[int, Invalid | Stopped]]:
        """Adds a Point to every curve."""
        epoch, last = self.epochs, self.step == self.total
        points = [Point(epoch) for _ in self.candidates]
        trouble: list[Invalid | None] = [None] * len(points)
        if self._seen:
            for k, (p, loss, correct) in enumerate(zip(points, *self._sums.tolist())):
                p.train_loss, p.train_accuracy = loss / self._seen, correct / self._seen
                trouble[k] = infinite("loss", loss, epoch)
        if last or not self.setup.at_end:
            samples = len(self.setup.check)
            sums = yield from self._checked()
            for k, (p, loss, correct) in enumerate(zip(points, *sums.tolist())):
                p.loss, p.accuracy = loss / samples, correct / samples
                trouble[k] = trouble[k] or infinite("loss on held-out data", loss, epoch)
        for k, c in self._going():
            outcome: Invalid | Stopped | None = trouble[k]
            if outcome is None:
                c.curve.append(points[k])
                try:
                    c.setup.report(points[k])
                except Stopped:
                    outcome = Stopped()  # the other one holds this frame
            if outcome is not None:
                c.ended = True
                yield k, outcome

    def _checked(self) -> Iterator[tuple[int, Stopped]]:
        """Measures on the samples that are held out: sums of losses and of
        correct answers by copy."""
        s = self.setup
        sums = torch.zeros(2, self.size, dtype=torch.float64, device=s.device)
        # On a GPU samples of several batches at once take little longer than those
        # of one.
        batch = s.recipe.batch * max(1, 4 // self.size if self.tabled else 1)
        for which in torch.arange(len(s.check), device=s.device).split(batch):
            yield from self._cancelled()
            if not self._going():
                break
            self.network.eval()
            with graph.gate.shared(), torch.no_grad():
                x, y = s.check.take(which)
                x = x.reshape(len(x), *self.network.shape)
                logits = self._logits(x.repeat(1, self.size, *[1] * (x.dim() - 2)))
                y = y.unsqueeze(1).expand(-1, self.size)
                losses = -F.log_softmax(logits, 2).gather(2, y.unsqueeze(2)).squeeze(2)
                sums += _counted(losses.sum(0), logits, y)
        return sums

    def state(self, k: int = 0) -> dict[str, torch.Tensor]:
        """Everything that candidate k goes on from: parameters and running
        statistics under their names, moments under "optimizer.m/" and
        "optimizer.v/" and the name. They are windows: what is copied into them
        is taken over."""
        own = lambda t: t.detach().view(self.size, -1, *t.shape[1:])[k]
        state = {name: own(t) for name, t in self.network.state_dict().items()}
        for prefix, which in (("optimizer.m/", 1), ("optimizer.v/", 2)):
            for arrays in self.optimizer.arrays():
                if arrays[which] is not None:
                    state[prefix + arrays[0]] = own(arrays[which])
        return state

    def _recognise(self, k: int) -> dict[str, Any]:
        """What a checkpoint must have in common with candidate k's job."""
        s = self.candidates[k].setup
        network = hashlib.sha256(json.dumps(_nodes(s.network), sort_keys=True).encode()).hexdigest()
        return {"format": 1, "network": network[:32], "recipe": dataclasses.asdict(s.recipe), "steps an epoch": self.per_epoch,
                "pack size": self.size, "kernels": kernels(s.device, s.precision)}  # fmt: skip

    def save(self, path: str, k: int = 0) -> None:
        """Writes everything that candidate k goes on from to a file."""
        c = self.candidates[k]
        sums = self._sums[:, k].tolist()
        at = {"step": self.step, "seed": c.seed, "seen": self._seen, "sums": sums, "earlier": c.earlier,
              "curve": [dataclasses.asdict(p) for p in c.curve]}  # fmt: skip
        text = json.dumps({"job": self._recognise(k), "at": at})
        safetensors.save(path, self.state(k), {"nascent": text, "samples": json.dumps(self.setup.train.samples())})

    def load(self, path: str, own: bool, k: int = 0, any_size: bool = False) -> None:
        """Lets candidate k go on from a checkpoint, one of its job (own) or of
        one with a smaller budget: with its weights, moments, statistics,
        position, and its seed instead of the setup's. All candidates must go
        on, from the same step. With any_size it may have been trained in a pack
        of another size. Raises ValueError for a checkpoint of another network,
        recipe, torch, device or pack size, or from beyond the budget; the
        Trainer is then as before."""
        c = self.candidates[k]
        tensors, metadata = safetensors.load(path)
        try:
            text = json.loads(metadata["nascent"])
            job, at = text["job"], text["at"]
            curve = [Point(**p) for p in at["curve"]]
            step, seed, seen, sums, earlier = (at[k] for k in ("step", "seed", "seen", "sums", "earlier"))
        except (KeyError, TypeError, ValueError) as e:
            raise ValueError(f"{path}: is no checkpoint of this evaluator ({e}); train afresh") from e
        for what, wants in self._recognise(k).items():
            if job.get(what) != wants and not (any_size and what == "pack size"):
                raise ValueError(f"{path}: is a checkpoint of {what} {job.get(what)}, but the job has {wants}; train afresh")
        if not 0 <= step <= self.total:
            raise ValueError(f"{path}: is a checkpoint of step {step}, but the job has a budget of {self.total} steps; train afresh")
        if self.step not in (0, step):
            raise ValueError(f"{path}: is a checkpoint of step {step}, but the others of the pack stand at {self.step}; train afresh")
        state = self.state(k)
        for name, t in state.items():
            if name not in tensors or tensors[name].shape != t.shape or tensors[name].dtype != t.dtype:
                raise ValueError(f"{path}: has no array {name} of shape {list(t.shape)}; train afresh")
        with torch.no_grad():
            for name, t in state.items():
                t.copy_(tensors[name])
        c.seed, c.curve, c.ended = seed, curve, False
        c.earlier = earlier if own else len(curve)
        self.step, self._seen, self._known, self._ahead = step, seen, False, None
        self._sums[:, k] = torch.tensor(sums, dtype=torch.float64)


def placeless() -> bool:
    """Whether a candidate's bits are the same in every place of a pack, on a
    CPU: so they are with torch 1. The convolutions of torch 2 round some
    gradients differently from place to place."""
    return str(torch.__version__).startswith("1.")


def on_device(device: Any) -> bool:
    """Whether steps are to find all of their numbers on the device."""
    return torch.device(device).type == "cuda"


def _counted(losses: torch.Tensor, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Losses and correct answers, by copy."""
    return torch.stack([losses.double(), (logits.argmax(2) == y).sum(0).double()])


def position(path: str) -> int | None:
    """The step that a checkpoint goes on from; None if it does not say."""
    try:
        return json.loads(safetensors.metadata(path)["nascent"])["at"]["step"]
    except (KeyError, TypeError, ValueError):
        return None


def _fits(network: Any, part: Part) -> None:
    nodes = _nodes(network) if network else []
    if not nodes:
        raise ValueError("the space describes no network; give it layers, such as conv, dense or head, or use another evaluator")
    wrong = unread(nodes[0]["shape"], part.shape)
    if wrong:
        raise ValueError(f"space.network.input {wrong}")
    answers = nodes[-1]["shape"]
    if answers != [part.classes]:
        raise ValueError(f"the network answers {answers}, but the data has {part.classes} classes; set space.network.classes")


def infinite(what: str, value: float, epoch: float) -> Invalid | None:
    """The reason why a value is not finite, or None."""
    if math.isfinite(value):
        return None
    return Invalid(f"{what} became {'NaN' if math.isnan(value) else 'infinite'} in epoch {math.ceil(epoch)}")


def kernels(device: Any, precision: str = "float32") -> str:
    """What computes: results are equal bit for bit where this is."""
    capability = re.search(r"CPU capability usage: (\S+)", torch.__config__.show())
    name = f"cpu {capability[1] if capability else ''}"
    if torch.device(device).type == "cuda":
        name = torch.cuda.get_device_name(torch.device(device))
    return f"torch {torch.__version__} {name.strip()} {precision}"
