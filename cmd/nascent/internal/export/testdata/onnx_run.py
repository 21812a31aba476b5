"""Checks and runs the exported models of a folder, every NAME.onnx, and compares
with what NAME.py answered, where it was run (torch_run.py)."""

import glob
import os
import sys

import numpy as np
import onnx
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.onnx"))):
    name = path[:-5]
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if os.path.exists(name + ".x"):
        _, *shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        (y,) = session.run(["logits"], {"input": np.fromfile(name + ".x", np.float32).reshape(-1, *shape)})
        wanted = np.fromfile(name + ".y", np.float32).reshape(y.shape)
        off = np.abs(y - wanted).max() / np.abs(wanted).max()
        print(f"{os.path.basename(name)}: {off:.1e}")
        assert off < 1e-5, f"{name} answers otherwise: {off} of the largest value"
