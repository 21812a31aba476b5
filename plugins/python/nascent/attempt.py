"""python -m nascent try: an evaluator is called once, or a strategy a few times,
without an engine."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict

from ._programs import Missing, path
from .declare import Evaluator, Refused, Setup
from .job import Job
from .load import execute, pick, settle
from .trouble import explain, report
from .worker import Worker


def attempt() -> int:
    """Carry out the command line."""
    parser = argparse.ArgumentParser(prog="python -m nascent")
    commands = parser.add_subparsers(dest="command", required=True)
    once = commands.add_parser("try", help="call an evaluator once on a random genome, or a strategy for a few turns, without an engine")
    once.add_argument("file")
    once.add_argument("--search", help="the search.yaml whose space it is tried on; default: the one beside the file")
    once.add_argument("--seed", type=seed, default=0, help="of all that is random; default 0")
    once.add_argument("--job", help="of an evaluator: a job as JSON in place of a random one, a file, or - for standard input")
    once.add_argument("--turns", type=int, default=3, help="of a strategy; default 3")
    args = parser.parse_args()
    try:
        if not os.path.isfile(args.file):
            raise Refused(f"there is no file {args.file}: name that of an evaluator or a strategy")
        declared = execute(args.file)
        if any(d.kind == "strategy" for d in declared) and not any(d.kind == "evaluator" for d in declared):
            from .rehearsal import rehearse
            return rehearse(pick(args.file, "strategy", declared), args.file, search(args), binary(), args.turns, args.seed)
        return call(pick(args.file, "evaluator", declared), args)
    except Refused as refusal:
        key = f"option {refusal.option}: " if refusal.option else ""
        print(f"{key}{refusal}", file=sys.stderr)
        return 1


def call(evaluator: Evaluator, args: argparse.Namespace) -> int:
    """Call the evaluator once and print what it says."""
    order = read(args)
    given = order.get("options") or {}
    options = settle(evaluator, {k: v for k, v in given.items() if k not in ("devices", "preload", "python", "start_timeout")})
    try:
        evaluator.open(Setup(options))
    except Refused:
        raise
    except Exception as error:
        print(report(error), file=sys.stderr)
        raise Refused(f"{os.path.basename(args.file)} cannot be opened: {explain(error, evaluator.folders)}") from None
    print(order.get("text") or json.dumps(order.get("genes", {})))
    with tempfile.TemporaryDirectory() as scratch:
        order = {"id": 1, "budget": evaluator.hello["budget"], **order, "scratch": os.path.join(scratch, "job")}
        begin = time.perf_counter()
        answer = Worker(evaluator, options).carry_out((Job(order, options, show),))[0]
        took = time.perf_counter() - begin
    show(answer)
    print(f"{took:.3g} s")
    return 0 if "metrics" in answer else 1


def show(message: Dict[str, Any]) -> None:
    """Print what an evaluator sends."""
    print(json.dumps({k: v for k, v in message.items() if k not in ("id", "scratch", "usage")}), flush=True)


def read(args: argparse.Namespace) -> Dict[str, Any]:
    """The job to try."""
    if args.job:
        return handed(args.job)
    where = search(args)
    drawn = subprocess.run([binary(), "sample", where, "--seed", str(args.seed)], stdout=subprocess.PIPE, check=False)
    if drawn.returncode != 0:
        raise Refused("no genome could be drawn")
    return dict(json.loads(drawn.stdout))


def handed(name: str) -> Dict[str, Any]:
    """The job in a file, or on standard input."""
    what = "standard input" if name == "-" else name
    try:
        with (sys.stdin if name == "-" else open(name, encoding="utf-8")) as source:
            order = json.load(source)
    except OSError as error:
        raise Refused(f"{what} cannot be read ({error.strerror}): give a file with a job") from None
    except ValueError as error:
        raise Refused(f"{what} is no JSON ({error}): give one job, as nascent sample prints it") from None
    job = order.get("job", order) if isinstance(order, dict) else None
    if not isinstance(job, dict) or not isinstance(job.get("genes", {}), dict):
        raise Refused(f'{what} is no job: give an object such as {{"genes": {{"x": 1}}}}')
    return dict(job)


def seed(text: str) -> int:
    """The number of a seed."""
    value = int(text)
    if not 0 <= value < 1 << 53:
        raise argparse.ArgumentTypeError(f"{text} is no seed: give a number from 0 to 2**53-1")
    return value


def search(args: argparse.Namespace) -> str:
    """The search.yaml whose space is meant."""
    named: str = args.search or os.path.join(os.path.dirname(os.path.abspath(args.file)), "search.yaml")
    if not os.path.exists(named):
        raise Refused(f"there is no {named}: name one with --search")
    return named


def binary() -> str:
    """Nascent itself, which knows spaces."""
    try:
        return path()
    except Missing as missing:
        raise Refused(str(missing)) from None
