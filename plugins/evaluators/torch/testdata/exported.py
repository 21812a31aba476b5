"""Measures an exported network: exported.py FILE DATA PART, where PART is search or
final, the samples that candidates are validated, or the winner is tested on."""

import importlib.util
import json
import sys

import torch
from nascent_torch import data

path, options, part = sys.argv[1:]
spec = importlib.util.spec_from_file_location("exported", path)
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)
samples = data.load(data.Options.read(json.loads(options)))
_, check = samples.final() if part == "final" else samples.search()
x, y = check.take(torch.arange(len(check)))
with torch.no_grad():
    logits = exported.trained()(x)
prefix = "test_" if part == "final" else ""
accuracy = (logits.argmax(1) == y).double().mean().item()
print(json.dumps({"metrics": {prefix + "accuracy": accuracy, prefix + "loss": torch.nn.functional.cross_entropy(logits, y).item()}}))
