"""The connection to the process that runs a search, which is started where there is
none. docs/client.md has the protocol."""

from __future__ import annotations

import collections
import json
import os
import select
import socket
import struct
import subprocess
import tempfile
import threading
import time
import weakref
from typing import Any, Deque, Dict, List, Mapping, Optional, Tuple

from ._programs import Missing, path

from .version import __version__

Message = Dict[str, Any]

PROTOCOL = 1  # docs/client.md

_PATIENCE = 60.0  # seconds that an engine is given to come up, or to let go of its directory


class EngineError(Exception):
    """The search cannot go on: it was refused, stopped by somebody, paused because
    evaluations kept failing, or its engine cannot be started. The text says what to do."""


class StaleTrial(Exception):
    """What is told comes too late: the trial was told before, took longer than the
    search's timeout, was cancelled, or is somebody else's by now. It does not count."""


class Lease:
    """What an engine says of a trial that this process has."""

    def __init__(self) -> None:
        self.cancelled = self.saving = False
        self.told = False
        self.stale = ""  # why
        self.wrong = ""  # what was told cannot be
        self.invalid = ""  # why it was told, and counts as invalid


class Ended:
    """How a search has ended."""

    def __init__(self, state: str, why: str = "", evaluations: int = 0) -> None:
        self.state, self.why, self.evaluations = state, why, evaluations


Key = Tuple[str, int]  # a candidate's id and the attempt


