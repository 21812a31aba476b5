"""How a network is trained: the options of the Gorgonia evaluator, and crop and
flip."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

# Genes and options that are plain numbers: where they go, and their bounds.
_NUMBERS = {
    "learning_rate": (0, 1000, "give a number above 0 and below 1000, such as 0.003"),
    "warmup": (0, 1e6, "give a number of epochs, such as 1"),
    "weight_decay": (0, 1000, "give a number from 0 to below 1000, such as 0.01"),
    "momentum": (0, 1, "give a number from 0 to below 1"),
    "label_smoothing": (0, 1, "give a number from 0 to below 1"),
    "beta1": (0, 1, "give a number between 0 and 1"),
    "beta2": (0, 1, "give a number between 0 and 1"),
    "epsilon": (0, 1, "give a small number above 0, such as 1e-8"),
}
_ABOVE_ZERO = ("beta1", "beta2", "epsilon")
_NAMES = {"optimizer": ("adamw", "adam", "sgd"), "schedule": ("cosine", "constant", "step")}


class Bad(ValueError):
    """A value that makes no sense. key is its option or gene."""

    def __init__(self, key: str, problem: str):
        super().__init__(f"{key} {problem}")
        self.key, self.problem = key, problem


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Is read from the evaluator's options; genes of the same names come
    before it."""

    batch: int = 100  # samples in one step
    optimizer: str = "adamw"  # adamw (decay apart from the gradient), adam or sgd
    learning_rate: float = 0.0  # before the schedule; 0: 0.003, for sgd 0.05
    schedule: str = "cosine"  # cosine (to 0), constant, or step (a tenth from half of the horizon on, a hundredth from three quarters on)
    warmup: float = 0.0  # epochs in which the rate grows from 0
    horizon: float = 0.0  # epochs that the schedule spans; 0: the job's budget
    weight_decay: float = 0.01  # of weights, not of biases, scales and shifts
    momentum: float = 0.9  # of sgd
    label_smoothing: float = 0.0  # share of the target spread over all classes
    beta1: float = 0.9  # of adamw and adam, as are:
    beta2: float = 0.999
    epsilon: float = 1e-8
    crop: int = 0  # samples are shifted by up to so many positions in every dimension, at random
    flip: bool = False  # half of the samples are mirrored, at random

    def check(self) -> Recipe:
        """Returns itself, or raises Bad for the first value that makes no
        sense."""
        if not _whole(self.batch) or not 1 <= self.batch <= 1 << 16:
            raise Bad("batch", f"is {self.batch}; give 1 to 65536 samples")
        for key, names in _NAMES.items():
            if getattr(self, key) not in names:
                raise Bad(key, f"is {getattr(self, key)!r}; use {', '.join(names[:-1])} or {names[-1]}")
        for key, (low, high, remedy) in _NUMBERS.items():
            v = getattr(self, key)
            if not _number(v) or not low <= v < high or v == 0 and key in _ABOVE_ZERO:
                raise Bad(key, f"is {v}; {remedy}")
        if not _whole(self.crop) or not 0 <= self.crop <= 100:
            raise Bad("crop", f"is {self.crop}; give 0 to 100 positions, such as 4")
        if not isinstance(self.flip, bool):
            raise Bad("flip", f"is {self.flip}; give true or false")
        if not _number(self.horizon) or not 0 <= self.horizon < math.inf:
            raise Bad("horizon", f"is {self.horizon}; give a number of epochs above 0, or budget")
        return self

    @staticmethod
    def fields() -> list[str]:
        """The names of all options."""
        return [f.name for f in dataclasses.fields(Recipe)]

    @staticmethod
    def of(options: dict[str, Any]) -> Recipe:
        """The recipe of the options, of which all keys must be fields."""
        values = dict(options)
        if "horizon" in values:
            if values["horizon"] == "budget":
                values["horizon"] = 0.0
            elif not _number(values["horizon"]) or not values["horizon"] > 0:
                raise Bad("horizon", f"is {values['horizon']}; give a number of epochs above 0, or budget")
        return Recipe(**values).check()

    def replace(self, **changes: Any) -> Recipe:
        """A copy with other values."""
        return dataclasses.replace(self, **changes)

    def with_genes(self, genes: dict[str, Any]) -> Recipe:
        """The recipe as a candidate's genes change it. Read are genes at the
        top level with the names of options (lr is learning_rate), horizon
        aside; an optimizer or schedule chosen with genes of its own brings
        those too. All other genes are left alone."""
        changes: dict[str, Any] = {}

        def collect(genes: dict[str, Any]) -> None:
            for key, value in genes.items():
                name = "learning_rate" if key == "lr" else key
                if name in _NUMBERS:
                    if not _number(value):
                        raise Bad(f"gene {key}", f"is {value}; it has to be a number")
                    changes[name] = float(value)
                elif name == "batch":
                    if not _whole(value):
                        raise Bad("gene batch", f"is {value}; it has to be a whole number")
                    changes[name] = int(value)
                elif name in _NAMES:
                    own: Any = {}
                    if isinstance(value, dict) and len(value) == 1:
                        ((value, own),) = value.items()
                    if not isinstance(value, str):
                        raise Bad(f"gene {key}", f"is {value}; it has to be a name")
                    changes[name] = value
                    if isinstance(own, dict):
                        collect(own)

        collect(genes)
        return self.replace(**changes).check()

    def rate(self, step: float, steps: float, warmup: float) -> float:
        """The learning rate of a step (from 0) of a schedule that spans steps,
        of which the first warmup are for warming up."""
        times, over = self.share(step, steps, warmup)
        return self.full_rate * times / over

    @property
    def full_rate(self) -> float:
        """The learning rate before the schedule."""
        return self.learning_rate or (0.05 if self.optimizer == "sgd" else 0.003)

    def share(self, step: float, steps: float, warmup: float) -> tuple[float, float]:
        """What the schedule makes of the full rate: times this, over that."""
        if step < warmup:
            return step + 1, warmup + 1
        part = min((step - warmup) / max(steps - warmup, 1), 1)
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * part)), 1
        if self.schedule == "step" and part >= 0.5:
            return 1, 100 if part >= 0.75 else 10
        return 1, 1


def _number(v: Any) -> bool:
    return isinstance(v, (int, float)) and not isinstance(v, bool) and v == v


def _whole(v: Any) -> bool:
    return _number(v) and v == int(v) if v not in (math.inf, -math.inf) else False
