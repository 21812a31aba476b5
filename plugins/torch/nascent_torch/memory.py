"""What memory training takes, and what there is.

A need is predicted before a training starts, from its parameters, the values
between its layers, the optimizer's moments and the size of its pack; what
trainings really took corrects it. Nothing here decides a result: it decides
when a training starts, and how many candidates are trained as one network.
"""

from __future__ import annotations

import collections
import contextlib
import gc
import math
import threading
from typing import Any, Deque, Iterator

import torch

from .network import held

MIB = 1 << 20
_WORKSPACE = 64 * MIB  # of CUDA's libraries, whatever the network's size
_CAUTION = 1.5  # over the prediction, before anything was seen
_MARGIN = 1.15  # over the worst that was seen
_WORDS = ("out of memory", "can't allocate memory", "STATUS_ALLOC_FAILED", "DEVICE_ALLOCATION_FAILED",
          "STATUS_NOT_INITIALIZED",  # cuBLAS and cuDNN, for want of memory for themselves
          "unable to find an engine")  # cuDNN, for want of memory for any way to convolve
# fmt: skip


class Full(Exception):
    """There is no room now."""


def ran_out(error: BaseException) -> bool:
    """Whether an exception says that memory did not suffice."""
    return isinstance(error, MemoryError) or isinstance(error, RuntimeError) and any(w in str(error) for w in _WORDS)


def predicted(network: Any, batch: int, size: int, adaptive: bool = True) -> int:
    """Bytes at the peak of a training step, roughly: parameters, gradients,
    moments and what a step of the optimizer adds to them; and every value
    between layers twice, once kept for its gradient."""
    nodes = network["nodes"] if isinstance(network, dict) else network
    parameters = values = 0
    for node in nodes:
        shape = nodes[node["inputs"][0]]["shape"] if node.get("inputs") else []
        values += math.prod(node["shape"])
        parameters += held(node, shape)
    arrays = 7 if adaptive else 5
    return 4 * size * (arrays * parameters + 2 * batch * values)


class Forecast:
    """Predictions, corrected by what was seen."""

    def __init__(self, workspace: int = 0):
        self._workspace = workspace
        self._ratios: Deque[float] = collections.deque(maxlen=64)

    @property
    def factor(self) -> float:
        """What predictions are multiplied with."""
        return _MARGIN * max(self._ratios) if self._ratios else _CAUTION

    def need(self, guess: int) -> int:
        """Bytes to ask for, by what was predicted."""
        return self._workspace + math.ceil(guess * self.factor)

    def saw(self, guess: int, took: int) -> None:
        """Learns from a training: what was predicted, and what it took, or
        what did not suffice."""
        self._ratios.append(max(took - self._workspace, 0) / max(guess, 1))


