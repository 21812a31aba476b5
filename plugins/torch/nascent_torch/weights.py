"""Trains the weights that the genomes of a space of cells share, and alphas.

Orders, methods, constants and steps are those of the supernet plugin
(plugins/strategies/supernet in Go); what is drawn for a step follows from the
seed and the number of the step, so that training that goes on from a file comes
to what training that never stopped would, bit for bit on a CPU.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from typing import Any, Callable, Sequence

import torch
from torch.nn import functional as F

from . import rng, safetensors
from .data import Part
from .network import Conv, Dense
from .recipe import Bad
from .supernet import Path, Supernet
from .train import Stopped, kernels

_HEADER = "nascent.supernet"  # where the metadata of a file hold what it is
_METHODS = ("uniform", "paths", "darts", "gdas")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How weights and alphas are trained."""

    batch: int = 32  # samples in one step, and in one batch of a score
    learning_rate: float = 0.02  # of the weights (AdamW), cosine to 0 over all epochs
    weight_decay: float = 0.01  # of the weights, decoupled
    alpha_learning_rate: float = 0.006  # of the alphas (Adam), constant
    alpha_weight_decay: float = 1e-3  # of the alphas, part of the gradient

    @staticmethod
    def of(options: Any) -> Recipe:
        """The recipe of a group of options. Raises Bad for the first value that
        makes no sense."""
        known = [f.name for f in dataclasses.fields(Recipe)]
        if not isinstance(options, dict):
            raise Bad("supernet", f"is {options}; give a group of {', '.join(known)}")
        for key, v in options.items():
            number = isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v < 1000
            if key not in known:
                raise Bad("supernet", f"has no {key}; it takes {', '.join(known)}")
            if key == "batch":
                number = isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= 1 << 16
            if not number or v == 0 and key.endswith("learning_rate"):
                raise Bad("supernet", f"has the {key} {v}; give a number, such as {getattr(Recipe(), key)}")
        return Recipe(**options)


@dataclasses.dataclass
class Alphas:
    """Logits of the options of each choice, with the moments of their optimizer."""

    logits: list[list[float]]
    first: list[list[float]]
    second: list[list[float]]
    steps: int = 0

    def adam(self, gradient: list[list[float]], rate: float, decay: float) -> None:
        """A step of Adam with the constants of DARTS."""
        beta1, beta2, epsilon = 0.5, 0.999, 1e-8
        self.steps += 1
        for row, first, second, slope in zip(self.logits, self.first, self.second, gradient):
            for k, g in enumerate(slope):
                g += decay * row[k]
                first[k] = beta1 * first[k] + (1 - beta1) * g
                second[k] = beta2 * second[k] + (1 - beta2) * g * g
                change = first[k] / (1 - beta1**self.steps)
                row[k] -= rate * change / (math.sqrt(second[k] / (1 - beta2**self.steps)) + epsilon)


