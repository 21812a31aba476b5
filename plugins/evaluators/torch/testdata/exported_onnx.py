"""Measures an ONNX model on the raw samples that exported.py left for FILE:
exported_onnx.py MODEL FILE."""

import json
import sys

import numpy as np
import onnxruntime

model, file = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
(given,) = session.get_inputs()
x = np.fromfile(file + ".x").reshape(-1, *given.shape[1:])
(logits,) = session.run(None, {given.name: x.astype({"tensor(float)": np.float32, "tensor(double)": np.float64}[given.type])})
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
with open(file + ".classes") as f:
    wanted = json.load(f)
print(json.dumps(float(np.mean([classes[i] == name for i, name in zip(logits.argmax(1), wanted)]))))
