"""Trial: a candidate to be measured, as Search.ask hands it out."""

from __future__ import annotations

import math
import os
import sys
import time
import warnings
from collections.abc import Mapping
from typing import Any, Optional

from .engine import Engine, Lease, Message, StaleTrial
from .job import Cancelled, Job, numbers


def _outside() -> int:
    """How far above the caller the code is that uses this package, for warnings."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    return level


class Trial(Job):
    """A candidate to be measured. It has what a Job has: genes, budget, seed, resume and
    all else. It is this process's until it is told, or gone untold: then somebody else
    gets it, uncounted."""

    _heeds = False  # report raises, as it does for an evaluator
    _over = False  # it was told
    _made_scratch: Optional[Any] = None

    def __init__(self, order: Message, engine: Engine) -> None:
        super().__init__({**order, "candidate": order["id"]})
        self._engine = engine
        self._key = (order["id"], order["attempt"])
        self._lease: Lease = engine.lease(self._key)
        self._began = time.monotonic()

    def tell(self, metrics: Optional[Mapping[str, Any]] = None, /, **more: Any) -> None:
        """Tell what was measured, by name: ``trial.tell(accuracy=0.9, loss=0.3)``, or as a
        dict. Returns once it is durable. Raises StaleTrial where it comes too late, and
        ValueError where it cannot be: then the trial is still to be told. Warns where what
        the search derives from it is no finite number, so that it counts as invalid."""
        told = numbers({**(metrics or {}), **more})
        if not told:
            raise ValueError("there is nothing to tell: give metrics by name, such as accuracy=0.9")
        for name, value in told.items():
            if not math.isfinite(value):
                raise ValueError(f"metric {name} is {value}: tell finite numbers, or trial.invalid(why) where the genome is at fault")
        message: Message = {"metrics": told}
        if self._stopped:
            message["stopped"] = True
        if self._kept:
            message["files"] = dict(self._kept)
        if self.remark:
            message["remark"] = str(self.remark)
        self._end(message)

    def invalid(self, why: str) -> None:
        """Blame the genome: it can never be measured, and is not tried again."""
        self._end({"invalid": str(why) or "no reason was given"})

    def fail(self, why: str) -> None:
        """Tell that measuring it went wrong. It is tried again, up to three times."""
        self._end({"failed": str(why) or "no reason was given"})

    def give_back(self) -> None:
        """Let somebody else have it. That does not count as an attempt."""
        self._end({"returned": "it was given back"})

    def report(self, step: Optional[float] = None, *, epoch: Optional[float] = None, **metrics: Any) -> None:
        """Tell how far it is, as Job.report does: ``trial.report(epoch=3, accuracy=0.7)``.
        It raises nothing: look at should_stop."""
        self._own()
        try:
            super().report(step, epoch=epoch, **metrics)
        except Cancelled:
            if self._heeds:
                raise

    @property
    def should_stop(self) -> bool:
        """Whether it should end: its stopping rule was met (tell what there is), it was
        cancelled, or it is somebody else's by now (whatever is told is stale)."""
        return self.cancelled

    @property
    def cancelled(self) -> bool:
        """As should_stop."""
        self._hear()
        return self._cancelled or self._stopped

    @property
    def stopped(self) -> bool:
        """Whether its stopping rule was met, so that what there is may be told."""
        self._hear()
        return self._stopped and not self._cancelled

    @property
    def saving(self) -> bool:
        """Whether it should end and save its progress first."""
        self._hear()
        return self._saving

    @property
    def scratch(self) -> Any:
        """A directory of its own, removed after it."""
        from pathlib import Path
        if self._made_scratch is None:
            import tempfile
            self._made_scratch = tempfile.TemporaryDirectory(prefix="nascent-")
        return Path(self._made_scratch.name)

    def __repr__(self) -> str:
        return f"<Trial {self.id} {self.text}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"trial {self.id} is lent to this process, and no other can tell of it: hand on its genes, and tell here "
                        "what came of them, or let each process ask for itself")

    def _hear(self) -> None:
        self._own()
        self._engine.hear()
        self._heed()

    def _heed(self) -> None:
        """Take over what the engine says."""
        self._looked = True
        self._cancelled = self._cancelled or self._lease.cancelled
        self._saving = self._saving or self._lease.saving
        self._told = self._told or self._cancelled or self._stopped

    def _own(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(f"trial {self.id} belongs to the process that asked for it, not to its children")

    def _tell(self, message: Message) -> None:
        self._own()
        self._engine.send(self._key, {name: value for name, value in message.items() if name != "id"})
        self._heed()

    def _end(self, message: Message) -> None:
        self._own()
        if self._over:
            raise StaleTrial(f"candidate {self.id} was told before")
        if self.output:
            import binascii
            message["output"] = binascii.b2a_base64(self.output, newline=False).decode()
        message.setdefault("seconds", time.monotonic() - self._began)
        try:
            self._engine.tell(self._key, self._lease, message)
        except StaleTrial:
            self._close()
            raise
        self._close()
        if self._lease.invalid:
            warnings.warn(f"candidate {self.id} counts as invalid: {self._lease.invalid}", stacklevel=_outside())

    def _close(self) -> None:
        self._over = True
        if self._made_scratch is not None:
            self._made_scratch.cleanup()

    def __del__(self) -> None:
        if "_began" in self.__dict__ and not self._over and os.getpid() == self._process:
            self._engine.drop(self._key)
