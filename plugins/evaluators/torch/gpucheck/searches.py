"""The searches that are run, and the networks of which jobs are made: a
search.yaml for each, as JSON, which is YAML."""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def mnist1d(width: int = 25) -> dict[str, Any]:
    """The hand-made network of MNIST-1D's author, its learning rate searched."""
    conv = lambda kernel: {"conv": {"channels": width, "kernel": kernel, "stride": 2, "padding": 1, "act": "relu"}}
    return {"network": {"input": [1, 40], "classes": 10}, "learning_rate": {"float": [0.001, 0.03], "log": True},
            "first": conv(5), "second": conv(3), "third": conv(3), "head": {"pool": "flatten"}}  # fmt: skip


def airbench(width: int = 64) -> dict[str, Any]:
    """The network of airbench94 (Jordan 2024, arXiv 2404.00498, section 3), its
    learning rate searched: 2 million parameters. Unlike there, norms have a scale
    and the first convolution is trained."""

    def group(channels: int) -> list[dict[str, Any]]:
        conv, norm, act = {"conv": {"channels": channels, "bias": False}}, {"norm": True}, {"act": "gelu"}
        return [conv, {"pool": {"kernel": 2}}, norm, act, conv, norm, act]

    layers = [{"conv": {"channels": 24, "kernel": 2, "padding": 0, "act": "gelu"}}]
    for channels in (width, 4 * width, 4 * width):
        layers += group(channels)
    return {"network": {"input": [3, 32, 32], "classes": 10}, "learning_rate": {"float": [0.1, 1.0], "log": True},
            "body": [*layers, {"pool": {"kernel": 3}}]}  # fmt: skip


LAYERS = {
    "blocks": {
        "network": {"input": [1, 40], "classes": 10}, "act": {"choice": ["relu", "leaky_relu", "mish", "tanh", "sigmoid", "gelu", "swish", "elu"]},
        "blocks": {"length": [1, 4], "list": {"block": {
            "channels": {"choice": [4, 6, 8]}, "kernel": {"choice": [2, 3, 5]}, "stride": {"choice": [1, 2]}, "dilation": {"choice": [1, 2, 4]},
            "pool": {"choice": ["none", "max", "average"]}, "norm": "bool", "residual": "bool", "pad_mode": {"choice": ["zero", "circular"]}, "act": {"from": "act"}}}},
        "head": {"pool": {"choice": ["flatten", "average", "max", "both"]}},
    },
    "layers": {
        "network": {"input": [4, 9, 8], "classes": 3},
        "body": {"length": [1, 5], "list": {"choice": [
            {"conv": {"channels": {"choice": [4, 8]}, "kernel": {"choice": [1, 2, 3]}, "groups": {"choice": [1, 2, 4]}, "padding": {"choice": ["same", 2]}}},
            {"deep": {"conv": {"depthwise": True, "kernel": [3, 1], "dilation": {"choice": [1, 2]}}}},
            {"pool": {"kind": {"choice": ["max", "average"]}, "kernel": {"choice": [2, 3]}, "stride": {"choice": [1, 2]}, "padding": {"choice": [0, 1]}}},
            "norm", {"act": {"kind": {"choice": ["relu", "gelu", "elu"]}}}, "identity", {"residual": {"project": True, "body": {"conv": {"channels": 6}}}},
            {"concat": {"branches": {"a": {"conv": {"channels": 2}}, "b": {"identity": {}}, "c": {"zero": {}}}}}]}},
        "tail": {"choice": ["flatten", {"global_pool": {"kind": {"choice": ["average", "max", "both"]}}}]},
    },
    "edges": {
        "network": {"input": [3, 8, 8], "classes": 10},
        "stack": {"cell": {"cell": {"edges": ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"], "nodes": 4}}, "cells": 3, "channels": 4},
    },
    "vertices": {
        "network": {"input": [3, 8, 8], "classes": 10},
        "stack": {"body": {"cell": {"vertices": ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"], "nodes": [3, 7], "max_edges": 9}}, "cells": 3, "channels": 12},
    },
    "pairs": {
        "network": {"input": [3, 8, 8], "classes": 10},
        "stack": {"cell": {"cell": {"pairs": ["sep_conv_3x3", "dil_conv_3x3", "skip_connect", "max_pool_3x3"], "nodes": 3}}, "cells": 4, "channels": 4},
    },
}  # fmt: skip
"""Spaces whose random networks have about every layer there is."""


def cifar10(folder: str, quick: bool) -> dict[str, Any]:
    """CIFAR-10 from the binary files of a folder, or without them noise of its
    size."""
    files = sorted(glob.glob(os.path.join(folder, "data_batch_*.bin")))
    if files and not quick:
        return {"source": "cifar10", "files": files, "test_files": [os.path.join(folder, "test_batch.bin")], "validation": 5000}
    return {"source": f"{HERE / 'noise.py'}:{'few' if quick else 'many'}", "validation": 0.1}


def sample(nascent: str, space: dict[str, Any], evaluator: dict[str, Any], count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Random genomes of a space as jobs."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "search.yaml")
        Path(path).write_text(json.dumps({"space": space, "evaluator": evaluator}))
        command = [nascent, "sample", path, "--count", str(count), "--seed", str(seed)]
        said = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NASCENT_PYTHON": sys.executable})
    if said.returncode:
        raise RuntimeError(f"nascent sample: {said.stderr.strip()}")
    return [json.loads(line) for line in said.stdout.splitlines()]


def run(nascent: str, folder: str, search: dict[str, Any], *args: str) -> str:
    """Runs a whole search in a folder of its own, and answers its digest."""
    os.makedirs(folder)
    path = os.path.join(folder, "search.yaml")
    Path(path).write_text(json.dumps(search))
    directory = os.path.join(folder, "search")
    for command in ([nascent, "run", path, "--dir", directory, "--quiet", *args], [nascent, "digest", directory]):
        said = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NASCENT_PYTHON": sys.executable})
        if said.returncode:
            raise RuntimeError(f"nascent {command[1]}: {(said.stderr or said.stdout).strip()[-500:]}")
    return said.stdout.strip()


def results(nascent: str, folder: str, *columns: str) -> list[list[str]]:
    """Columns of all candidates of a search that was run."""
    command = [nascent, "list", os.path.join(folder, "search"), "--json", "--columns", ",".join(columns)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return [[json.loads(line).get(c) for c in columns] for line in said.stdout.splitlines()]
