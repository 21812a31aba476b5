"""Many samples in no time, of which nothing can be learned."""

import torch


def load():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(60000, 1, 40, generator=generator), torch.arange(60000) % 10
