"""Measures exported networks on raw samples: exported.py LIST, which is JSON, each with
program, data and part, where part is search or final, the samples that candidates are
validated, or the winner is tested on. Leaves them beside the program, in PROGRAM.x,
float64, and their classes in PROGRAM.classes, for exported_onnx.py."""

import importlib.util
import json
import sys

import torch
from nascent_torch import data
from nascent_torch.safetensors import tensor_bytes


def measure(program, options, part):
    spec = importlib.util.spec_from_file_location("exported", program)
    exported = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(exported)
    samples = data.load(data.Options.read(options))
    _, check = samples.final() if part == "final" else samples.search()
    x, y = check.raw(), check.y
    network = exported.trained()
    with torch.no_grad():
        logits = network(x.reshape(-1, *network.shape))
    names = [check.names[i] for i in y.tolist()]
    assert exported.CLASSES == check.names, f"{exported.CLASSES}, not {check.names}"
    with open(program + ".x", "wb") as out:
        out.write(tensor_bytes(x))
    with open(program + ".classes", "w") as out:
        json.dump(names, out)
    prefix = "test_" if part == "final" else ""
    accuracy = (logits.argmax(1) == y).double().mean().item()
    return {"metrics": {prefix + "accuracy": accuracy, prefix + "loss": torch.nn.functional.cross_entropy(logits, y).item()}}


print(json.dumps([measure(e["program"], e["data"], e["part"]) for e in json.loads(sys.argv[1])]))