@dataclasses.dataclass
class Order:
    """What a strategy asks for: the input of a job of the task supernet."""

    method: str = ""  # uniform, paths, darts, gdas
    epoch: float = 0.0  # where the job begins
    epochs: float = 0.0  # of the whole schedule
    paths: list = dataclasses.field(default_factory=list)  # genomes; the job has them as paths
    alphas: Alphas | None = None  # darts, gdas
    order: int = 0  # darts: 1 or 2
    frozen: bool = False  # the alphas stay as they are
    hot: float = 0.0  # gdas: temperature at the beginning of the schedule
    cold: float = 0.0  # gdas: and at its end
    auxiliary: float = 0.0  # darts: weight of an auxiliary skip at the beginning; it falls to 0

    @staticmethod
    def read(text: bytes, sizes: Sequence[int]) -> Order:
        """Reads an order for choices of these numbers of options. Raises
        ValueError for one that makes no sense."""
        if not text:
            raise ValueError("there is no order: a supernet job is proposed by the strategies darts, gdas, enas and spos")
        try:
            values = json.loads(text)
            alphas = values.pop("alphas", None)
            o = Order(**values, alphas=alphas and Alphas(**alphas))
        except (ValueError, TypeError, AttributeError) as e:
            raise ValueError(f"the order cannot be read: {e}") from e
        if not 0 <= o.epoch < o.epochs < math.inf:
            raise ValueError(f"epoch {o.epoch:g} of {o.epochs:g}: a schedule has more than its beginning")
        if o.method not in _METHODS:
            raise ValueError(f"method {o.method}: known are {', '.join(_METHODS)}")
        if o.method == "paths" and not o.paths:
            raise ValueError("no paths to train")
        if o.bilevel:
            lists = [o.alphas.logits, o.alphas.first, o.alphas.second] if o.alphas else [[]]
            if any([len(row) for row in rows] != list(sizes) or not all(math.isfinite(x) for row in rows for x in row) for rows in lists):
                raise ValueError(f"alphas for other choices than the space's {len(sizes)}")
        if o.method == "darts" and o.order not in (1, 2):
            raise ValueError(f"order {o.order}: it is 1 or 2")
        if o.method == "gdas" and not (o.hot > 0 and o.cold > 0):
            raise ValueError(f"temperatures {o.hot:g} to {o.cold:g}: they are above 0")
        return o

    @property
    def bilevel(self) -> bool:
        """Whether there are alphas, trained on samples of their own."""
        return self.method in ("darts", "gdas")

    def temperature(self, part: float) -> float:
        """That of gdas, at a part of the schedule."""
        return self.hot + (self.cold - self.hot) * part


@dataclasses.dataclass
class Point:
    """What was measured over one epoch, each batch before its step."""

    epoch: float  # since the beginning of the order
    loss: float  # of the weights' steps
    alpha_loss: float  # of the alphas' steps; 0 without


