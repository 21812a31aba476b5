"""Computes, for every case of a folder, what network_test.go compares with
plugins/trainer/nn: in float64, from the same weights and samples; alone, and
as one of three copies side by side."""

import glob
import json
import sys

import torch
from torch.nn import functional as F

from nascent_torch import safetensors
from nascent_torch.network import Network, macs
from nascent_torch.train import placeless

torch.set_num_threads(1)
COPIES = 3


def gradients(network, x, y):
    """Loss and gradients of each copy, by name, the copies stacked."""
    network.drop(lambda name: [1] * network.copies)
    logits = network(x.repeat(1, network.copies, *[1] * (x.dim() - 2))).reshape(len(x), network.copies, -1)
    losses = [F.cross_entropy(logits[:, k], y, label_smoothing=0.1) for k in range(network.copies)]
    sum(losses).backward()
    out = {"loss": torch.stack(losses).detach()}
    for name, p in network.named_parameters():
        out["gradient/" + name] = torch.zeros_like(p) if p.grad is None else p.grad
    for name, b in network.named_buffers():
        out["after/" + name] = b.clone()
    return {name: t.view(network.copies, -1) for name, t in out.items()}


def load(network, given, which):
    state = {name: given[which + name].to(t.dtype) for name, t in network.state_dict().items()}
    network.load_state_dict({name: t.repeat(network.copies, *[1] * (t.dim() - 1)) for name, t in state.items()})


def case(path):
    given, metadata = safetensors.load(path)
    # What comes in float32 becomes the same numbers in float64.
    x, y = given["x"].double(), given["y"].long()
    spec = json.loads(metadata["network"])
    network = Network(spec).double()
    out = {"counts": torch.tensor([sum(p.numel() for p in network.parameters()), macs(spec)], dtype=torch.float64)}
    load(network, given, "before/")
    out.update({name: t[0] for name, t in gradients(network, x, y).items()})
    # The statistics that Gorgonia came to, so that both evaluate alike.
    load(network, given, "after/")
    network.eval()
    with torch.no_grad():
        out["logits"] = network(x)

    fused = Network(spec, COPIES).double()
    load(fused, given, "before/")
    out.update({"fused/" + name: t[1] for name, t in gradients(fused, x, y).items()})

    # In float32 the bits of a copy are the same in each place, with torch 1.
    single = Network(spec, COPIES)
    load(single, given, "before/")
    for name, t in gradients(single, x.float(), y).items():
        if placeless() and not all(torch.equal(t[0], t[k]) for k in range(1, COPIES)):
            sys.exit(f"{path}: {name} depends on the place in a pack")
    safetensors.save(path + ".out", {name: t.contiguous() for name, t in out.items()})


for path in sorted(glob.glob(sys.argv[1] + "/*.case")):
    case(path)
