"""Job: one order to an evaluator."""

from __future__ import annotations

import binascii
import math
import os
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:  # both take milliseconds to import
    from pathlib import Path
    from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Union

    Message = Dict[str, Any]


class Invalid(Exception):
    """Blames the genome: it can never be measured, and is not tried again."""


class Returned(Exception):
    """Hands the job back through no fault of its own, such as a lack of memory
    now. The attempt does not count."""


class Cancelled(BaseException):
    """The job should end: what it answers is not wanted any more. Job.report
    raises it, and whatever a job does that never calls report is interrupted by
    it. Like KeyboardInterrupt it is no Exception, so that ``except Exception``
    lets it pass."""


class Stopped(Cancelled):
    """The job's stopping rule was met. Let pass, it answers the metrics that were
    reported last; caught, the evaluator may answer with what it has."""


class Job:
    """One order to an evaluator. Its attributes are not to be changed, except
    output and remark."""

    id: str
    """The candidate's, as nascent show takes it."""
    attempt: int
    """1 for the first."""
    genes: Dict[str, Any]
    """The genome as plain values: numbers, booleans, texts, lists, dicts."""
    text: str
    """The genome's canonical text."""
    network: Optional[Dict[str, Any]]
    """The layer graph, for spaces with layers: nodes in topological order, each
    with op, inputs (indexes), shape and its parameters."""
    budget: Union[int, float]
    """How much to train, in the evaluator's unit; an int where it is whole."""
    seed: int
    """Below 2**53. All randomness should come from it."""
    options: Dict[str, Any]
    """What search.yaml says beside ``use:``, with the declared defaults."""
    fidelity: int
    """Index into the search's fidelities; -1 for the final test."""
    repeat: int
    """How many earlier jobs measured the same thing; 0 for the first."""
    phase: str
    """search, remeasure or test. Only a job of phase test may look at test data."""
    task: str
    """train, supernet or score."""
    tag: str
    input: bytes
    """From the strategy."""
    paths: List[List[List[int]]]
    """Through Setup.supernet, as options at each of its choices: of the genome that
    is to be scored, or of those that a strategy's input lists as paths."""
    resume: Optional[Path]
    """The checkpoint to go on from, if there is one: of the finished job that this
    one continues, or what an earlier attempt of this job saved."""
    resumed_own: bool
    """Resume and files are what an earlier attempt of this same job saved."""
    files: Dict[str, Path]
    """All files to go on from, by name."""
    inherited: Dict[str, Path]
    """The files of the job whose weights this one starts from, by name."""
    output: bytes = b""
    """To be set: for the strategy, up to 64 KiB."""
    remark: str = ""
    """To be set: one line for people."""

    # What most jobs never change is not set for each.
    _steps = 0
    _taken = 0
    _cancelled = _saving = _stopped = False
    _looked = False  # it looks by itself whether it should end
    _told = False  # it knows that it should end
    _made = False  # its scratch directory is there
    _last: Mapping[str, float] = {}
    _kept: Mapping[str, str] = {}
    _batch: Sequence[Job] = ()  # those that it is carried out with, itself too

    def __init__(self, order: Mapping[str, Any], options: Optional[Dict[str, Any]] = None,
                 send: Callable[[Message], None] = lambda message: None) -> None:
        self._order = order
        self._id = order.get("id", 0)
        self.genes = order.get("genes", {})
        self.options = options or {}
        self._send = send
        self._process = os.getpid()

    def __getattr__(self, name: str) -> Any:
        # What most jobs never look at is read when they first do.
        if name not in _READ:
            raise AttributeError(f"a job has no {name}")
        value = self.__dict__[name] = _READ[name](self)
        return value

    def report(self, step: Optional[float] = None, *, epoch: Optional[float] = None, **metrics: Any) -> None:
        """Tell how far the job is: ``job.report(epoch=3, accuracy=0.7)``.

        The step counts in units of the budget from the job's beginning; left
        out, it is 1, 2, 3 and so on. All reports together are the learning
        curve. Metrics that are not finite are left out.

        Raises Cancelled when the job is cancelled and Stopped when its stopping
        rule is met. In the batched form it does so only when every job of the
        batch is to end: look at cancelled.
        """
        if step is None:
            step = epoch
        self._steps += 1
        step = float(self._steps if step is None else number("the step", step))
        if not math.isfinite(step):
            raise ValueError(f"the step is {step}")
        finite = {name: value for name, value in numbers(metrics).items() if math.isfinite(value)}
        self._looked = True
        self._tell({"id": self._id, "step": step, "report": finite})
        self._last = finite
        rule = self._order.get("stop")
        if rule and step >= rule["step"] and rule["metric"] in metrics:
            value = number(rule["metric"], metrics[rule["metric"]])
            good = value <= rule["threshold"] if rule["goal"] == "minimize" else value >= rule["threshold"]
            self._stopped = self._stopped or not good
        if (self._cancelled or self._stopped) and ending(self._batch):
            self._told = True
            raise Stopped("the stopping rule is met") if self._stopped and not self._cancelled else Cancelled("cancelled")

    @property
    def cancelled(self) -> bool:
        """Whether the job should end: it was cancelled, or its stopping rule was
        met. A job that looks at this once a second need not report."""
        self._looked = True
        self._told = self._told or self._cancelled or self._stopped
        return self._cancelled or self._stopped

    @property
    def stopped(self) -> bool:
        """Whether its stopping rule was met, so that it may answer with what it
        has."""
        self._looked = True
        return self._stopped and not self._cancelled

    @property
    def saving(self) -> bool:
        """Whether the job was cancelled and should save its progress first."""
        self._looked = True
        self._told = self._told or self._saving
        return self._saving

    @property
    def scratch(self) -> Path:
        """A directory of the job's own, removed after it."""
        if "scratch" not in self._order:
            raise RuntimeError("this job has no scratch directory")
        path = _path(self._order["scratch"])
        path.mkdir(parents=True, exist_ok=True)
        self._made = True
        return path

    def save(self, file: Union[str, Path], name: str = "checkpoint") -> None:
        """Keep progress: should this attempt not come to its end, the next one
        finds the file in resume. A file of scratch is moved, another one is
        copied."""
        self._looked = True
        self._tell({"id": self._id, "save": {name: self._take(file, name)}})

    def keep(self, file: Union[str, Path], name: str = "checkpoint") -> None:
        """Keep a file with the job's result: a promoted job finds it in resume.
        A file of scratch is moved, another one is copied."""
        self._kept = {**self._kept, name: self._take(file, name)}

    def _take(self, file: Union[str, Path], name: str) -> str:
        import shutil
        check_file_name(name)
        self._taken += 1
        taken = self.scratch / f"taken-{self._taken}"
        if self.scratch.resolve() in _path(str(file)).resolve().parents:
            os.replace(file, taken)
        else:  # somebody else's
            shutil.copyfile(file, taken)
        return str(taken)

    def _tell(self, message: Message) -> None:
        if os.getpid() != self._process:
            raise RuntimeError("report and save belong to the process that was given the job, not to its children")
        self._send(message)


