import contextlib
import itertools
import unittest
from unittest import mock

import torch
from nascent_torch import grouped
from nascent_torch.grouped import choose, products
from nascent_torch.network import Conv, Network
from nascent_torch.train import Trainer
from test_train import net, setup
from torch.nn import functional as F


class Products(unittest.TestCase):
    def test_are_convolutions(self):
        generator = torch.Generator().manual_seed(1)
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
        for sides, kernel, stride, pad, dilation in (
            ([9], [3], [1], [1], [1]), ([10], [5], [2], [1], [1]), ([11], [2], [3], [0], [4]), ([1], [1], [1], [0], [1]),
            ([7, 6], [3, 2], [2, 1], [1, 0], [1, 2]), ([5, 5], [3, 3], [1, 1], [2, 1], [2, 1]),
        ):  # fmt: skip
            for groups, channels, outputs, bias in ((1, 3, 4, True), (8, 1, 5, False), (6, 2, 3, True)):
                x, weight = draw(4, groups * channels, *sides), draw(groups * outputs, channels, *kernel)
                plain = [x, weight, draw(groups * outputs) if bias else None]
                plain = [t if t is None else t.requires_grad_() for t in plain]
                convolve = F.conv1d if len(sides) == 1 else F.conv2d
                answers = []
                for way in (convolve, products):
                    out = way(*plain, stride, pad, dilation, groups)
                    slope = torch.cos(torch.arange(float(out.numel()), dtype=torch.float64)).view(out.shape)
                    answers.append([out, *torch.autograd.grad(out, [t for t in plain if t is not None], slope)])
                for a, b in zip(*answers):
                    self.assertEqual(a.shape, b.shape)
                    self.assertLess((a - b).abs().max().item(), 1e-12)


class Choosing(unittest.TestCase):
    def setUp(self):
        patch = mock.patch.object(grouped, "_chosen", {})
        patch.start()
        self.addCleanup(patch.stop)

    def chosen(self, copies, seconds):
        """What the convolutions of a network do, where the first way to convolve
        and the second take so long."""
        network = Network(net(), copies)
        ticks = itertools.accumulate(itertools.cycle([0, seconds[0], 0, seconds[1]]))
        choose(network, 10, contextlib.nullcontext, lambda: next(ticks))
        return [layer.convolve for layer in network.layers if isinstance(layer, Conv)]

    def test_the_faster(self):
        self.assertEqual(self.chosen(8, (2, 1)), [products] * 2)
        self.assertEqual(self.chosen(8, (1, 2)), [products] * 2, "it was measured again")
        self.assertEqual(self.chosen(9, (1, 2)), [F.conv1d] * 2)
        self.assertEqual(grouped.chosen(), (2, 4))
        self.assertEqual(self.chosen(7, (2, 1)), [F.conv1d] * 2)
        with mock.patch.object(grouped, "_MOST", 1):
            self.assertEqual(self.chosen(10, (2, 1)), [F.conv1d] * 2)
        with mock.patch.object(grouped, "products", side_effect=RuntimeError("CUDA out of memory")):
            self.assertEqual(self.chosen(11, (2, 1)), [F.conv1d] * 2)

    def test_trains_alike(self):
        """But for rounding."""
        trained = []
        for way in (F.conv1d, products):
            with mock.patch("nascent_torch.train.on_device", lambda device: True), mock.patch.object(grouped, "_time", lambda w, *_: w is not way):
                trainer = Trainer([setup(network=net(rate=0), seed=seed, graphs=False) for seed in range(8)], 8)
                self.assertEqual({layer.convolve for layer in trainer.network.layers if isinstance(layer, Conv)}, {way})
                grouped._chosen.clear()
                for _ in range(3):
                    trainer.advance()
            trained.append(trainer.optimizer.m)
        self.assertLess((trained[0] - trained[1]).abs().max().item(), 1e-5)
