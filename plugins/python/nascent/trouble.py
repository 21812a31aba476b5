"""How a worker ends, and what it says of what went wrong."""

from __future__ import annotations

import importlib
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, NoReturn, Optional, Sequence, Tuple

HERE = os.path.dirname(os.path.abspath(__file__))
_FOREIGN = (HERE, "<frozen", os.path.abspath(importlib.__file__))  # of no use in a reason


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
    while shown.stack and shown.stack[0].filename.startswith((HERE, "<frozen")):
        del shown.stack[0]
    return "".join(shown.format()).rstrip()


def within(file: str, folders: Sequence[str]) -> Optional[str]:
    """A file's path from the first of the folders that it lies in; None outside them."""
    for folder in folders:
        if file.startswith(folder + os.sep):
            return os.path.relpath(file, folder)
    return None


def explain(error: BaseException, folders: Sequence[str]) -> str:
    """An exception in one line: what, and which of the user's lines it came from."""
    import traceback
    what = traceback.format_exception_only(type(error), error)[-1].strip()
    place, line = origin(error, folders)
    if place and line:
        place += f": {line}"
    return f"{what} ({place})" if place else what


def fault(error: BaseException, folders: Sequence[str]) -> str:
    """What is equal for exceptions of one cause, whatever their texts: type and line."""
    return f"{type(error).__module__}.{type(error).__qualname__} {origin(error, folders)[0]}".rstrip()


def origin(error: BaseException, folders: Sequence[str]) -> Tuple[str, str]:
    """Which of the user's lines an exception came from: file:number, and its text. Empty
    where it came from none."""
    if isinstance(error, SyntaxError):
        return f"{os.path.basename(error.filename or '')}:{error.lineno}", ""
    import traceback
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(_FOREIGN)]
    own = [f for f in frames if within(f.filename, folders)] or frames
    if not own:
        return "", ""
    last = own[-1]
    return f"{within(last.filename, folders) or os.path.relpath(last.filename, *folders[:1])}:{last.lineno}", last.line or ""


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
