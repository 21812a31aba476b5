"""Runs the exported networks of a folder: every NAME.py on the samples of
NAME.case, with what it answers in NAME.out."""

import glob
import json
import os
import struct
import subprocess
import sys

import torch

torch.set_num_threads(1)
sys.dont_write_bytecode = True
folder = sys.argv[1]
# Nothing of the package is at hand.
sys.path[:] = [folder] + [p for p in sys.path if not os.path.exists(os.path.join(p, "nascent_torch"))]
paths = sorted(glob.glob(os.path.join(folder, "*.py")))
for path in paths:
    name = os.path.splitext(os.path.basename(path))[0]
    module = __import__(name)
    given, _ = module.load(os.path.join(folder, name + ".case"))
    with torch.no_grad():
        y = module.trained()(given["x"]).contiguous()
    data = struct.pack(f"<{y.numel()}f", *y.flatten().tolist())
    header = json.dumps({"logits": {"dtype": "F32", "shape": list(y.shape), "data_offsets": [0, len(data)]}}).encode()
    with open(os.path.join(folder, name + ".out"), "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header + data)

    state = module.fresh(1).state_dict()
    for key, value in module.fresh(1).state_dict().items():
        assert torch.equal(value, state[key]) and torch.isfinite(value).all(), f"{name}: fresh(1) differs in {key}"
    assert not hasattr(module, "save"), f"{name} has code that it does not need"
assert "nascent_torch" not in sys.modules
# As a program it shows the network.
shown = subprocess.run([sys.executable, "-I", paths[0]], capture_output=True, check=True, text=True).stdout
assert shown.startswith("Network(\n"), shown
