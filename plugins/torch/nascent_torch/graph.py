"""Steps recorded as CUDA graphs.

A small network's step is a hundred operations of a few microseconds each, and
starting one takes longer than carrying it out. A recorded step is started as a
whole.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from typing import Callable, Iterator

import torch

WARM = 3  # steps before the recording, in which libraries choose their kernels
WORTH = 50  # steps that must be left to be recorded


class Gate:
    """Lets many through at once, or one alone, who need not wait for those that
    come after it."""

    def __init__(self) -> None:
        self._news, self._one = threading.Condition(), threading.Lock()
        self._inside, self._closed = 0, False

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """While nobody is alone. Not to be nested."""
        with self._news:
            self._news.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._news:
                self._inside -= 1
                self._news.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While nobody else is inside. Not to be entered from inside."""
        with self._one:
            try:
                with self._news:
                    self._closed = True
                    self._news.wait_for(lambda: not self._inside)
                yield
            finally:
                with self._news:
                    self._closed = False
                    self._news.notify_all()


# Recording begins by waiting for the whole device, which another recording would
# not survive; and much of what starting an operation for the first time does in
# the driver is not allowed anywhere while a recording goes on.
gate = Gate()


def record(step: Callable[[], None]) -> Callable[[], None]:
    """Records what a function does on the current stream, without doing it, and
    answers what does it. All of the function's numbers must come from tensors
    that stay where they are. Raises RuntimeError where that is not possible."""
    stream = torch.cuda.current_stream()
    if stream == torch.cuda.default_stream():
        raise RuntimeError("the default stream cannot be recorded")
    if "capture_error_mode" not in inspect.signature(torch.cuda.graph.__init__).parameters:
        raise RuntimeError("recording beside other threads needs torch 2.1")
    with gate.alone():
        recording, pool = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
        try:
            with torch.cuda.graph(recording, pool=pool, stream=stream, capture_error_mode="thread_local"):
                step()
        except RuntimeError:
            _abandon(recording, pool)
            raise
    return recording.replay


def forget(replay: list[Callable[[], None]]) -> None:
    """Empties a list of recorded steps, which is the end of those that nobody else
    has. torch counts recordings without a lock."""
    with gate.alone():
        replay.clear()


def _abandon(recording: torch.cuda.CUDAGraph, pool: object) -> None:
    """Ends the use of memory by a recording that has failed. torch 2.11 forgets to
    where the device says so at the end of the recording, and would from then on give
    no memory back to it."""
    with contextlib.suppress(RuntimeError):
        recording.pool()
        return  # it has ended, and what failed was the step
    device = torch.cuda.current_device()
    for end in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
        with contextlib.suppress(AttributeError, RuntimeError):  # torch has no such function, or did it itself
            getattr(torch._C, end)(device, pool)
