"""What a file says that it needs (PEP 723), held to what this interpreter has."""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from importlib.util import find_spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*(.*)", re.DOTALL)
_BOUND = re.compile(r"\s*(~=|===?|!=|<=|>=|<|>)\s*([^\s,;]+)\s*$")


def tell(needs: str) -> None:
    """Print what is lacking of needs, which is JSON, as JSON: this interpreter's
    version if another is asked for, and the packages."""
    asked = json.loads(needs)
    version = ".".join(map(str, sys.version_info[:3]))
    print(json.dumps({
        "python": "" if satisfies(version, asked.get("python") or "") else version,
        "dependencies": lacking(asked.get("dependencies") or []),
    }))


def lacking(dependencies: List[str]) -> List[str]:
    """Those of the dependencies that are not installed in a version that is asked
    for. One that depends on circumstances (a marker) is taken to be there."""
    out = []
    for text in dependencies:
        found = _NAME.match(text)
        if not found or ";" in text:
            continue
        name, bounds = found.groups()
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            if find_spec(re.sub(r"[-.]", "_", name)) is None:
                out.append(text)
            continue
        if not bounds.startswith("@") and not satisfies(version, bounds.strip("()")):
            out.append(text)
    return out


def satisfies(version: str, bounds: str) -> bool:
    """Whether a version keeps to bounds such as ">=3.9,<4". Only its numbers count:
    a release candidate is taken for the release. A bound that is not understood is
    left to whoever installs."""
    have = _release(version)
    for text in bounds.split(","):
        bound = _BOUND.match(text)
        if not bound:
            continue
        relation, value = bound.groups()
        want = _release(value)
        equal = _padded(have, want) == _padded(want, have)
        if value.endswith(".*"):
            equal = have[:len(want)] == want
        less = _padded(have, want) < _padded(want, have)
        holds = {
            "==": equal, "===": equal, "!=": not equal, "<": less, "<=": less or equal, ">=": not less, ">": not less and not equal,
            "~=": not less and have[:len(want) - 1] == want[:-1],
        }
        if not holds[relation]:
            return False
    return True


def _release(version: str) -> List[int]:
    numbers = re.match(r"\s*v?(?:\d+!)?(\d+(?:\.\d+)*)", version)
    return [int(n) for n in numbers.group(1).split(".")] if numbers else [0]


def _padded(a: List[int], b: List[int]) -> List[int]:
    return a + [0] * (len(b) - len(a))
