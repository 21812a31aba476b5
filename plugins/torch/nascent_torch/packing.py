"""Whether it pays to train candidates as one network: measured, not guessed.

A pack costs the same whether it is full or not, so what pays depends on how
many candidates there are.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Callable

import torch

from . import graph
from .memory import ran_out
from .network import macs
from .train import Setup, Trainer

_SECONDS = 0.1  # of measuring, for each of the two
_WARM = graph.WARM + 1  # steps before it, with the recording
_GAIN = 1.1  # the least that is worth other bits


@dataclasses.dataclass(frozen=True)
class Speed:
    """Steps in a second: of one candidate alone, and of a pack, full or not."""

    alone: float
    pack: float

    def pays(self, candidates: int) -> bool:
        """Whether a pack of so many is faster than one after the other."""
        return candidates * self.pack > _GAIN * self.alone

    def __str__(self) -> str:
        return f"{self.alone:,.0f} steps/s alone, {self.pack:,.0f} steps/s of a pack"


class Packing:
    """Speeds of what was met so far, each measured once in a process."""

    def __init__(self, size: int, clock: Callable[[], float] = time.perf_counter):
        self.size, self._clock = size, clock
        self._speeds: dict[Any, Speed] = {}

    def speed(self, setup: Setup) -> Speed:
        """The speeds of a candidate's shape, with weights that are thrown away."""
        shape, alike = setup.packs()
        key = shape, alike[:2]  # batch and optimizer
        if key not in self._speeds:
            self._speeds[key] = Speed(self._measure(setup, 1), self._measure(setup, self.size))
            print(f"packs of {self.size}, {macs(setup.network):,} macs, {setup.recipe.batch} samples a step: {self._speeds[key]}")
        return self._speeds[key]

    def _measure(self, setup: Setup, size: int) -> float:
        """Steps in a second; 0 where memory does not suffice."""
        quiet = dataclasses.replace(setup, report=lambda point: None, cancelled=lambda: False)
        try:
            trainer = Trainer([dataclasses.replace(quiet, seed=seed) for seed in range(size)], size)
            for _ in range(_WARM):
                trainer.advance()
            self._wait(setup)
            steps, begin = 0, self._clock()
            while True:
                for _ in range(4):
                    trainer.advance()
                steps += 4
                self._wait(setup)
                took = self._clock() - begin
                if took >= _SECONDS:
                    return steps / took
        except Exception as e:
            if not ran_out(e):
                raise
            return 0.0

    @staticmethod
    def _wait(setup: Setup) -> None:
        if torch.device(setup.device).type == "cuda":
            torch.cuda.synchronize(setup.device)
