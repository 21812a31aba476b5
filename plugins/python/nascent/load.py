"""The user's file: what it declares, and what it consists of."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys

from .declare import Refused, declared
from .trouble import HERE, explain, report, say, within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple


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
    own[0].folders = homes(path)
    return own[0]


def homes(path: str) -> Tuple[str, ...]:
    """The folders that a file imports from. As for a script of Python's that is the
    one it really lies in, behind symbolic links; and the one it is named in."""
    return tuple(dict.fromkeys(os.path.dirname(file) for file in (os.path.realpath(path), os.path.abspath(path))))


def execute(path: str) -> List[Any]:
    """Run the user's file. What it declares is returned."""
    path = os.path.abspath(path)
    file = os.path.basename(path)
    name = os.path.splitext(file)[0]
    if name in sys.modules:
        name = f"own_{name}"
    sys.path[:0] = [home for home in homes(path) if home not in sys.path]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Refused(f"{file} is no Python file: give one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # for pickle and multiprocessing
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        say(f"{file} cannot be loaded:\n{report(error)}")
        text = f"{file} cannot be loaded: {explain(error, homes(path))}"
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
    folders = homes(path)
    found = {os.path.basename(path): os.path.abspath(path)}
    for module in list(sys.modules.values()):
        file = os.path.abspath(getattr(module, "__file__", None) or "/")
        name = within(file, folders)
        if name and not file.startswith(HERE + os.sep) and not any(part[0] == "." or part == "site-packages" for part in name.split(os.sep)):
            found[name] = file
    out = {}
    for name, file in found.items():
        with open(file, "rb") as source:
            out[name] = sha256(source.read())
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
