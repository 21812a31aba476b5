"""Measures ONNX models on the raw samples that exported.py left beside programs:
exported_onnx.py MODEL PROGRAM ..."""

import json
import sys

import numpy as np
import onnxruntime


options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1  # more would wait for each other in a loop


def accuracy(model, program):
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    x = np.fromfile(program + ".x").reshape(-1, *given.shape[1:])
    (logits,) = session.run(None, {given.name: x.astype({"tensor(float)": np.float32, "tensor(double)": np.float64}[given.type])})
    classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    with open(program + ".classes") as f:
        wanted = json.load(f)
    return float(np.mean([classes[i] == name for i, name in zip(logits.argmax(1), wanted)]))


args = sys.argv[1:]
print(json.dumps([accuracy(*pair) for pair in zip(args[::2], args[1::2])]))