class Trainer:
    """Carries out one order."""

    def __init__(self, graph: dict[str, Any], order: Order, recipe: Recipe, data: Part, seed: int, *, paths: Sequence[Path] = (),
                 device: Any = "cpu", precision: str = "float32", report: Callable[[Point], None] = lambda point: None,
                 cancelled: Callable[[], bool] = lambda: False):  # fmt: skip
        self.order, self.recipe, self.data, self.seed = order, recipe, data, seed
        self.paths, self.device, self.precision, self.report, self.cancelled = paths, device, precision, report, cancelled
        self.model = build(graph, order.method, device)
        self.model.start([lambda name: rng.derive(seed, "weights " + name)])
        self.weights = dict(self.model.named_parameters())
        decayed = {f"{n}.weight" for n, layer in zip(self.model.names, self.model.layers) if isinstance(layer, (Conv, Dense))}
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for name, p in self.weights.items() if name in decayed], "weight_decay": recipe.weight_decay},
                {"params": [p for name, p in self.weights.items() if name not in decayed], "weight_decay": 0.0},
            ]
        )
        self.alphas = order.alphas
        everything = torch.arange(len(data))
        self.own = everything  # samples that the weights are trained on
        if order.bilevel:
            # Two halves, the same in every job (Liu et al. 2018, section 3.1).
            half = torch.tensor(rng.Rand(rng.derive(1, "halves")).perm(len(data)))
            self.own, self.other = half[: len(data) // 2], half[len(data) // 2 :]
            if len(self.own) == 0:
                raise ValueError(f"{len(data)} samples cannot be halved")
        for samples in (self.own, self.other) if order.bilevel else (self.own,):
            if len(samples) > 0:
                self.model.trains(min(recipe.batch, len(samples) - (_batches(samples, recipe.batch) - 1) * recipe.batch))
        self._orders: dict[str, tuple[int, torch.Tensor]] = {}  # of samples, by label: those of a pass
        self.done = 0  # steps
        self.curve: list[Point] = []
        # Over the steps since the newest Point:
        self._sums = torch.zeros(2, dtype=torch.float64, device=device)  # of losses: weights, alphas
        self._steps = 0

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch; a last batch of less than half the size is left out."""
        return _batches(self.own, self.recipe.batch)

    def run(self, epochs: float) -> Point:
        """Trains until a number of epochs are done, on from what is done already.
        Raises Stopped within a step of being cancelled."""
        first = _round(self.order.epoch * self.per_epoch)
        total = max(1, _round(self.order.epochs * self.per_epoch))
        count = max(1, _round(epochs * self.per_epoch))
        while self.done < count:
            if self.cancelled():
                raise Stopped
            at = first + self.done
            self._step(at, min(at / total, 1))
            self.done += 1
            if (at + 1) % self.per_epoch == 0 or self.done == count:
                self._point(math.ceil((at + 1) / self.per_epoch))
        return self.curve[-1]

    def _step(self, at: int, part: float) -> None:
        """A step of the alphas, where the order trains them, and one of the
        weights. part is how much of the schedule lies behind it."""
        r = rng.Rand(rng.derive(self.seed, "step", at))
        if self.model.drops:
            self.model.drop(lambda name: [rng.derive(self.seed, "dropout " + name, at)])
        rate = self.recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * part))
        if self.order.bilevel:
            if not self.order.frozen:
                self._alpha_step(r, at, part, rate)
            self._open(self._weights_of(r, part), learn=False)
        elif self.order.method == "paths":
            self.model.use(self.paths[at % len(self.paths)])
        else:
            self.model.use(self.model.draw(r))
        self.optimizer.zero_grad(set_to_none=True)  # what takes no part has no gradient, and takes no step
        loss = self._loss(self.own, "order", at)
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self._sums[0] += loss.detach()
        self._steps += 1

    def _loss(self, samples: torch.Tensor, label: str, step: int) -> torch.Tensor:
        """The mean loss of a step's batch, out of an order of samples that is
        drawn anew for each pass over them."""
        of_pass, within = divmod(step, _batches(samples, self.recipe.batch))
        known, order = self._orders.get(label, (-1, samples))
        if known != of_pass:
            generator = torch.Generator().manual_seed(rng.derive(self.seed, label, of_pass))
            order = samples[torch.randperm(len(samples), generator=generator)].to(self.device)
            self._orders[label] = of_pass, order
        x, y = self.data.take(order[within * self.recipe.batch : (within + 1) * self.recipe.batch])
        return F.cross_entropy(logits(self.model, x, self.precision), y)

    def _weights_of(self, r: rng.Rand, part: float) -> tuple[list[list[float]], Path | None]:
        """What the alphas say at a part of the schedule: the weights of all
        operations, or for gdas those of a path, and the path."""
        if self.order.method == "gdas":
            return self._draw(r, part)
        weights = [softmax(row, 1.0) for row in self.alphas.logits]
        for row, choice in zip(weights, self.model.choices):
            if choice["skip"] >= 0:
                row[choice["skip"]] += self.order.auxiliary * (1 - part)
        return weights, None

    def _draw(self, r: rng.Rand, part: float) -> tuple[list[list[float]], Path]:
        """One option of each choice: the largest of logit plus Gumbel noise (Dong
        & Yang 2019, equations 3 and 4)."""
        self.soft, path = [], []
        for row in self.alphas.logits:
            noisy = [x - rng.log(max(-rng.log(max(r.float64(), 1e-300)), 1e-300)) for x in row]
            path.append([noisy.index(max(noisy))])
            self.soft.append(softmax(noisy, self.order.temperature(part)))
        return [[1.0] * len(row) for row in self.soft], path

    def _open(self, weights: tuple[list[list[float]], Path | None], learn: bool) -> torch.Tensor:
        """Lets the supernet compute with weights; learn: gradients by them will be
        asked for."""
        rows, path = weights
        most = self.model.most
        table = torch.tensor([row + [0.0] * (most - len(row)) for row in rows]).to(self.device).requires_grad_(learn)
        if path is not None and not learn:
            self.model.use(path)
        else:
            self.model.mix(table, path)
        return table

    def _alpha_step(self, r: rng.Rand, at: int, part: float, rate: float) -> None:
        """A step of the alphas on a batch of their own half."""
        table = self._open(self._weights_of(r, part), learn=True)
        if self.order.method == "darts" and self.order.order == 2:
            gradient, loss = self._unrolled(table, at, part, rate)
        else:
            loss = self._loss(self.other, "alpha order", at)
            gradient = self._by_logits(torch.autograd.grad(loss, table)[0], part)
        self._sums[1] += loss.detach()
        self.alphas.adam(gradient, self.recipe.alpha_learning_rate, self.recipe.alpha_weight_decay)

    def _by_logits(self, by_weights: torch.Tensor, part: float) -> list[list[float]]:
        """The gradient by the logits that comes of one by the weights; for gdas
        straight through the one-hot of the path."""
        gradient, temperature = [], 1.0
        for i, by in enumerate(by_weights.tolist()):
            if self.order.method == "gdas":
                soft, temperature = self.soft[i], self.order.temperature(part)
            else:
                soft = softmax(self.alphas.logits[i], 1.0)
            mean = sum(w * b for w, b in zip(soft, by))
            gradient.append([w * (b - mean) / temperature for w, b in zip(soft, by)])
        return gradient

    def _unrolled(self, table: torch.Tensor, at: int, part: float, rate: float) -> tuple[list[list[float]], torch.Tensor]:
        """The second-order gradient: that at the weights after one more step of
        theirs, with the finite difference that stands for the Hessian (Liu et al.
        2018, section 2.3, equations 7 and 8). The step is one of plain gradient
        descent at the weights' learning rate."""
        weights = list(self.weights.values())
        kept = [w.detach().clone() for w in weights]

        def move(directions, by: float) -> None:
            with torch.no_grad():
                for w, k, d in zip(weights, kept, directions):
                    w.copy_(k if d is None else k + by * d)

        def slopes(of, samples, label):
            loss = self._loss(samples, label, at)
            return loss, torch.autograd.grad(loss, of, allow_unused=True)

        _, down = slopes(weights, self.own, "order")
        move(down, -rate)
        loss, (by, *direction) = slopes([table, *weights], self.other, "alpha order")
        gradient = self._by_logits(by, part)
        norm = math.sqrt(sum(float((d.double() ** 2).sum()) for d in direction if d is not None))
        if norm > 0:
            sides = []
            for sign in (1, -1):
                move(direction, sign * 0.01 / norm)
                _, (by,) = slopes([table], self.own, "order")
                sides.append(self._by_logits(by, part))
            for row, plus, minus in zip(gradient, *sides):
                for k, (p, m) in enumerate(zip(plus, minus)):
                    row[k] -= rate * (p - m) * norm / 0.02
        move([None] * len(weights), 0.0)
        return gradient, loss

    def _point(self, epoch: int) -> None:
        """Ends what is summed up, and reports it. epoch is that of the schedule."""
        sums = self._sums.tolist()
        for value in sums:
            if not math.isfinite(value):
                raise ValueError(f"the loss became {value} in epoch {epoch}: lower the learning_rate of the supernet")
        loss, alpha_loss = (s / self._steps for s in sums)
        self.curve.append(Point(self.done / self.per_epoch, loss, alpha_loss))
        self._sums.zero_()
        self._steps = 0
        self.report(self.curve[-1])

    def save(self, path: str, progress: bool = False) -> None:
        """Writes weights and the optimizer's state; with progress also what an
        order that is not done goes on from."""
        header: dict[str, Any] = {"method": self.order.method, "kernels": kernels(self.device, self.precision)}
        if progress:
            header["progress"] = {"done": self.done, "curve": [dataclasses.asdict(p) for p in self.curve],
                                  "sums": self._sums.tolist(), "steps": self._steps}  # fmt: skip
            header["alphas"] = self.alphas and dataclasses.asdict(self.alphas)
        states = {name: self.optimizer.state.get(p) or {} for name, p in self.weights.items()}
        tensors = {name: p.detach() for name, p in self.weights.items()}
        for prefix, key in (("optimizer.m/", "exp_avg"), ("optimizer.v/", "exp_avg_sq")):
            tensors.update({prefix + name: s.get(key, torch.zeros_like(self.weights[name])) for name, s in states.items()})
        tensors["optimizer.steps"] = torch.tensor([float(s.get("step", 0.0)) for s in states.values()])
        safetensors.save(path, tensors, {_HEADER: json.dumps(header)})

    def load(self, path: str, own: bool) -> None:
        """Goes on from a file: of the order before, or (own) of an earlier attempt
        at this one. Raises ValueError for one of another space, method or
        machine."""
        header, tensors = read(path)
        if header["method"] != self.order.method:
            raise ValueError(f"{path}: holds weights of the method {header['method']}, not of {self.order.method}; begin the schedule again")
        here = kernels(self.device, self.precision)
        if header["kernels"] != here:
            raise ValueError(f"{path}: was trained by {header['kernels']}, and here is {here}; begin the schedule again")
        put(self.model, tensors, path)
        for (name, p), steps in zip(self.weights.items(), tensors["optimizer.steps"].tolist()):
            if steps > 0:
                self.optimizer.state[p] = {"step": torch.tensor(steps), "exp_avg": tensors["optimizer.m/" + name].to(self.device),
                                           "exp_avg_sq": tensors["optimizer.v/" + name].to(self.device)}  # fmt: skip
        if own and header.get("progress"):
            progress = header["progress"]
            self.done, self._steps = progress["done"], progress["steps"]
            self.curve = [Point(**p) for p in progress["curve"]]
            self._sums = torch.tensor(progress["sums"], dtype=torch.float64, device=self.device)
            self.alphas = Alphas(**header["alphas"]) if header["alphas"] else None


def build(graph: dict[str, Any], method: str, device: Any) -> Supernet:
    """A supernet for a method. For darts and gdas normalisations have neither
    scale nor shift, so that alphas alone say what an operation counts."""
    return Supernet(graph, affine=method not in ("darts", "gdas")).to(device)


def read(path: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a Trainer saved: what it is, and its arrays."""
    tensors, metadata = safetensors.load(path)
    try:
        return json.loads(metadata[_HEADER]), tensors
    except (KeyError, ValueError) as e:
        raise ValueError(f"{path}: holds no shared weights ({e})") from e


def put(model: Supernet, tensors: dict[str, torch.Tensor], path: str) -> None:
    """Gives a supernet the weights of a file."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name not in tensors or tensors[name].shape != p.shape:
                raise ValueError(f"{path}: holds no weights of this space: there is no {name} of shape {list(p.shape)}; begin the schedule again")
            p.copy_(tensors[name])


def logits(model: Supernet, x: torch.Tensor, precision: str) -> torch.Tensor:
    """What a supernet answers, [samples, classes]."""
    short = torch.autocast(x.device.type, dtype=torch.bfloat16) if precision == "bfloat16" else contextlib.nullcontext()
    with short:
        return model(x.reshape(len(x), *model.shape)).float()


def measure(model: Supernet, data: Part, batch: int, precision: str, cancelled: Callable[[], bool]) -> tuple[float, float]:
    """The mean loss and the accuracy over samples, by what is open. Raises
    Stopped within a batch of being cancelled."""
    model.eval()
    device = data.y.device
    sums = torch.zeros(2, dtype=torch.float64, device=device)
    with torch.no_grad():
        for which in torch.arange(len(data), device=device).split(batch):
            if cancelled():
                raise Stopped
            x, y = data.take(which)
            out = logits(model, x, precision)
            sums += torch.stack([F.cross_entropy(out, y, reduction="sum").double(), (out.argmax(1) == y).sum().double()])
    loss, right = sums.tolist()
    return loss / len(data), right / len(data)


def softmax(values: Sequence[float], temperature: float) -> list[float]:
    """The softmax of logits over a temperature."""
    top = max(values)
    powers = [rng.exp((x - top) / temperature) for x in values]
    total = sum(powers)
    return [p / total for p in powers]


def _batches(samples: torch.Tensor, batch: int) -> int:
    return max(1, (len(samples) + batch // 2) // batch)


def _round(x: float) -> int:
    return math.floor(x + 0.5)