class Memory:
    """The memory of a device, as far as trainings of this process may use it.
    Without a limit, that of a CPU is not looked after."""

    def __init__(self, device: torch.device, limit: int = 0):
        self.device, self.limit = device, limit
        self.cuda = device.type == "cuda"
        self.forecast = self.forecaster()
        self.data = 0  # bytes of what stays: the samples
        self._news = threading.Condition()
        self._taken: list[int] = []  # by those who train now
        self._free = 0  # when nobody trained
        self._counter: _Counter | None = None
        if self.cuda and limit:
            torch.cuda.set_per_process_memory_fraction(min(1.0, limit / self._device()[1]), device)

    def forecaster(self) -> Forecast:
        """Predictions for trainings of one kind here."""
        return Forecast(_WORKSPACE if self.cuda else 0)

    def _device(self) -> tuple[int, int]:
        """Free and total bytes of a GPU."""
        return torch.cuda.mem_get_info(self.device)

    @property
    def bounded(self) -> bool:
        """Whether there is anything to look after."""
        return self.cuda or self.limit > 0

    def total(self) -> float:
        """Bytes that trainings could have if nobody else had any."""
        if not self.cuda:
            return self.limit or math.inf
        return min(self.limit or math.inf, self._device()[1]) - self.data

    def free(self) -> float:
        """Bytes that trainings could have now, if this process trained nothing."""
        if not self.cuda:
            return self.total()
        cached = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return min(self.total(), self._device()[0] + cached)

    @contextlib.contextmanager
    def take(self, need: int, insist: bool = False) -> Iterator[float]:
        """Sets memory aside for a training, when those that are going on leave
        room for it, and answers how much there is. Raises Full if it is too
        little even without them; insist has it tried nevertheless, by itself."""
        with self._news:
            while self._taken and (insist or sum(self._taken) + need > self._free):
                self._news.wait()
            if not self._taken:
                self._free = self.free()
                if need > self._free and not insist:
                    raise Full(f"needs about {need / MIB:,.0f} MiB of memory, and {self._free / MIB:,.0f} are free")
            room = self._free - sum(self._taken)
            self._taken.append(need)
        try:
            yield room
        finally:
            with self._news:
                self._taken.remove(need)
                self._news.notify_all()

    @contextlib.contextmanager
    def watch(self, arrays: int) -> Iterator[None]:
        """Counts what a training takes, for peak. On a CPU these are the
        training's arrays and what is kept for gradients, and an error that
        `ran_out` knows is raised where that exceeds the limit."""
        if self.cuda:
            torch.cuda.reset_peak_memory_stats(self.device)
            yield
        elif self.limit:
            self._counter = _Counter(self.limit, arrays)
            with torch.autograd.graph.saved_tensors_hooks(self._counter.keep, _Kept.give):
                yield
        else:
            yield

    def peak(self) -> int | None:
        """The most bytes that were taken since watch began; None where nobody
        counts."""
        if self.cuda:
            return torch.cuda.max_memory_allocated(self.device) - self.data
        return self._counter.peak if self._counter else None

    def held(self) -> int:
        """Bytes of a GPU that tensors take, the samples aside."""
        return torch.cuda.memory_allocated(self.device) - self.data if self.cuda else 0

    def settle(self) -> None:
        """What is held now stays: the samples."""
        self.data += self.held()

    def give_back(self) -> int:
        """Gives what trainings left behind back to the device; answers what is
        still held, which is a fault if it is not 0 and none is going on."""
        if not self.cuda:
            return 0
        with self._news:  # none begins meanwhile
            if not self._taken:
                # Recorded steps know the places of cuBLAS's workspaces.
                clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
                if clear is not None:
                    clear()
                if self.held() > 0:
                    gc.collect()
            torch.cuda.empty_cache()
            return self.held()


class _Counter:
    """Counts the tensors that autograd keeps."""

    def __init__(self, limit: int, arrays: int):
        self.limit, self.arrays = limit, arrays
        self.now = self.peak = arrays
        self.users: collections.Counter[int] = collections.Counter()  # by address
        self._check()

    def keep(self, tensor: torch.Tensor) -> _Kept:
        return _Kept(self, tensor)

    def add(self, by: int) -> None:
        self.now += by
        self.peak = max(self.peak, self.now)
        self._check()

    def _check(self) -> None:
        if self.now > self.limit:
            raise RuntimeError(f"out of memory: training takes more than the {self.limit / MIB:,.0f} MiB that it may")


class _Kept:
    """A tensor that autograd keeps."""

    def __init__(self, counter: _Counter, tensor: torch.Tensor):
        # The result of an operation would hold it, and it the tensor, for ever.
        self.counter, self.tensor = counter, tensor.detach()
        self.address, self.bytes = tensor.data_ptr(), tensor.numel() * tensor.element_size()
        counter.users[self.address] += 1
        if counter.users[self.address] == 1:
            counter.add(self.bytes)

    def give(self) -> torch.Tensor:
        return self.tensor

    def __del__(self):
        users = self.counter.users
        users[self.address] -= 1
        if users[self.address] == 0:
            del users[self.address]
            self.counter.now -= self.bytes
