"""What a file of its own has besides the network: NODES and SAMPLES take the place
of those here, and what it needs of the other modules comes before them.
standalone.go puts it together."""

from __future__ import annotations

import os
import random

import torch

from .network import Network
from .safetensors import load

NODES: list[dict] = []
SAMPLES: dict = {}
CLASSES: list[str] = SAMPLES.get("classes", [])


def standardised(x: torch.Tensor) -> torch.Tensor:
    """Raw samples as the network read them when it was trained."""
    if not SAMPLES:
        return x

    def numbers(name: str, dtype: torch.dtype) -> torch.Tensor:
        values = torch.tensor(SAMPLES[name], dtype=dtype, device=x.device)
        return values.reshape(NODES[0]["shape"] if len(values) > 1 else [])

    if "offset" in SAMPLES:
        x = x.to(torch.float64) - numbers("offset", torch.float64)
    return (x.to(torch.float32) - numbers("shift", torch.float32)) * numbers("scale", torch.float32)


def _raw(network: Network, inputs: tuple) -> tuple:
    weight = next(network.parameters())
    return (standardised(inputs[0]).to(weight), *inputs[1:])


def trained(path: str | None = None) -> Network:
    """The network with the weights of a safetensors file, by default the one
    that lies beside this file, ready to measure raw samples: call train() on it to
    go on. Its answers stand for CLASSES."""
    network = Network(NODES)
    tensors, _ = load(path or os.path.splitext(os.path.abspath(__file__))[0] + ".safetensors")
    network.load_state_dict({name: tensors[name] for name in network.state_dict()})
    network.register_forward_pre_hook(_raw)
    return network.eval()


def fresh(seed: int = 0) -> Network:
    """The network with weights to train from the beginning."""
    network = Network(NODES)
    network.start([lambda name: random.Random(f"{seed} {name}").getrandbits(32)])
    network.register_forward_pre_hook(_raw)
    return network


if __name__ == "__main__":
    print(trained())
