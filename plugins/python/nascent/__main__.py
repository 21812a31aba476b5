"""python -m nascent: the worker process, and a way to try an evaluator."""

from __future__ import annotations

import sys


def main() -> int:
    """Carry out the command line. Nascent itself starts ``work FILE`` (serve an
    evaluator, as docs/exec.md says), ``forkserver FILE MODULE...`` (import modules once
    and fork workers) and ``needs JSON`` (tell which packages are not there); those
    wait for nothing that they do not need."""
    command, rest = sys.argv[1:2], sys.argv[2:]
    if command == ["work"] and len(rest) == 1:
        from .worker import work
        work(rest[0])
        return 0
    if command == ["forkserver"] and len(rest) > 1:
        from .forkserver import serve
        serve(rest[0], rest[1:])
        return 0
    if command == ["needs"] and len(rest) == 1:
        from .needs import tell
        tell(rest[0])
        return 0
    from .attempt import attempt
    return attempt()


if __name__ == "__main__":
    sys.exit(main())
