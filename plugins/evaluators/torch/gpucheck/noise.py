"""Noise in the size of CIFAR-10, to measure speed where its files are not there.
A little of each class is the same, so that there is something to learn."""

import torch


def _noise(count):
    generator = torch.Generator().manual_seed(1)
    y = torch.arange(count) % 10
    classes = torch.rand(10, 3, 32, 32, generator=generator)
    x = torch.empty(count, 3, 32, 32, dtype=torch.uint8)
    for part, labels in zip(x.split(5000), y.split(5000)):
        part.copy_((classes[labels] * 0.3 + torch.rand(part.shape, generator=generator) * 0.7) * 255)
    return x, y


def many():
    return _noise(50000), _noise(10000)


def few():
    return _noise(200), _noise(50)
