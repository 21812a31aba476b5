"""The worker process: jobs come in as lines of JSON, results go out likewise.

docs/exec.md has the protocol. The main thread evaluates and one thread listens,
so that a cancellation is heard while a job runs. Strategies are served by
decide.py.
"""

from __future__ import annotations

import binascii
import collections
import faulthandler
import functools
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Mapping

from .declare import Evaluator, Refused, Setup
from .job import Cancelled, Invalid, Job, Returned, Stopped, ending, numbers
from .load import load, settle, sources
from .pipe import Pipe, private
from .trouble import explain, fault, lasting, leave, report, say
from .usage import Meter
from .version import PROTOCOL, __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # to import typing takes half as long as to start an interpreter
    from typing import Any, Callable, Deque, Dict, List, NoReturn, Optional, Set, Tuple

    from .job import Message

_GATHER = 0.02  # seconds without a new job after which a batch is not waited for
_PATIENCE = 2.0  # seconds that a job which reports is given to hear of its cancellation


def work(path: str) -> None:
    """Serve the evaluator or the strategy in the file at path until standard
    input ends."""
    pipe = private()
    faulthandler.enable(all_threads=False)  # where a crash came from; nascent reads it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = pipe.read()
    if not orders:
        return
    order = orders[0]["open"]
    try:
        serve: Callable[[], None]
        if order.get("serve") == "strategy":
            from .decide import Decider
            decider = Decider(load(path, "strategy"), path, order, pipe, orders[1:])
            serve, hello = decider.serve, decider.strategy.hello
        else:
            evaluator = load(path)
            options = settle(evaluator, order.get("options") or {})
            evaluator.open(Setup(options, order.get("space"), order.get("workers", 1), order.get("supernet")))
            serve = functools.partial(Worker(evaluator, options).serve, pipe)
            hello = dict(evaluator.hello, brief=True, sources=sources(path))
        pipe.write([{"hello": dict(hello, protocol=PROTOCOL, sdk=f"python {__version__}", version=f"Python {sys.version.split()[0]}")}])
    except Refused as refusal:
        pipe.write([{"refuse": {"key": refusal.option, "text": str(refusal)}}])
        return
    except (Exception, SystemExit) as error:
        file = os.path.abspath(path)
        say(f"{os.path.basename(file)} cannot be opened:\n{report(error)}")
        pipe.write([{"refuse": {"key": "", "text": explain(error, os.path.dirname(file))}}])
        return
    lasting(serve)


