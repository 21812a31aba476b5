"""Computes, for every case of a folder, what network_test.go compares with
plugins/gorgonia/nn: in float64, from the same weights and samples."""

import glob
import json
import sys

import torch
from torch.nn import functional as F

from nascent_torch import safetensors
from nascent_torch.network import Network, macs, parameters

torch.set_num_threads(1)


def case(path):
    given, metadata = safetensors.load(path)
    # Gorgonia hands its parameters over as float32; the numbers are the same.
    x, y = given["x"].double(), given["y"].long()
    spec = json.loads(metadata["network"])
    network = Network(spec).double()
    network.load_state_dict({name: given["before/" + name].double() for name in network.state_dict()})
    network.drop(lambda name: [1])
    loss = F.cross_entropy(network(x), y, label_smoothing=0.1)
    loss.backward()
    counts = torch.tensor([parameters(spec), macs(spec)], dtype=torch.float64)
    out = {"loss": loss.detach().reshape(1), "counts": counts}
    for name, p in network.named_parameters():
        out["gradient/" + name] = torch.zeros_like(p) if p.grad is None else p.grad
    for name, b in network.named_buffers():
        out["after/" + name] = b.clone()
    # The statistics that Gorgonia came to, so that both evaluate alike.
    network.load_state_dict({name: given["after/" + name].double() for name in network.state_dict()})
    network.eval()
    with torch.no_grad():
        out["logits"] = network(x)
    safetensors.save(path + ".out", out)


for path in sorted(glob.glob(sys.argv[1] + "/*.case")):
    case(path)
