import itertools
import os
import tempfile
import unittest

from nascent_torch.recipe import Recipe
from nascent_torch.train import Invalid, Point, Stopped, Trainer
from test_train import bits, net, setup

SIZE = 4


def wide():
    """A network of two branches, of every layer that keeps copies apart."""
    flat = {"shape": [36]}
    return {"nodes": [
        {"name": "input", "op": "input", "shape": [1, 40]},
        {"name": "first", "op": "conv", "inputs": [0], "channels": 4, "kernel": [5], "stride": [2], "pad": [2], "bias": True, "shape": [4, 20]},
        {"name": "norm", "op": "norm", "inputs": [1], "affine": True, "shape": [4, 20]},
        {"name": "a", "op": "conv", "inputs": [2], "channels": 4, "kernel": [3], "pad": [1], "groups": 2, "circular": True, "bias": True, "shape": [4, 20]},
        {"name": "b", "op": "conv", "inputs": [2], "channels": 4, "kernel": [3], "pad": [1], "groups": 4, "shape": [4, 20]},
        {"name": "act", "op": "activation", "inputs": [4], "function": "mish", "shape": [4, 20]},
        {"name": "joined", "op": "concat", "inputs": [3, 5], "shape": [8, 20]},
        {"name": "cut", "op": "crop", "inputs": [6], "channels": 6, "offset": [2], "shape": [6, 18]},
        {"name": "zero", "op": "zero", "inputs": [7], "shape": [6, 18]},
        {"name": "sum", "op": "add", "inputs": [7, 8], "shape": [6, 18]},
        {"name": "drop", "op": "dropout", "inputs": [9], "rate": 0.2, "shape": [6, 18]},
        {"name": "max", "op": "max_pool", "inputs": [10], "kernel": [3], "stride": [2], "pad": [1], "shape": [6, 9]},
        {"name": "mean", "op": "avg_pool", "inputs": [11], "kernel": [3], "stride": [2], "pad": [1], "shape": [6, 5]},
        {"name": "flat", "op": "flatten", "inputs": [12], "shape": [30]},
        {"name": "top", "op": "global_max", "inputs": [10], "shape": [6]},
        {"name": "both", "op": "concat", "inputs": [13, 14], **flat},
        {"name": "dense", "op": "dense", "inputs": [15], "channels": 36, "bias": True, **flat},
        {"name": "again", "op": "norm", "inputs": [16], "affine": True, **flat},
        {"name": "answer", "op": "dense", "inputs": [17], "channels": 10, "bias": True, "shape": [10]},
    ]}  # fmt: skip


def family(network, optimizer="adamw"):
    """Candidates that differ in what members of a pack may differ in."""
    recipes = [
        Recipe(optimizer=optimizer, learning_rate=0.01),
        Recipe(optimizer=optimizer, learning_rate=0.02, weight_decay=0.1, schedule="step"),
        Recipe(optimizer=optimizer, learning_rate=0.003, label_smoothing=0.1),
        Recipe(optimizer=optimizer, schedule="constant", momentum=0.5),
    ]
    return [setup(r, network=network, seed=20 + i) for i, r in enumerate(recipes)]


def results(setups, size=SIZE):
    """What becomes of each candidate: its curve and bits, or the reason why
    there are none."""
    trainer = Trainer(setups, size)
    answers = {}
    for k, outcome in trainer.run():
        ended = str(outcome) if isinstance(outcome, Invalid) else None
        answers[k] = ended or (trainer.candidates[k].curve, bits(trainer, k))
    return [answers[k] for k in range(len(setups))]


class Packs(unittest.TestCase):
    def test_neither_companions_nor_place_matter(self):
        for network, optimizer in ((wide(), "adamw"), (net(), "sgd")):
            setups = family(network, optimizer)
            want = results(setups)
            for order in ((3, 2, 1, 0), (1, 3, 0, 2)):
                for place, answer in zip(order, results([setups[i] for i in order])):
                    self.assertEqual(answer, want[place])
            for some in ((2,), (3, 1), (0, 0, 0, 1)):
                for place, answer in zip(some, results([setups[i] for i in some])):
                    self.assertEqual(answer, want[place], f"{place} among {some}")

    def test_alone_is_nearly_the_same(self):
        for optimizer in ("adamw", "adam", "sgd"):
            setups = family(wide(), optimizer)
            for fused, s in zip(results(setups), setups):
                ((curve, _),) = results([s], 1)
                for a, b in zip(fused[0], curve):
                    self.assertAlmostEqual(a.train_loss, b.train_loss, delta=1e-4 * b.train_loss)
                    self.assertAlmostEqual(a.loss, b.loss, delta=1e-3 * b.loss)

    def test_trouble_is_ones_own(self):
        setups = family(wide(), "sgd")
        want = results(setups)
        diverging = Recipe(optimizer="sgd", learning_rate=999, momentum=0.99, schedule="constant", weight_decay=10)
        setups[1] = setup(diverging, network=wide())
        got = results(setups)
        self.assertRegex(got[1], "became .* in epoch")
        self.assertEqual([got[i] for i in (0, 2, 3)], [want[i] for i in (0, 2, 3)])

    def test_one_may_end_before_the_others(self):
        want = results(family(net()))
        setups = family(net())

        def enough(point):
            if point.epoch == 2:
                raise Stopped

        chances = itertools.count()
        setups[0].report = enough
        setups[2].cancelled = lambda: next(chances) > 4
        trainer = Trainer(setups, SIZE)
        ended = [(k, outcome) for k, outcome in trainer.run()]
        self.assertEqual([(k, type(o)) for k, o in ended], [(2, Stopped), (0, Stopped), (1, Point), (3, Point)])
        self.assertEqual([len(c.curve) for c in trainer.candidates], [2, 3, 1, 3])
        for k in (1, 3):
            self.assertEqual((trainer.candidates[k].curve, bits(trainer, k)), want[k])

    def test_goes_on_alone_to_the_same_bits(self):
        want = results(family(net()))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "checkpoint")
            setups = family(net())
            chances = itertools.count()
            setups[2].cancelled = lambda: next(chances) > 5
            trainer = Trainer(setups, SIZE)
            for k, outcome in trainer.run():
                if isinstance(outcome, Stopped):
                    trainer.save(path, k)
            again = Trainer([family(net())[2]], SIZE)
            again.load(path, own=True)
            ((_, last),) = again.run()
            self.assertEqual((again.candidates[0].curve, bits(again)), want[2])
            with self.assertRaisesRegex(ValueError, "pack size 4"):
                Trainer([family(net())[2]]).load(path, own=True)

    def test_packs(self):
        a, b = family(net())[:2]
        self.assertEqual(a.packs(), b.packs())
        for other in (
            setup(network=wide()),
            setup(Recipe(batch=50), network=net()),
            setup(Recipe(optimizer="adam"), network=net()),
            setup(budget=4, network=net()),
            setup(network=net(channels=5)),
        ):
            self.assertNotEqual(a.packs(), other.packs())
