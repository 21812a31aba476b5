"""Runs the exported networks of a folder, every NAME.py, and writes what it was
asked and what it answered, float32 one after the other, to NAME.x and NAME.y."""

import array
import glob
import importlib
import os
import sys

import torch

torch.set_num_threads(1)
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.py"))):
    module = importlib.import_module(os.path.splitext(os.path.basename(path))[0])
    x = torch.randn(2, *module.NODES[0]["shape"], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        y = module.trained()(x)
    for end, values in (".x", x), (".y", y):
        with open(path[:-3] + end, "wb") as out:
            array.array("f", values.flatten().tolist()).tofile(out)
