"""The GPU: which it is, how busy, and what it holds."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from typing import Any

import torch


def smi(*args: str) -> str:
    """What nvidia-smi answers, "" where there is none or it fails."""
    if not shutil.which("nvidia-smi"):
        return ""
    try:
        return subprocess.run(["nvidia-smi", *args], capture_output=True, text=True, timeout=30).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def number() -> str:
    """The card that is used, as nvidia-smi calls it."""
    return (os.environ.get("CUDA_VISIBLE_DEVICES") or "0").split(",")[0]


def describe(device: str) -> str:
    """The card's name and memory, and what drives it, in one line."""
    if device == "cpu":
        return f"A processor in place of a GPU, torch {torch.__version__}"
    # Of nvidia-smi, for a process that asks torch may keep others off the card.
    said = smi("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader", "--id=" + number()).split(", ")
    if len(said) != 3:
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{said[0]}, {said[1]}, driver {said[2]}, torch {torch.__version__}"


def held(device: str) -> int:
    """Bytes that tensors take, without what the libraries keep as workspace."""
    if device == "cpu":
        found = [o for o in gc.get_objects() if isinstance(o, torch.Tensor)]
        storages = [t.untyped_storage() if hasattr(t, "untyped_storage") else t.storage() for t in found]
        return sum({s.data_ptr(): s.nbytes() for s in storages}.values())
    torch.cuda.synchronize()
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
    if clear:
        clear()
    return torch.cuda.memory_allocated()


def used(device: str) -> int | None:
    """MiB that all processes together hold on the card."""
    try:
        return None if device == "cpu" else int(smi("--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=" + number()))
    except ValueError:
        return None


class Busy:
    """Samples how busy the card is, in a with statement: the share of time in
    which any kernel ran."""

    def __init__(self, device: str):
        self.measures = device != "cpu" and shutil.which("nvidia-smi") is not None

    def __enter__(self) -> Busy:
        if self.measures:
            command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "250", "--id=" + number()]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return self

    def __exit__(self, *_: Any) -> None:
        if not self.measures:
            return
        self._process.terminate()
        said, _ = self._process.communicate()
        self._samples = [int(line) for line in said.split() if line.isdigit()]

    def __str__(self) -> str:
        if not self.measures or not self._samples:
            return ""
        return f"{sum(self._samples) / len(self._samples):.0f} % busy"
