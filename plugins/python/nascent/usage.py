"""What a job takes of the machine."""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # to import typing takes half as long as to start an interpreter
    from typing import Any, Dict, Optional, Tuple

_MEASURABLE = 0.01  # seconds that a job takes of which it is worth while to see what it took


class Meter:
    """Measures what one job after another takes of this process."""

    def __init__(self, ours: bool) -> None:
        self.ours = ours  # the process is a worker: nobody else looks at its peaks
        self.children = 0.0  # seconds of processors of children that have ended
        self.fresh = ours and _forget_peak()  # the peak of memory begins with what is measured next

    def begin(self) -> Tuple[float, float]:
        """What end wants to know."""
        return time.perf_counter(), time.process_time()

    def end(self, mark: Tuple[float, float]) -> Optional[Dict[str, float]]:
        """What was taken since the mark, as far as that can be told; None of a job that was
        too short."""
        began, cpu = mark
        if time.perf_counter() - began < _MEASURABLE:
            return None
        before, self.children = self.children, _of_children()
        usage: Dict[str, float] = {"cpu": time.process_time() - cpu + self.children - before}
        if self.ours:
            usage.update(memory=_peak() if self.fresh else 0, gpu_memory=_gpu_peak())
            self.fresh = _forget_peak()
        return {name: value for name, value in usage.items() if value}


def _of_children() -> float:
    """Seconds of processors of children that have ended, such as those that load data."""
    import resource
    all_of_them = resource.getrusage(resource.RUSAGE_CHILDREN)
    return all_of_them.ru_utime + all_of_them.ru_stime


def _peak() -> int:
    """Bytes of this process that were resident at most since the peak was forgotten."""
    try:
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def _forget_peak() -> bool:
    """Let the peak begin anew, where the system lets one."""
    try:
        with open("/proc/self/clear_refs", "wb") as peaks:
            peaks.write(b"5")
        return True
    except OSError:
        return False


def _gpu_peak() -> int:
    """Bytes that torch had on a GPU at most since this was asked last; 0 without torch and
    without a GPU."""
    torch: Any = sys.modules.get("torch")
    try:
        if torch is None or not torch.cuda.is_initialized():
            return 0
        most = 0
        for device in range(torch.cuda.device_count()):
            most = max(most, int(torch.cuda.max_memory_allocated(device)))
            torch.cuda.reset_peak_memory_stats(device)
        return most
    except Exception:  # of a GPU that has failed, or a torch that is half imported
        return 0
