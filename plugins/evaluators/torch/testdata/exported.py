"""Measures an exported network on raw samples: exported.py FILE DATA PART, where PART
is search or final, the samples that candidates are validated, or the winner is
tested on. Leaves them in FILE.x, float64, and their classes in FILE.classes, for
exported_onnx.py."""

import importlib.util
import json
import sys

import torch
from nascent_torch import data
from nascent_torch.safetensors import tensor_bytes

path, options, part = sys.argv[1:]
spec = importlib.util.spec_from_file_location("exported", path)
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)
samples = data.load(data.Options.read(json.loads(options)))
_, check = samples.final() if part == "final" else samples.search()
x, y = check.raw(), check.y
network = exported.trained()
with torch.no_grad():
    logits = network(x.reshape(-1, *network.shape))
names = [check.names[i] for i in y.tolist()]
assert exported.CLASSES == check.names, f"{exported.CLASSES}, not {check.names}"
with open(path + ".x", "wb") as out:
    out.write(tensor_bytes(x))
with open(path + ".classes", "w") as out:
    json.dump(names, out)
prefix = "test_" if part == "final" else ""
accuracy = (logits.argmax(1) == y).double().mean().item()
print(json.dumps({"metrics": {prefix + "accuracy": accuracy, prefix + "loss": torch.nn.functional.cross_entropy(logits, y).item()}}))
