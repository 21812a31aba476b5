"""python -m nascent try: an evaluator is called once, without an engine."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict

from .declare import Refused, Setup
from .job import Job
from .worker import Worker, load, settle


def attempt() -> int:
    """Carry out the command line."""
    parser = argparse.ArgumentParser(prog="python -m nascent")
    commands = parser.add_subparsers(dest="command", required=True)
    once = commands.add_parser("try", help="call an evaluator once on a random genome, without an engine")
    once.add_argument("file")
    once.add_argument("--search", help="the search.yaml whose space the genome is drawn from; default: the one beside the file")
    once.add_argument("--seed", type=int, default=0, help="of the random genome; default 0")
    once.add_argument("--job", help="a job as JSON in place of a random one: a file, or - for standard input")
    try:
        return call(parser.parse_args())
    except Refused as refusal:
        key = f"option {refusal.option}: " if refusal.option else ""
        print(f"{key}{refusal}", file=sys.stderr)
        return 1


def call(args: argparse.Namespace) -> int:
    """Call the evaluator once and print what it says."""
    order = read(args)
    evaluator = load(args.file)
    given = order.get("options") or {}
    options = settle(evaluator, {k: v for k, v in given.items() if k not in ("preload", "python", "start_timeout")})
    evaluator.open(Setup(options))
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
    print(json.dumps({k: v for k, v in message.items() if k != "id"}), flush=True)


def read(args: argparse.Namespace) -> Dict[str, Any]:
    """The job to try."""
    if args.job:
        with (sys.stdin if args.job == "-" else open(args.job)) as source:
            order = json.load(source)
        return dict(order.get("job", order))
    search = args.search or os.path.join(os.path.dirname(os.path.abspath(args.file)), "search.yaml")
    if not os.path.exists(search):
        raise Refused(f"there is no {search}: name one with --search, or give a job with --job")
    binary = os.environ.get("NASCENT") or shutil.which("nascent")
    if not binary:
        raise Refused("there is no nascent in $PATH to draw a genome: set $NASCENT to its path, or give a job with --job")
    drawn = subprocess.run([binary, "sample", search, "--seed", str(args.seed)], stdout=subprocess.PIPE, check=False)
    if drawn.returncode != 0:
        raise Refused("no genome could be drawn")
    return dict(json.loads(drawn.stdout))
