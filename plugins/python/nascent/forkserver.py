"""The fork server: a process that has imported what workers need, and forks them.

It tells what happens on its standard output, a line of JSON each. A line on the
socket at descriptor 3 asks for a worker and has the directory for its temporary
files, or nothing; its standard input, output and error come along.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import select
import signal
import socket
import sys

from .load import homes, remedy
from .pipe import private
from .trouble import explain, report, say
from .worker import work

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, NoReturn

_SET_PDEATHSIG = 1  # of prctl


def serve(path: str, modules: List[str]) -> None:
    """Import the modules, then fork workers for the evaluator at path until the
    socket ends."""
    pipe = private()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folders = homes(path)
    sys.path[:0] = folders
    # Who asks torch whether there is a GPU shall not open it: what is forked then
    # could not.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            say(f"{name} cannot be imported:\n{report(error)}")
            pipe.write([{"problem": f"{name} cannot be imported: {explain(error, folders)}; "
                                    f"{remedy(path) or f'install it for {sys.executable}'}, or leave it out"}])
            return
    orders = socket.socket(fileno=3)
    os.set_inheritable(3, False)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    pipe.write([{"ready": True}])
    while True:
        ready, _, _ = select.select([orders.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    break
                if pid == 0:
                    break
                pipe.write([{"ended": pid, "status": status}])
        if orders.fileno() in ready:
            order, descriptors, _, _ = socket.recv_fds(orders, 4096, 3)
            if not order:
                return
            pid = os.fork()
            if pid == 0:
                orders.close()
                os.close(woken)
                _be_born(path, order.decode().strip(), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            pipe.write([{"forked": pid}])


def _be_born(path: str, temporary: str, descriptors: List[int]) -> NoReturn:
    """Become a worker, in a process group of its own that ends with its parent."""
    status = 1
    try:
        wake = signal.set_wakeup_fd(-1)
        os.close(wake)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)
        if temporary:
            os.environ["TMPDIR"] = temporary
            if "tempfile" in sys.modules:
                setattr(sys.modules["tempfile"], "tempdir", None)  # it is looked for again
        for place, descriptor in enumerate(descriptors):
            os.dup2(descriptor, place)
            os.close(descriptor)
        work(path)
        status = 0
    except BaseException as error:
        say(report(error))
    finally:
        os._exit(status)
