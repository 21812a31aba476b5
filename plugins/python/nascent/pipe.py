"""Lines of JSON between a worker and nascent."""

from __future__ import annotations

import functools
import json
import os
import select
import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:  # to import typing takes half as long as to start an interpreter
    from typing import Iterable, List, Optional

    from .job import Message

_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


_quoted = functools.lru_cache(_ENCODE)  # names of metrics


def encode(message: Message) -> str:
    """A message as a line."""
    if len(message) == 3 and "scratch" in message and "metrics" in message:
        return _plain(message) + "\n"
    return _ENCODE(message) + "\n"


def _plain(answer: Message) -> str:
    """The answer of a job that has only metrics, as nearly all are. The encoder takes
    three times as long."""
    metrics = ",".join([f"{_quoted(name)}:{value!r}" for name, value in answer["metrics"].items()])
    return f'{{"id":{answer["id"]},"scratch":false,"metrics":{{{metrics}}}}}'


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
