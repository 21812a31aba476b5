"""python3 -m gpucheck: see docs/gpu.md."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

# Each part runs in a process of its own: what one breaks, the others do not see.
PARTS = {"correct": 150, "memory": 60, "airbench": 300, "mnist1d": 200, "whole": 200}  # seconds that it may take
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
    said = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True)
    return ", ".join(said.stdout.split("\n")).strip(", ") if said.returncode == 0 else ""


def check(options: argparse.Namespace) -> int:
    """Runs the parts and writes what they say. 1 if anything is wrong."""
    from . import card, report

    name = card.describe(options.device)
    print(f"{name}\n{report.heading()}")
    rows: list[report.Row] = []
    for part in options.parts.split(","):
        for row in ask(options, part):
            rows.append(row)
            print(report.line(row), flush=True)
            Path(options.out).parent.mkdir(parents=True, exist_ok=True)
            Path(options.out).write_text(report.markdown(name, rows, options.device == "cpu", options.quick))
    failed = sum(row.verdict == report.FAIL for row in rows)
    print(f"{failed} of {len(rows)} are wrong; written to {options.out}" if failed else f"nothing is wrong; written to {options.out}")
    return 1 if failed else 0


def ask(options: argparse.Namespace, part: str):
    """Runs one part in another process, and answers its rows as they come."""
    from . import report

    command = [sys.executable, "-m", "gpucheck", *sys.argv[1:], "--part", part]
    with subprocess.Popen(["timeout", "-k", "5", str(PARTS[part]), *command], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            yield report.Row(**json.loads(line))
    if process.returncode == 124:
        yield report.Row(f"the part {part}", f"did not end within {PARTS[part]} s", "", report.FAIL)
    elif process.returncode:
        yield report.Row(f"the part {part}", f"ended with status {process.returncode}: see above", "", report.FAIL)


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
