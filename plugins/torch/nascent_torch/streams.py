"""Streams of a GPU, each for one training at a time."""

from __future__ import annotations

import contextlib
import threading
from typing import Iterator

import torch

MOST = 32  # torch has so many; it gives out the first again after the last


class Streams:
    """Lends streams. Two trainings on one would not only wait for each other: the
    one would be recorded along with the other's steps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[torch.cuda.Stream] = []
        self._idle: list[torch.cuda.Stream] = []

    @contextlib.contextmanager
    def lend(self) -> Iterator[torch.cuda.Stream]:
        """A stream of the current device, for up to MOST at once."""
        with self._lock:
            stream = self._idle.pop() if self._idle else self._new()
        try:
            yield stream
        finally:
            with self._lock:
                self._idle.append(stream)

    def _new(self) -> torch.cuda.Stream:
        for _ in range(MOST):
            stream = torch.cuda.Stream()
            if stream not in self._all:
                self._all.append(stream)
                return stream
        raise RuntimeError(f"more than {MOST} trainings at once want a stream of their own; set slots to {MOST}")
