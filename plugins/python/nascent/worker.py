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
import importlib
import importlib.util
import json
import math
import os
import select
import signal
import sys
import threading
import time

from .declare import Evaluator, Refused, Setup, declared
from .job import Cancelled, Invalid, Job, Returned, Stopped, ending, numbers
from .version import PROTOCOL, __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # to import typing takes half as long as to start an interpreter
    from typing import Any, Callable, Deque, Dict, Iterable, List, NoReturn, Optional, Set, Tuple

    from .job import Message

_HERE = os.path.dirname(os.path.abspath(__file__))
_FOREIGN = (_HERE, "<frozen", os.path.abspath(importlib.__file__))  # of no use in a reason
_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_GATHER = 0.02  # seconds without a new job after which a batch is not waited for
_PATIENCE = 2.0  # seconds that a job which reports is given to hear of its cancellation


def encode(message: Message) -> str:
    """A message as a line."""
    return _ENCODE(message) + "\n"


class Pipe:
    """Lines of JSON in both directions."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._rest = b""
        self._closed = False
        self._lock = threading.Lock()

    def read(self, timeout: Optional[float] = None) -> Optional[List[Message]]:
        """What has come: at least one message, unless the timeout passes first.
        None at the end."""
        while True:
            if timeout is not None and not select.select([self._reading], [], [], timeout)[0]:
                return []
            chunk = os.read(self._reading, 1 << 16)  # no more fits into a pipe
            if not chunk:
                return None
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if lines:
                messages: List[Message] = json.loads("[" + b",".join(filter(None, lines)).decode() + "]")
                return messages

    def write(self, messages: Iterable[Message]) -> None:
        """Send messages whole, whichever thread calls."""
        self.send("".join(map(encode, messages)))

    def send(self, lines: str) -> None:
        """Send what encode has made of messages."""
        text = lines.encode()
        with self._lock:
            while text:
                text = text[os.write(self._writing, text):]

    def close(self) -> None:
        """Close both ends, once."""
        if not self._closed:
            self._closed = True
            os.close(self._reading)
            os.close(self._writing)


def private() -> Pipe:
    """Take standard input and output for the protocol. Prints, those of C code and
    of children too, then go where standard error goes."""
    pipe = Pipe(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)
    os.register_at_fork(after_in_child=pipe.close)
    return pipe


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
            hello = dict(evaluator.hello, sources=sources(path))
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


def load(path: str, kind: str = "evaluator") -> Any:
    """Run the user's file and find the evaluator, or the strategy, that it
    declares."""
    return pick(path, kind, execute(path))


def pick(path: str, kind: str, own: List[Any]) -> Any:
    """The one of a kind that a file declares."""
    own = [d for d in own if d.kind == kind]
    if len(own) != 1:
        some = "no function" if not own else f"{len(own)} functions"
        raise Refused(f"{os.path.basename(path)} marks {some} with @nascent.{kind}: mark one")
    own[0].folder = os.path.dirname(os.path.abspath(path))
    return own[0]


def execute(path: str) -> List[Any]:
    """Run the user's file. What it declares is returned."""
    path = os.path.abspath(path)
    folder, file = os.path.split(path)
    name = os.path.splitext(file)[0]
    if name in sys.modules:
        name = f"own_{name}"
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Refused(f"{file} is no Python file: give one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # for pickle and multiprocessing
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        say(f"{file} cannot be loaded:\n{report(error)}")
        text = f"{file} cannot be loaded: {explain(error, folder)}"
        if isinstance(error, ModuleNotFoundError):
            text += f"; {remedy(path) or f'install it for {sys.executable}, or name another interpreter with python:'}"
        raise Refused(text) from None
    return [d for d in declared if d.function.__module__ == name]


def remedy(path: str) -> str:
    """What to do about a module that is missing, for a file that says what it needs;
    empty for others."""
    with open(path, encoding="utf-8", errors="replace") as source:
        if "# /// script" in source.read().splitlines():
            return f"add its package to the dependencies that {os.path.basename(path)} lists, and without uv install it for {sys.executable}"
    return ""


def settle(what: Any, given: Dict[str, Any]) -> Dict[str, Any]:
    """The options of an evaluator or strategy, defaults filled in."""
    known = dict(what.options or {})
    for key in sorted(given):
        if key not in known:
            use = f"use one of {', '.join(sorted(known))}" if known else f"declare it with @nascent.{what.kind}(options={{...}})"
            raise Refused(f"there is no such option: {use}", key)
    return {**known, **given}


def sources(path: str) -> Dict[str, str]:
    """Hashes of the user's own files: the evaluator's, and the modules beside it
    that it has imported."""
    folder = os.path.dirname(os.path.abspath(path))
    found = {os.path.abspath(path)}
    for module in list(sys.modules.values()):
        file = os.path.abspath(getattr(module, "__file__", None) or "/")
        hidden = os.path.relpath(file, folder).split(os.sep)
        if file.startswith(folder + os.sep) and not any(part[0] == "." or part == "site-packages" for part in hidden):
            found.add(file)
    out = {}
    for file in found - {f for f in found if f.startswith(_HERE + os.sep)}:
        with open(file, "rb") as source:
            out[os.path.relpath(file, folder)] = sha256(source.read())
    return out


def sha256(data: bytes) -> str:
    """As hashlib has it, which loads OpenSSL and takes milliseconds for that."""
    for name in ("_sha2", "_sha256"):  # Python 3.12 and newer; older ones
        try:
            return str(importlib.import_module(name).sha256(data).hexdigest())
        except ImportError:
            pass
    import hashlib
    return hashlib.sha256(data).hexdigest()


class Worker:
    """Carries out jobs."""

    pipe: Pipe

    def __init__(self, evaluator: Evaluator, options: Dict[str, Any]) -> None:
        self.evaluator, self.options = evaluator, options
        self.folder = evaluator.folder
        self.process = os.getpid()
        self.waiting: Deque[Job] = collections.deque()
        self.board: Dict[int, Job] = {}  # not answered yet
        self.running: Dict[int, Tuple[Job, ...]] = {}  # by thread
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
        try:
            self.running[me] = jobs
            try:
                if ending(jobs):
                    raise Cancelled("cancelled")
                if self.evaluator.batch:
                    results = list(self.evaluator.function(list(jobs)))
                    if len(results) != len(jobs):
                        raise ValueError(f"the evaluator answered {len(results)} of {len(jobs)} jobs: answer each, in order")
                else:
                    results = [self.evaluator.function(jobs[0])]
            finally:
                del self.running[me]
        except BaseException as error:
            results = [error] * len(jobs)
        if os.getpid() != self.process:
            self._end_child(jobs[0], results[0])
        answers = [self._answer(j, r) for j, r in zip(jobs, results)]
        for result in results:
            if isinstance(result, BaseException):
                result.__traceback__ = None  # it leads to all that the job had, and back to here
        return answers

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
                    raise ValueError(f"metric {name} is {value}")
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
            answer["failed"] = explain(error, self.folder)
        return answer


def lasting(loop: Callable[[], None]) -> None:
    """Run what must not end. Without it the process would only seem to be alive, as
    long as a job has left threads behind, so it ends at once."""
    try:
        loop()
    except BaseException as error:
        say(report(error))
        os._exit(1)


def leave() -> NoReturn:
    """End this process and its children."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def say(text: str) -> None:
    """Tell the log. Who has closed standard error, or put something else in its
    place, is not told."""
    try:
        print(text, file=sys.stderr, flush=True)
    except Exception:
        pass


def report(error: BaseException) -> str:
    """The traceback without the SDK's own lines."""
    import traceback
    shown = traceback.TracebackException.from_exception(error)
    while shown.stack and shown.stack[0].filename.startswith((_HERE, "<frozen")):
        del shown.stack[0]
    return "".join(shown.format()).rstrip()


def explain(error: BaseException, folder: str) -> str:
    """An exception in one line: what, and which of the user's lines it came from."""
    import traceback
    what = traceback.format_exception_only(type(error), error)[-1].strip()
    if isinstance(error, SyntaxError):
        return f"{what} ({os.path.basename(error.filename or '')}:{error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(_FOREIGN)]
    own = [f for f in frames if f.filename.startswith(folder + os.sep)] or frames
    if not own:
        return what
    last = own[-1]
    where = f"{os.path.relpath(last.filename, folder)}:{last.lineno}"
    if last.line:
        where += f": {last.line}"
    return f"{what} ({where})"
