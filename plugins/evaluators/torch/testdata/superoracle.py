"""Computes, for every case of a folder, what supernet_test.go compares with
plugins/trainer/nn: in float64, from the same weights and samples."""

import glob
import json
import sys

import torch
from torch.nn import functional as F

from nascent_torch import safetensors
from nascent_torch.supernet import Supernet

torch.set_num_threads(1)


def case(path):
    given, metadata = safetensors.load(path)
    x, y = given["x"].double(), given["y"].long()
    graph, way, table = (json.loads(metadata[key]) for key in ("supernet", "path", "mixed"))
    model = Supernet(graph, json.loads(metadata["affine"])).double()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(given["weights/" + name])
    sizes = [len(c["options"]) for c in model.choices]
    rows = table or [[float(options.count(k)) for k in range(n)] for options, n in zip(way, sizes)]
    weights = torch.tensor([row + [0.0] * (model.most - len(row)) for row in rows], dtype=torch.float64, requires_grad=True)
    out = {}
    if table:
        model.mix(weights)
    else:
        model.use(way)
        alone = model(x)
        model.mix(weights, way)
        if not torch.allclose(alone, model(x), rtol=1e-12, atol=1e-12):
            sys.exit(f"{path}: a path with weights of 1 answers otherwise than the path")
    logits = model(x)
    out["losses"] = torch.stack([F.cross_entropy(logits, torch.full_like(y, c), reduction="sum") for c in range(logits.shape[1])]).detach()
    loss = F.cross_entropy(logits, y)
    loss.backward()
    out["loss"] = loss.detach().reshape(1)
    out["correct"] = (logits.argmax(1) == y).sum().double().reshape(1)
    out["mixtures"] = torch.cat([row[:n] for row, n in zip(weights.grad, sizes)])
    for name, p in model.named_parameters():
        out["gradient/" + name] = (torch.zeros_like(p) if p.grad is None else p.grad).flatten()
    safetensors.save(path + ".out", {name: t.contiguous() for name, t in out.items()})


for path in sorted(glob.glob(sys.argv[1] + "/*.case")):
    case(path)
