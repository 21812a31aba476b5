"""What a file of its own has besides the network: NODES takes the place of the
list here, and what it needs of the other modules comes before it. standalone.go
puts it together."""

from __future__ import annotations

import os
import random

from .network import Network
from .safetensors import load

NODES: list[dict] = []


def trained(path: str | None = None) -> Network:
    """The network with the weights of a safetensors file, by default the one
    that lies beside this file, ready to measure: call train() on it to go on."""
    network = Network(NODES)
    tensors, _ = load(path or os.path.splitext(os.path.abspath(__file__))[0] + ".safetensors")
    network.load_state_dict({name: tensors[name] for name in network.state_dict()})
    return network.eval()


def fresh(seed: int = 0) -> Network:
    """The network with weights to train from the beginning."""
    network = Network(NODES)
    network.start([lambda name: random.Random(f"{seed} {name}").getrandbits(32)])
    return network


if __name__ == "__main__":
    print(trained())