class Worker:
    """Carries out jobs."""

    pipe: Pipe

    def __init__(self, evaluator: Evaluator, options: Dict[str, Any], ours: bool = True) -> None:
        self.evaluator, self.options = evaluator, options
        self.meter = Meter(ours)
        self.folders = evaluator.folders
        self.process = os.getpid()
        self.waiting: Deque[Job] = collections.deque()
        self.board: Dict[int, Job] = {}  # not answered yet
        self.running: Dict[int, Tuple[Job, ...]] = {}  # by thread
        self.shared: Set[int] = set()  # threads that run beside another, or did
        self.newest = 0.0  # when a job came last
        self.gathering = False  # a batch is waited for, whoever it consists of
        self.news = threading.Condition()

    def serve(self, pipe: Pipe) -> None:
        """Carry out jobs until there are no more, which ends the process."""
        self.pipe = pipe
        signal.signal(signal.SIGUSR1, self._interrupted)
        threading.Thread(target=lasting, args=(self._listen,), name="nascent", daemon=True).start()
        if not self.evaluator.batch:
            for _ in range(self.evaluator.hello["slots"] - 1):
                threading.Thread(target=lasting, args=(self._evaluate,), daemon=True).start()
        self._evaluate()

    def _listen(self) -> None:
        late: Set[int] = set()
        while True:
            orders = self.pipe.read(_PATIENCE if late else None)
            if orders is None:
                leave()
            with self.news:
                late = {k for k in late if k in self.board and not self.board[k]._told}
                for thread in self._ending(() if orders else late):
                    self._interrupt(thread)
                came = 0
                for order in orders:
                    if "job" in order:
                        job = Job(order["job"], self.options, self._send)
                        self.board[job._id] = job
                        self.waiting.append(job)
                        came += 1
                    elif order.get("cancel") in self.board:
                        job = self.board[order["cancel"]]
                        job._saving = job._saving or bool(order.get("save"))
                        if order.get("stopped"):
                            job._stopped = True
                        else:
                            job._cancelled = True
                        late.add(job._id)
                        if not job._looked:
                            for thread in self._ending((job._id,)):
                                self._interrupt(thread)
                if came:
                    self.newest = time.monotonic()
                    if not self.gathering or len(self.waiting) >= self.evaluator.batch or len(self.board) >= self.evaluator.hello["slots"]:
                        self.news.notify(came)

    def _send(self, message: Message) -> None:
        self.pipe.write([message])

    def _ending(self, ids: Iterable[int]) -> List[int]:
        """The threads that run one of these jobs, and only jobs that are to end."""
        return [thread for thread, jobs in self.running.items()
                if any(j._id in ids for j in jobs) and ending(jobs)]

    def _interrupt(self, thread: int) -> None:
        if thread == threading.main_thread().ident:
            signal.pthread_kill(thread, signal.SIGUSR1)
            return
        for job in self.running[thread]:
            job._told = True
        import ctypes
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Cancelled))

    def _interrupted(self, *_: Any) -> None:
        jobs = self.running.get(threading.main_thread().ident or 0, ())
        if jobs and ending(jobs) and not all(j._told for j in jobs):
            for job in jobs:
                job._told = True
            raise Stopped() if all(j._stopped for j in jobs) else Cancelled()

    def _evaluate(self) -> None:
        most = self.evaluator.batch or 1
        while True:
            with self.news:
                while not self.waiting:
                    self._wait()
                self.gathering = True
                while len(self.waiting) < most and len(self.board) < self.evaluator.hello["slots"]:
                    # Jobs that come together leave together.
                    patience = self.newest + _GATHER - time.monotonic()
                    if patience <= 0:
                        break
                    self._wait(patience)
                self.gathering = False
                jobs = tuple(self.waiting.popleft() for _ in range(min(most, len(self.waiting))))
            try:
                answers = self.carry_out(jobs)
            except Cancelled as late:  # a thread hears of it a little later, when all was done
                answers = [self._answer(j, late) for j in jobs]
            with self.news:
                for job in jobs:
                    del self.board[job._id]  # before the answer: it invites the next job
            self.pipe.write(answers)

    def _wait(self, timeout: Optional[float] = None) -> None:
        """Wait for news. What a signal handler raises meanwhile is no job's fault: that
        of PyTorch's DataLoader tells of workers whose job has failed already."""
        try:
            self.news.wait(timeout)
        except Exception as error:
            say(f"between two jobs:\n{report(error)}")

    def carry_out(self, jobs: Tuple[Job, ...]) -> List[Message]:
        """Call the evaluator and make answers of whatever comes of it."""
        me = threading.get_ident()
        for job in jobs:
            job._batch = jobs
        results: List[Any]
        alone = False
        mark = self.meter.begin()
        try:
            self.running[me] = jobs
            try:
                if len(self.running) > 1:
                    self.shared.update(list(self.running))
                if ending(jobs):
                    raise Cancelled("cancelled")
                if self.evaluator.batch:
                    answer = self.evaluator.function(list(jobs))
                    if isinstance(answer, (str, Mapping)) or not isinstance(answer, Iterable):
                        raise TypeError(f"the evaluator answered a batch with a {type(answer).__name__}: return a list of as many dicts as there are jobs")
                    results = list(answer)
                    if len(results) != len(jobs):
                        raise ValueError(f"the evaluator answered {len(results)} of {len(jobs)} jobs: answer each, in order")
                else:
                    results = [self.evaluator.function(jobs[0])]
            finally:
                del self.running[me]
                alone = len(jobs) == 1 and me not in self.shared
                self.shared.discard(me)
        except BaseException as error:
            results = [error] * len(jobs)
        if os.getpid() != self.process:
            self._end_child(jobs[0], results[0])
        usage = self._used(mark) if alone else None
        answers = [self._answer(j, r) for j, r in zip(jobs, results)]
        if usage and ("metrics" in answers[0] or "invalid" in answers[0]):
            answers[0]["usage"] = usage
        for job in jobs:
            job._batch = ()  # it leads back to the job
        for result in results:
            if isinstance(result, BaseException):
                result.__traceback__ = None  # it leads to all that the job had, and back to here
        return answers

    def _used(self, mark: Tuple[float, float]) -> Optional[Dict[str, float]]:
        try:
            return self.meter.end(mark)
        except Exception as error:  # of a signal handler, see _wait
            say(f"while a job was measured:\n{report(error)}")
            return None

    def _end_child(self, job: Job, result: Any) -> NoReturn:
        """End a process that a job has forked and that came back from it."""
        status = 0
        if isinstance(result, SystemExit) and (result.code is None or isinstance(result.code, int)):
            status = result.code or 0
        elif isinstance(result, BaseException):
            say(f"a process that candidate {job.id} ({job.text}) forked has failed:\n{report(result)}")
            status = 1
        os._exit(status & 0xFF)

    def _answer(self, job: Job, result: Any) -> Message:
        try:
            return self._sum_up(job, result)
        except Exception as error:  # of a signal handler, see _wait
            say(f"after candidate {job.id}:\n{report(error)}")
            return self._sum_up(job, result)

    def _sum_up(self, job: Job, result: Any) -> Message:
        answer: Message = {"id": job._id}
        if not job._made:
            answer["scratch"] = False  # nobody need look for it
        try:
            if isinstance(result, Stopped):
                result = job._last
            if isinstance(result, BaseException):
                raise result
            metrics = numbers(result)
            for name, value in metrics.items():
                if not math.isfinite(value):
                    raise ValueError(f"metric {name} is {value}: answer finite numbers, or raise nascent.Invalid where the genome is at fault")
            answer["metrics"] = metrics
            if job._stopped:
                answer["stopped"] = True
            if job._kept:
                answer["files"] = job._kept
            if job.output:
                if not isinstance(job.output, (bytes, bytearray)):
                    raise TypeError(f"job.output is a {type(job.output).__name__}: give bytes")
                answer["output"] = binascii.b2a_base64(job.output, newline=False).decode()
            if job.remark:
                answer["remark"] = str(job.remark)
        except Invalid as error:
            answer["invalid"] = str(error) or "the evaluator gave no reason"
        except Returned as error:
            answer["returned"] = str(error) or "no room"
        except Cancelled:
            answer["returned"] = "cancelled"
        except BaseException as error:
            say(f"candidate {job.id} ({job.text}) failed:\n{report(error)}")
            answer["failed"], answer["fault"] = explain(error, self.folders), fault(error, self.folders)
        return answer