_READ: Dict[str, Callable[[Job], Any]] = {
    "id": lambda job: job._order.get("candidate", ""),
    "attempt": lambda job: job._order.get("attempt", 1),
    "text": lambda job: job._order.get("text", ""),
    "network": lambda job: job._order.get("network"),
    "budget": lambda job: job._order.get("budget", 1),
    "seed": lambda job: job._order.get("seed", 0),
    "fidelity": lambda job: job._order.get("fidelity", 0),
    "repeat": lambda job: job._order.get("repeat", 0),
    "phase": lambda job: job._order.get("phase", "search"),
    "task": lambda job: job._order.get("task", "train"),
    "tag": lambda job: job._order.get("tag", ""),
    "input": lambda job: binascii.a2b_base64(job._order.get("input", "")),
    "paths": lambda job: job._order.get("paths", []),
    "files": lambda job: _paths(job._order.get("resume", {})),
    "inherited": lambda job: _paths(job._order.get("inherit", {})),
    "resume": lambda job: _checkpoint(job.files),
    "resumed_own": lambda job: job._order.get("own", False),
}


def check_file_name(name: str) -> None:
    """Refuse names that a kept file could not be copied out under."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a file is a {type(name).__name__}, not a text")
    if name in ("", ".", "..") or "/" in name or "\\" in name or not name.isprintable() or len(name.encode()) > 200:
        raise ValueError(f"{name[:60]!r} is no name for a file: it takes up to 200 bytes that can be printed, no / or \\, "
                         "and is not . or .., such as checkpoint or model.bin")


def ending(jobs: Iterable[Job]) -> bool:
    """Whether all of these jobs should end."""
    return all(j._cancelled or j._stopped for j in jobs)


def _path(path: str) -> Path:
    from pathlib import Path
    return Path(path)


def _paths(files: Dict[str, str]) -> Dict[str, Path]:
    return {name: _path(path) for name, path in files.items()}


def _checkpoint(files: Dict[str, Path]) -> Optional[Path]:
    if "checkpoint" in files or len(files) != 1:
        return files.get("checkpoint")
    return next(iter(files.values()))


def number(name: str, value: Any) -> float:
    """The value as a float: of whatever Python takes for a real number, or anything
    with item(), as the scalars of NumPy and PyTorch have."""
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, RuntimeError):
            raise TypeError(f"{name} is a {type(value).__name__} of several values, not a number") from None
    if hasattr(type(value), "__float__"):
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{name} is too large a number") from None
        except TypeError:  # a complex number, in Python 3.9
            pass
    raise TypeError(f"{name} is a {type(value).__name__}, not a number")


def numbers(metrics: Any) -> Dict[str, float]:
    """Metrics as floats by name."""
    if not isinstance(metrics, (dict, Mapping)):
        raise TypeError(f"the evaluator answered with a {type(metrics).__name__}: return a dict of metrics, such as {{\"accuracy\": 0.9}}")
    return {str(name): value if type(value) is float else number(f"metric {name}", value) for name, value in metrics.items()}
