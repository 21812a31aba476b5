"""Checks and runs the models of a folder: for every NAME.onnx the samples in
NAME.x (float32, one after the other) and what it answers to them in NAME.y."""

import glob
import sys

import numpy as np
import onnx
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
for path in sorted(glob.glob(sys.argv[1] + "/*.onnx")):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    _, *shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.fromfile(path[:-5] + ".x", np.float32).reshape(-1, *shape)
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (y,) = session.run(["logits"], {"input": x})
    y.astype(np.float32).tofile(path[:-5] + ".y")
