import itertools
import os
import tempfile
import unittest

import nascent
import torch
from nascent_torch.augment import Augment
from nascent_torch.recipe import Bad, Recipe
from nascent_torch.train import Stopped
from test_evaluator import opened
from test_pack import family, results
from test_train import bits, net, one, run, setup


class Augmenting(unittest.TestCase):
    def test_apply(self):
        for shape, crop, flip in itertools.product(([3, 5], [2, 4, 6]), (0, 2), (False, True)):
            a = Augment(shape, crop, flip)
            x = torch.randn(40, *shape)
            choices = a.draw(5, 40)
            got = a.apply(x, choices)
            self.assertEqual(got.shape, x.shape)
            for sample, choice, answer in zip(x, choices.tolist(), got):
                if choice[-1]:
                    sample = sample.flip(-1)
                    choice[-2] = 2 * crop - choice[-2]
                padded = sample.new_zeros(shape[0], *[n + 2 * crop for n in shape[1:]])
                padded[(slice(None), *[slice(crop, crop + n) for n in shape[1:]])] = sample
                for dim, (at, n) in enumerate(zip(choice, shape[1:]), start=1):
                    padded = padded.narrow(dim, at, n)
                self.assertTrue(torch.equal(answer, padded))
            self.assertEqual(bool(a), crop > 0 or flip)
            self.assertEqual(len(set(map(tuple, choices.tolist()))) > 1, bool(a))

    def test_draw(self):
        a = Augment([1, 8, 8], 2, True)
        first = a.draw(1, 5000)
        self.assertTrue(torch.equal(first, a.draw(1, 5000)))
        self.assertFalse(torch.equal(first, a.draw(2, 5000)))
        for column, most in zip(first.t(), (4, 4, 1)):
            counts = torch.bincount(column.to(torch.int64))
            self.assertEqual(len(counts), most + 1)
            self.assertLess((counts / 5000 - 1 / (most + 1)).abs().max(), 0.03)

    def test_training(self):
        recipe = Recipe(batch=50, crop=3, flip=True)
        plain, first, again = one(Recipe(batch=50)), one(recipe), one(recipe)
        run(plain), run(first), run(again)
        self.assertEqual(bits(first), bits(again))
        self.assertNotEqual(bits(first), bits(plain))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "checkpoint")
            for n in (1, 6, 9):
                left = iter(range(n))
                part = one(recipe, cancelled=lambda: next(left, None) is None)
                with self.assertRaises(Stopped):
                    run(part)
                part.save(path)
                rest = one(recipe)
                rest.load(path, own=True)
                run(rest)
                self.assertEqual(bits(rest), bits(first))

    def test_packs(self):
        setups = [setup(s.recipe.replace(crop=2, flip=True), network=net(), seed=s.seed) for s in family(net())]
        want = results(setups)
        for order in ((3, 2, 1, 0), (2,), (1, 1, 3)):
            for i, answer in zip(order, results([setups[i] for i in order])):
                self.assertEqual(answer, want[i])
        self.assertNotEqual(setups[0].packs(), family(net())[0].packs())

    def test_options(self):
        for key, value in (("crop", -1), ("crop", 1.5), ("flip", 3)):
            with self.assertRaisesRegex(Bad, key):
                Recipe.of({key: value})
        with self.assertRaises(nascent.Refused) as caught:
            opened(crop=40)
        self.assertEqual(caught.exception.option, "crop")
        opened(crop=39, flip=True)
