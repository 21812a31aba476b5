"""Steps recorded as CUDA graphs.

A small network's step is a hundred operations of a few microseconds each, and
starting one takes longer than carrying it out. A recorded step is started as a
whole.
"""

from __future__ import annotations

import inspect
import threading
from typing import Callable

import torch

WARM = 3  # steps before the recording, in which libraries choose their kernels
WORTH = 50  # steps that must be left to be recorded

_one = threading.Lock()  # recording waits for the whole device, which another recording would not survive


def record(step: Callable[[], None]) -> Callable[[], None]:
    """Records what a function does on the current stream, without doing it, and
    answers what does it. All of the function's numbers must come from tensors
    that stay where they are. Raises RuntimeError where that is not possible."""
    stream = torch.cuda.current_stream()
    if stream == torch.cuda.default_stream():
        raise RuntimeError("the default stream cannot be recorded")
    if "capture_error_mode" not in inspect.signature(torch.cuda.graph.__init__).parameters:
        raise RuntimeError("recording beside other threads needs torch 2.1")
    recording = torch.cuda.CUDAGraph()
    with _one, torch.cuda.graph(recording, stream=stream, capture_error_mode="thread_local"):
        step()
    return recording.replay
