"""Search.run: a function measures candidates, in this process or in forked ones."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, Optional

from .declare import Evaluator
from .engine import Engine, EngineError, StaleTrial
from .job import Cancelled, Returned
from .progress import Progress
from .trial import Trial
from .worker import Worker

if TYPE_CHECKING:
    from .search import Evaluate, Search

_GRACE = 5.0  # seconds that a worker is given to end
_TICK = 0.1
_OVER = "over"  # says a process that has nothing left to do


class Interrupted(Returned):
    """Ctrl-C: the trial goes back."""


class Caller:
    """Calls the function and makes answers of what it does, as for an evaluator."""

    def __init__(self, evaluate: Evaluate, ours: bool) -> None:
        self.evaluate = evaluate
        self.interrupted = False
        evaluator = Evaluator(self._call, 0, None, {"slots": 1})
        file = getattr(getattr(evaluate, "__code__", None), "co_filename", "")
        evaluator.folders = (os.path.dirname(os.path.abspath(file)),)
        self.worker = Worker(evaluator, {}, ours)

    def _call(self, trial: Trial) -> Any:
        try:
            return self.evaluate(trial)
        except KeyboardInterrupt:
            self.interrupted = True
            raise Interrupted("it was interrupted") from None

    def measure(self, trial: Trial) -> None:
        """Have a trial measured, and tell what came of it."""
        trial._heeds = True
        answer = self.worker.carry_out((trial,))[0]
        message = {name: value for name, value in answer.items() if name not in ("id", "scratch")}
        try:
            trial._end(message)
        except StaleTrial:
            pass  # its time was up
        except ValueError as error:
            trial._end({"failed": str(error)})
        if self.interrupted:
            raise KeyboardInterrupt


def run(search: Search, evaluate: Evaluate, evaluations: Optional[int], workers: int, progress: Optional[bool]) -> None:
    """As Search.run."""
    if not callable(evaluate):
        raise TypeError(f"{evaluate!r} is no function: give one that takes a trial and answers a dict of metrics")
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ValueError(f"workers is {workers!r}: give a whole number of at least 1")
    shown = Progress(search, progress)
    try:
        if workers > 1 and cannot_fork():
            print(f"nascent: one process measures, this one, not {workers}: {cannot_fork()}", file=sys.stderr)
            workers = 1
        if workers == 1:
            caller = Caller(evaluate, ours=False)
            for trial in search.ask(evaluations):
                caller.measure(trial)
                shown.tick()
        else:
            Pool(search, evaluate, evaluations, workers).run(shown)
    finally:
        shown.close()


def cannot_fork() -> str:
    """Why a process of its own for each worker would not do, or nothing."""
    if not hasattr(os, "fork"):
        return "this system cannot fork processes"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "CUDA was initialised, and does not survive a fork"
    return ""


class Pool:
    """Processes that measure."""

    def __init__(self, search: Search, evaluate: Evaluate, evaluations: Optional[int], workers: int) -> None:
        self.search, self.evaluate, self.evaluations, self.count = search, evaluate, evaluations, workers
        self.children: Dict[int, int] = {}  # process to the pipe on which it says why it gave up
        self.lifeline = os.pipe()  # ends with this process

    def run(self, shown: Progress) -> None:
        """Have so many processes measure until the search has come to its end."""
        self.search._engine.evaluations = max(self.search._engine.evaluations, self.evaluations or 0)
        self.search._engine.attach()  # one starts the engine, and hears what is wrong with the search
        self.search._engine.close()
        try:
            for _ in range(self.count):
                self._fork()
            warned = False
            while self.children:
                for child in list(self.children):
                    self._reap(child)
                warned = warned or self._warn()
                shown.tick()
                time.sleep(_TICK)
        finally:
            self._end()

    def _warn(self) -> bool:
        """Say how many processes have nothing to do, and why. False as long as that is not known."""
        status = self.search.status
        if "window" not in status:
            return False
        trials, key = min((status[key], key) for key in ("window", "workers"))
        if trials < self.count:
            print(f"nascent: {self.count - trials} of {self.count} workers have nothing to do, for the search has at most {trials} "
                  f"trials at once: let it have more by search.set({key}={self.count}), or measure with workers={trials}", file=sys.stderr)
        return True

    def _fork(self) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(reading)
                os.close(self.lifeline[1])
                status = Child(self, writing).run()
            except KeyboardInterrupt:
                status = 0
            except BaseException:
                import traceback
                traceback.print_exc()
            finally:
                for stream in (sys.stdout, sys.stderr):
                    try:
                        stream.flush()
                    except Exception:
                        pass
                os._exit(status)
        os.close(writing)
        self.children[child] = reading

    def _reap(self, child: int) -> None:
        """Look whether a process has ended. One that does not say why, or that there is
        nothing left to do, has died, whatever its status, and is replaced."""
        if not os.waitpid(child, os.WNOHANG)[0]:
            return
        reading = self.children.pop(child)
        with os.fdopen(reading, "rb") as pipe:
            why = pipe.read().decode(errors="replace")
        if why == _OVER:
            return
        if why:
            raise EngineError(why)
        self._fork()

    def _end(self) -> None:
        """End what still runs: asked first."""
        os.close(self.lifeline[1])
        deadline = time.monotonic() + _GRACE
        for child in self.children:
            os.kill(child, signal.SIGINT)
        for child, reading in self.children.items():
            while not os.waitpid(child, os.WNOHANG)[0]:
                if time.monotonic() > deadline:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    break
                time.sleep(0.01)
            os.close(reading)
        self.children.clear()
        os.close(self.lifeline[0])


class Child:
    """One of the processes that measure."""

    def __init__(self, pool: Pool, why: int) -> None:
        self.pool, self.why = pool, why
        self.trial: Optional[Trial] = None
        search = pool.search
        self.engine = Engine(search.dir, search._document, search._arguments, worker=True)

    def run(self) -> int:
        """Measure until there is no more to do."""
        signal.signal(signal.SIGUSR1, self._interrupted)
        threading.Thread(target=self._watch, name="nascent", daemon=True).start()
        caller = Caller(self.pool.evaluate, ours=True)
        try:
            while True:
                order = self.engine.next(self.pool.evaluations)
                if order is None:
                    os.write(self.why, _OVER.encode())
                    return 0
                trial = self.trial = Trial(order, self.engine)
                try:
                    caller.measure(trial)
                finally:
                    self.trial = None
        except EngineError as error:
            os.write(self.why, str(error).encode())
            return 2

    def _watch(self) -> None:
        """Hear of what is to end, while the function runs; and of the parent's end."""
        told: Optional[Trial] = None
        since = 0.0
        while self.engine.listen(self.pool.lifeline[0]):
            trial = self.trial
            if trial is None or trial._over or not trial._lease.cancelled:
                continue
            if trial is not told:
                told, since = trial, time.monotonic()
            late = time.monotonic() - since
            if trial._lease.stale and late > _GRACE:
                os._exit(1)  # it does not end, and nobody waits for it: another process takes over
            if not trial._looked or late > 2:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        trial = self.trial
        if trial is not None and not trial._over:
            try:
                trial.give_back()
            except Exception:
                pass
        os._exit(0)

    def _interrupted(self, *_: Any) -> None:
        """Interrupt a function that does not look by itself, once."""
        trial = self.trial
        if trial is not None and not trial._told and not trial._over:
            trial._cancelled = trial._told = True
            raise Cancelled("cancelled")