class Engine:
    """A connection. It may be used from several threads; a process that is forked has
    none of its parent's trials, and connects anew."""

    def __init__(self, directory: str, document: Optional[Mapping[str, Any]] = None, arguments: Tuple[str, ...] = (),
                 worker: bool = False) -> None:
        self.directory = directory
        self.document = document
        self.arguments = arguments  # for the run that this process may start
        self.evaluations = 0  # the highest limit that was asked for here
        self.worker = worker
        self._started: Optional[_Detached] = None
        self._limit = 0  # of evaluations, that it was started with
        self._said: Any = None  # what it wrote to standard error
        self._reset()
        _engines.add(self)

    def _reset(self) -> None:
        self.jobs: Deque[Message] = collections.deque()  # lent, and not taken yet
        self.done = False  # there are as many evaluations as were asked for
        self.ended: Optional[Ended] = None
        self._halted: Optional[Ended] = None  # somebody stopped it, and no loop has heard of it yet
        self._held: Dict[Key, Lease] = {}
        self._dropped: Deque[Key] = collections.deque()
        self._asking = 0  # calls that wait for a trial
        self._socket: Optional[socket.socket] = None
        self._rest = b""
        self._news = threading.Condition(threading.Lock())
        self._reading = False

    def forked(self) -> None:
        """Leave the connection to the parent, of which this process is a child."""
        for resource in (self._socket, self._said):
            if resource is not None:
                resource.close()
        self._started = self._said = None
        self._reset()

    # Trials

    def next(self, evaluations: Optional[int]) -> Optional[Message]:
        """The next trial, as a job; None once the search has ended, or has as many
        evaluations. Raises EngineError."""
        with self._news:
            self.evaluations = max(self.evaluations, evaluations or 0)
            self.done = False
            self._asking += 1
            asked: Optional[socket.socket] = None
            try:
                while not self.jobs:
                    ended = self.ended or self._halted
                    if self.done or ended is not None and self._over(ended, evaluations):
                        self.done = True  # for other threads that wait: it is said once
                        self._news.notify_all()
                        return None
                    if self._socket is None or asked is not self._socket:
                        self._attach()
                        asked = self._socket
                        self._ask(evaluations)
                        continue
                    self._wait()
                return self.jobs.popleft()
            except BaseException:
                self._say({"ask": 0})
                raise
            finally:
                self._asking -= 1

    def _over(self, ended: Ended, evaluations: Optional[int]) -> bool:
        """Whether an end is one: with a higher limit a search goes on."""
        self.ended = self._halted = None
        if ended.state != "finished":
            self._started = None  # what it died of was told
            raise EngineError(ended.why or "the search was stopped (nascent stop, or a signal); ask again to go on with it")
        return not evaluations or ended.evaluations >= evaluations or bool(ended.why)

    def _ask(self, evaluations: Optional[int]) -> None:
        for key in list(self._dropped):  # nobody has these any more
            self._dropped.popleft()
            if self._held.pop(key, None) is not None:
                self._say({"id": key[0], "attempt": key[1], "returned": "nobody waits for it any more"})
        if not self.jobs:
            self._say({"ask": self._asking, "evaluations": evaluations or 0})

    def lease(self, key: Key) -> Lease:
        """What there is to know of a trial that next has handed out."""
        with self._news:
            return self._held.setdefault(key, Lease())

    def drop(self, key: Key) -> None:
        """Give a trial back, some time; from a finalizer, which may run at any moment."""
        self._dropped.append(key)

    def tell(self, key: Key, lease: Lease, message: Message) -> None:
        """Send what came of a trial and wait until it is durable. Raises StaleTrial, or
        ValueError where it cannot be: then it may be told again."""
        with self._news:
            lease.wrong = ""
            sent: Optional[socket.socket] = None
            while not (lease.told or lease.stale or lease.wrong):
                if self.ended is not None and self.ended.state == "finished":
                    lease.stale = lease.stale or "the search has ended without it"
                    break
                self._halted, self.ended = self.ended or self._halted, None
                if self._socket is None or sent is not self._socket:
                    self._attach()
                    sent = self._socket
                    self._say({**message, "id": key[0], "attempt": key[1]})
                    continue
                self._wait()
            if lease.wrong:
                raise ValueError(lease.wrong)
            self._held.pop(key, None)
            if lease.stale:
                raise StaleTrial(f"candidate {key[0]}: {lease.stale}")

    def send(self, key: Key, message: Message) -> None:
        """Send something of a trial that need not arrive."""
        with self._news:
            self._hear()
            self._say({**message, "id": key[0], "attempt": key[1]})

    def hear(self) -> None:
        """Read what has come, and attach again where the engine has died."""
        with self._news:
            self._hear()

    def _hear(self) -> None:
        while self._socket is not None and not self._reading and select.select([self._socket], [], [], 0)[0]:
            self._read(self._socket)
        if self._socket is None and self.ended is None:
            try:
                self._attach()
            except EngineError:
                pass  # whoever tells something hears of it

    def close(self) -> None:
        """End the connection. What it has goes back."""
        with self._news:
            self._lost()
            self._held.clear()
            self.jobs.clear()

    def __del__(self) -> None:
        for resource in (self.__dict__.get("_socket"), self.__dict__.get("_said")):
            if resource is not None:
                resource.close()

    def listen(self, also: int) -> bool:
        """Wait for news and take them in, for a thread that does nothing else. False once
        there are some at the descriptor also."""
        with self._news:
            connection, reading = self._socket, self._reading
        if connection is None or reading:
            return not select.select([also], [], [], 0.1)[0]
        sources: List[Any] = [connection, also]
        ready = select.select(sources, [], [], 1)[0]
        if also in ready:
            return False
        if ready:
            with self._news:
                if self._socket is connection and not self._reading and select.select([connection], [], [], 0)[0]:
                    self._read(connection)
                    self._news.notify_all()
        return True

    # The connection

    def _wait(self) -> None:
        """Wait for news, with the lock held; one thread reads for all."""
        if self._reading:
            self._news.wait()
            return
        connection = self._socket
        if connection is None:
            return
        self._reading = True
        self._news.release()
        try:
            select.select([connection], [], [])
        except (OSError, ValueError):
            pass  # it was closed: reading tells
        finally:
            self._news.acquire()
            self._reading = False
            self._news.notify_all()
        if self._socket is connection:
            self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        """Take in what has come; the connection's end, too."""
        try:
            chunk = connection.recv(1 << 16)
        except OSError:
            chunk = b""
        if not chunk:
            self._lost()
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, message: Message) -> None:
        if "job" in message:
            job = message["job"]
            self._held[job["id"], job["attempt"]] = Lease()
            self.jobs.append(job)
            return
        if "done" in message:
            self.done = True
        elif "end" in message:
            self.ended = Ended(**message["end"])
        elif "refuse" in message:
            self.ended = Ended("failed", message["refuse"])
        for what in ("told", "stale", "wrong", "cancel"):
            lease = self._held.get((message.get(what, ""), message.get("attempt", 0)))
            if lease is None:
                continue
            if what == "told":
                lease.told, lease.invalid = True, message.get("invalid", "")
            elif what == "stale":
                lease.stale = lease.stale or message.get("why", "it is not this process's any more")  # the first reason is the cause
                lease.cancelled = True
            elif what == "wrong":
                lease.wrong = message.get("why", "what was told cannot be")
            else:
                lease.cancelled, lease.saving = True, bool(message.get("save"))

    def _say(self, message: Message) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendall((json.dumps(message, separators=(",", ":"), allow_nan=False, ensure_ascii=False) + "\n").encode())
        except OSError:  # what it said before it went is still to be read
            while self._socket is not None:
                self._read(self._socket)

    def _lost(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest = None, b""
        for job in self.jobs:  # nobody knows of these
            self._held.pop((job["id"], job["attempt"]), None)
        self.jobs.clear()
        self._news.notify_all()

    def attach(self) -> None:
        """Connect to the process that runs the search, which is started if there is none.
        Raises EngineError."""
        with self._news:
            self._attach()

    def _attach(self) -> None:
        """Set ended where the search has nothing left to do."""
        deadline = time.monotonic() + _PATIENCE
        self.ended = None
        while self._socket is None and self.ended is None:
            connection = dial(self.directory)
            if connection is not None and self._greet(connection):
                return
            self._start()
            if time.monotonic() > deadline:
                raise EngineError(f"no engine answers for {self.directory} within {_PATIENCE:.0f} s; "
                                  f"see what runs it: nascent status {self.directory}")
            time.sleep(0.02)

    def _greet(self, connection: socket.socket) -> bool:
        """Say hello. False where the engine is just ending."""
        hello: Message = {"protocol": PROTOCOL, "client": f"python {__version__}"}
        if self.document is not None:
            hello["search"], hello["folder"] = self.document, os.getcwd()
        if self.worker:
            hello["worker"] = True
        holds = [{"id": key[0], "attempt": key[1]} for key, lease in self._held.items() if not (lease.stale or lease.told)]
        if holds:
            hello["holds"] = holds
        self._socket, self._rest = connection, b""
        self._say({"hello": hello})
        while self._socket is not None:
            try:
                chunk = connection.recv(1 << 16)
            except OSError:
                chunk = b""
            line, end, rest = (self._rest + chunk).partition(b"\n")
            if not end:
                self._rest = line
                if not chunk:
                    self._lost()
                continue
            first = json.loads(line)
            if "refuse" in first:
                self._lost()
                raise EngineError(str(first["refuse"]))
            *lines, self._rest = rest.split(b"\n")
            if "hello" not in first:
                lines.insert(0, line)
            for line in lines:
                self._take(json.loads(line))
            return True
        return False

    def _start(self) -> None:
        """Start an engine, unless the one that was started is still coming up. Where it
        has ended the reason is raised, or becomes the search's end."""
        process = self._started
        if process is None:
            self._launch()
            return
        status = process.poll()
        if status is None:
            return
        self._started = None
        if status == 0:
            if self._limit >= self.evaluations and state(self.directory) == "finished":
                self.ended = Ended("finished", "there is nothing left to do")
            return
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").splitlines()
        lines = [line for line in said if line.startswith("nascent: ")]
        if status > 0:
            crash = [f" ({line})" for line in said if line.startswith(("panic: ", "fatal error: "))]
            why = f"the engine ended with status {status}{''.join(crash[:1])}; see {self.directory}/logs/nascent.log"
            raise EngineError(lines[-1][len("nascent: "):] if lines else why)

    def _launch(self) -> None:
        if self.document is None and not any(os.path.exists(os.path.join(self.directory, name)) for name in ("search.yaml", "ledger.db")):
            raise EngineError(f"no search has begun in {self.directory}: give its space to begin one, as in "
                              f'nascent.Search({os.path.basename(self.directory)!r}, space={{"x": {{"float": [0, 1]}}}})')
        command = [program(), "run", "-" if self.document is not None else self.directory, "--dir", self.directory, "--detached"]
        self._limit = self.evaluations
        if self.evaluations:
            command += ["--evaluations", str(self.evaluations)]
        for child in _children[:]:
            if child.poll() is not None:
                _children.remove(child)
        if self._said is not None:
            self._said.close()
        self._said = tempfile.TemporaryFile()
        with tempfile.TemporaryFile() as document:
            if self.document is not None:
                document.write(encode(self.document))
                document.seek(0)
            self._started = _Detached(
                command + list(self.arguments), stdin=document, stdout=subprocess.DEVNULL, stderr=self._said, start_new_session=True)
        _children.append(self._started)


class _Detached(subprocess.Popen):  # type: ignore[type-arg]
    """A process that outlives whoever started it."""

    def __del__(self, *_: Any) -> None:
        pass


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_children: List[_Detached] = []  # to be reaped


def _forked() -> None:
    for engine in list(_engines):
        engine.forked()


os.register_at_fork(after_in_child=_forked)


def program() -> str:
    """The path of nascent. Raises EngineError."""
    try:
        return path()
    except Missing as error:
        raise EngineError(str(error)) from None


def encode(document: Mapping[str, Any], indent: Optional[int] = 1) -> bytes:
    """A search.yaml: JSON is YAML. Without indent it is one line."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    """A value of NumPy's as one of Python's."""
    for convert in ("tolist", "item"):
        if hasattr(value, convert):
            return getattr(value, convert)()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{value!r} is no value for a search: give numbers, texts, lists and dicts")


def dial(directory: str) -> Optional[socket.socket]:
    """A connection to the process that runs the search in a directory, ready for the
    protocol; None where there is none. Raises EngineError where it takes no clients."""
    try:
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        # An address has 107 bytes at most, and this is one of them however long the path.
        connection.connect(f"/proc/self/fd/{folder}/sock")
        _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        if user not in (os.getuid(), 0) and os.getuid() != 0:
            raise EngineError(f"the process that answers in {directory} is another user's")
        connection.sendall(b"GET /client HTTP/1.1\r\nHost: nascent\r\nConnection: Upgrade\r\nUpgrade: nascent\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                raise ConnectionError
            head += byte
        if not head.startswith(b"HTTP/1.1 101 "):
            why = connection.recv(1 << 12).decode(errors="replace").strip().splitlines()
            if head.startswith(b"HTTP/1.1 404 ") and why and "page not found" not in why[0]:
                raise EngineError(why[0])
            raise EngineError(f"the nascent that runs {directory} is older than clients are: stop it, and use the one of this package")
        return connection
    except OSError:
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(folder)


def ask(directory: str, command: str, *arguments: str) -> Any:
    """What nascent answers to a command about a search, JSON; None where it refuses."""
    done = subprocess.run([program(), command, directory, *arguments, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        return None
    return json.loads(done.stdout)


def state(directory: str) -> str:
    """Where a search stands: new, running, stopped or finished."""
    status = ask(directory, "status")
    return str(status["state"]) if status else ""
