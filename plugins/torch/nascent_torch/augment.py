"""Samples that are shown a little differently each time.

What becomes of a sample in an epoch is drawn before the epoch, by the
candidate's seed, and carried out where the samples are.
"""

from __future__ import annotations

from typing import Sequence

import torch
from torch.nn import functional as F


class Augment:
    """Random crops (each side is padded by `crop` zeros, and as much as the
    sample had is cut out again) and mirroring along the last dimension, of half
    of the samples."""

    def __init__(self, shape: Sequence[int], crop: int, flip: bool):
        self.sizes, self.crop, self.flip = list(shape[1:]), crop, flip

    def __bool__(self) -> bool:
        return self.crop > 0 or self.flip

    def draw(self, seed: int, samples: int) -> torch.Tensor:
        """A choice for each sample: where to cut in each dimension, and whether
        to mirror."""
        generator = torch.Generator().manual_seed(seed)
        draw = lambda below, *shape: torch.randint(below, shape, generator=generator).to(torch.uint8)
        cuts = draw(2 * self.crop + 1, samples, len(self.sizes))
        return torch.cat([cuts, draw(2 if self.flip else 1, samples, 1)], 1)

    def apply(self, x: torch.Tensor, choices: torch.Tensor) -> torch.Tensor:
        """Samples, [n, channels, ...], as chosen."""
        chosen = choices.to(torch.int64)
        for i, size in enumerate(self.sizes):
            mirrors = self.flip and i == len(self.sizes) - 1
            if not self.crop and not mirrors:
                continue
            at = torch.arange(size, device=x.device).expand(len(x), size)
            if mirrors:
                at = torch.where(chosen[:, -1:] > 0, size - 1 - at, at)
            at = at + chosen[:, i : i + 1]
            dim = i + 2
            around = [0, 0] * (len(self.sizes) - 1 - i) + [self.crop, self.crop]
            place = at.view(len(x), *[-1 if d == dim else 1 for d in range(1, x.dim())])
            x = F.pad(x, around).gather(dim, place.expand(*x.shape[:dim], size, *x.shape[dim + 1 :]))
        return x
