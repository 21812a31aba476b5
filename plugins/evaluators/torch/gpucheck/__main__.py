"""python3 -m gpucheck: see docs/gpu.md."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# Each part runs in a process of its own: what one breaks, the others do not see.
PARTS = {"correct": 200, "memory": 90, "airbench": 300, "mnist1d": 240, "whole": 300}  # seconds that it may take
_SLOWER = 5  # times as long a processor may take in place of a GPU
_GRACE = 5.0  # seconds that a part gets to end when its time is over
_SHORTEST = 20.0  # seconds in which a part comes to nothing
HERE = Path(__file__).resolve().parent


def main() -> int:
    options = read(sys.argv[1:])
    if options.part:
        return work(options)
    missing, status = lacking(options.device)
    if missing:
        print(missing)
        return status
    if not options.no_build and shutil.which("go") and shutil.which("make"):
        subprocess.run(["make", "all"], cwd=HERE.parents[3], check=True, stdout=subprocess.DEVNULL)
    nascent = os.path.join(options.bin, "nascent")
    if not os.path.exists(nascent):
        print(f"there is no {nascent}: build it with make where there is Go, and bring the folder bin along")
        return 1
    for program in Path(options.bin).glob("nascent*"):  # some ways to carry files lose this
        if not os.access(program, os.X_OK):
            program.chmod(0o755)
    return check(options)


def read(args: list[str]) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(prog="gpucheck", description="Checks the torch evaluator on this machine's GPU.")
    p.add_argument("--device", default="cuda", help="cuda, or cpu for a rehearsal without a GPU")
    p.add_argument("--quick", action="store_true", help="small networks, a few seconds: a rehearsal")
    p.add_argument("--bin", default="bin", help="the folder of nascent and its plugins")
    p.add_argument("--out", default=os.path.join("bin", "gpu.md"), help="the file for what was found, as Markdown")
    p.add_argument("--cifar", default=os.environ.get("NASCENT_CIFAR10", "cifar-10-batches-bin"), help="the folder of CIFAR-10's binary files; without them noise is used")
    p.add_argument("--parts", default=",".join(PARTS), help="which to run")
    p.add_argument("--seconds", type=float, default=0, help="that everything may take: parts for which no time is left are cut short, or left out")
    p.add_argument("--no-build", action="store_true", help="take the programs as they are, although there is Go")
    p.add_argument("--part", default="", help=argparse.SUPPRESS)  # run one, and say its rows as JSON
    options = p.parse_args(args)
    for name in options.parts.split(","):
        if name not in PARTS:
            p.error(f"there is no part {name}: choose from {', '.join(PARTS)}")
    return options


def lacking(device: str) -> tuple[str, int]:
    """Why nothing can be checked here, and the exit status: 0 without a GPU."""
    sees = "" if os.environ.get("CUDA_VISIBLE_DEVICES") == "" else cards()
    try:
        import torch
    except ImportError:
        torch = None
    if device == "cpu" and torch:
        return "", 0
    if torch and torch.cuda.is_available():
        return "", 0
    without = f"{sys.executable} has no PyTorch" if not torch else f"torch {torch.__version__} finds none"
    if sees and device != "cpu":
        return f"gpu-check: there is {sees}, but {without}: install PyTorch for CUDA, or name another Python (make gpu-check PYTHON=...)", 1
    return f"gpu-check: no GPU here ({without}), so nothing was checked", 0


def cards() -> str:
    """The GPUs that the driver knows."""
    if not shutil.which("nvidia-smi"):
        return ""
    try:
        said = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ", ".join(said.stdout.split("\n")).strip(", ") if said.returncode == 0 else ""


def check(options: argparse.Namespace) -> int:
    """Runs the parts and writes what they say. 1 if anything is wrong."""
    from . import card, report

    begin = time.monotonic()
    end = begin + options.seconds if options.seconds else float("inf")
    name = card.describe(options.device)
    print(f"{name}\n{report.heading()}")
    rows: list[report.Row] = []
    for part in options.parts.split(","):
        limit = min(PARTS[part] * (_SLOWER if options.device == "cpu" else 1), end - time.monotonic())
        left = "" if end == float("inf") else f", {max(0, end - time.monotonic()):.0f} s left"
        print(f"# {part}: up to {max(0, limit):.0f} s; {time.monotonic() - begin:.0f} s gone{left}", flush=True)
        found = ask(options, part, limit) if limit >= _SHORTEST else [report.Row(f"the part {part}", "left out: there was no time left")]
        for row in found:
            rows.append(row)
            print(report.line(row), flush=True)
            try:
                Path(options.out).parent.mkdir(parents=True, exist_ok=True)
                Path(options.out).write_text(report.markdown(name, rows, options.device == "cpu", options.quick))
            except OSError as e:
                print(f"# {options.out} cannot be written ({e.strerror}); what was found stands above alone", flush=True)
    failed = sum(row.verdict == report.FAIL for row in rows)
    print(f"{failed} of {len(rows)} are wrong; written to {options.out}" if failed else f"nothing is wrong; written to {options.out}")
    return 1 if failed else 0


def ask(options: argparse.Namespace, part: str, limit: float):
    """Runs one part in another process, for up to limit seconds, and answers its
    rows as they come."""
    from . import report

    command = [sys.executable, "-m", "gpucheck", *sys.argv[1:], "--part", part]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    over = threading.Event()

    def watch() -> None:
        if not over.wait(limit):
            late.set()
            _signal(process, signal.SIGTERM)
            if not over.wait(_GRACE):
                _signal(process, signal.SIGKILL)

    late, watcher = threading.Event(), threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with process:
            for line in process.stdout:
                yield report.Row(**json.loads(line))
    finally:  # also where this process is interrupted
        over.set()
        watcher.join()
        _signal(process, signal.SIGKILL)  # whatever it has left behind
    if late.is_set():
        yield report.Row(f"the part {part}", f"did not end within {limit:.0f} s", "", report.FAIL)
    elif process.returncode:
        yield report.Row(f"the part {part}", f"ended with status {process.returncode}: see above", "", report.FAIL)


def _signal(process: subprocess.Popen, number: int) -> None:
    """Sends a signal to a process and what it has started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def work(options: argparse.Namespace) -> int:
    """Runs one part and says its rows."""
    from . import correct, speed, whole

    parts = {"correct": correct.part, "memory": speed.memory, "airbench": speed.airbench, "mnist1d": speed.mnist1d, "whole": whole.part}
    rows, out = parts[options.part], os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # prints of libraries go with the errors
    for row in rows(os.path.abspath(os.path.join(options.bin, "nascent")), options.device, options.quick, cifar=options.cifar):
        print(json.dumps(dataclasses.asdict(row)), file=out, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
