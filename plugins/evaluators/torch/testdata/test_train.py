import itertools
import os
import tempfile
import unittest

import torch

from nascent_torch import data, safetensors
from nascent_torch.network import Unknown
from nascent_torch.recipe import Recipe
from nascent_torch.train import Invalid, Setup, Stopped, Trainer

torch.set_num_threads(1)

DATA = data.load(data.Options(samples=300, validation=60, test=50))


def block(i, inputs, channels, length, rate):
    """Nodes i to i+3: convolution of stride 2, norm, relu, dropout."""
    at = {"shape": [channels, length]}
    return [
        {"name": f"body[{i // 4}].conv", "op": "conv", "inputs": [i - 1], "channels": channels, "kernel": [3], "stride": [2], "pad": [1], **at},
        {"name": f"body[{i // 4}].norm", "op": "norm", "inputs": [i], "affine": True, **at},
        {"name": f"body[{i // 4}].act", "op": "activation", "inputs": [i + 1], "function": "relu", **at},
        {"name": f"body[{i // 4}].dropout", "op": "dropout", "inputs": [i + 2], "rate": rate, **at},
    ]


def net(channels=4, rate=0.1, inputs=(1, 40), classes=10):
    """Has everything that keeps a state."""
    nodes = [{"name": "input", "op": "input", "shape": list(inputs)}]
    nodes += block(1, 1, channels, (inputs[1] + 1) // 2, rate) + block(5, channels, channels, (inputs[1] + 3) // 4, rate)
    nodes += [
        {"name": "head.average", "op": "global_avg", "inputs": [8], "shape": [channels]},
        {"name": "head.dense", "op": "dense", "inputs": [9], "channels": classes, "bias": True, "shape": [classes]},
    ]
    return {"nodes": nodes}


def setup(recipe=Recipe(), budget=3, **changes):
    train, check = DATA.search()
    return Setup(**{"network": net(), "recipe": recipe, "train": train, "check": check, "budget": budget, "seed": 7, **changes})


def bits(trainer, k=0):
    return {name: safetensors.tensor_bytes(t) for name, t in trainer.state(k).items()}


def run(trainer):
    """What becomes of the only candidate."""
    ((k, outcome),) = trainer.run()
    assert k == 0
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def one(*args, **changes):
    return Trainer([setup(*args, **changes)])


class Training(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "checkpoint")

    def test_learns(self):
        for recipe in (Recipe(batch=20, learning_rate=0.01), Recipe(batch=20, optimizer="adam", learning_rate=0.01, weight_decay=1e-4),
                       Recipe(batch=20, optimizer="sgd", learning_rate=0.1, weight_decay=1e-4), Recipe(batch=20, optimizer="sgd", learning_rate=0.3, momentum=0)):  # fmt: skip
            reported = []
            trainer = one(recipe, 25, report=reported.append)
            p = run(trainer)
            self.assertTrue(p.train_accuracy > 0.25 and p.train_loss < 2.1 and p.accuracy > 0.2 and p.epoch == 25, f"{recipe}: {p}")
            self.assertEqual(reported, trainer.candidates[0].curve)
            self.assertEqual([p.epoch for p in reported], list(range(1, 26)))

    def test_seed_decides(self):
        first, again, other = (one(seed=seed) for seed in (7, 7, 8))
        torch.manual_seed(1)
        want = run(first)
        torch.manual_seed(2)
        torch.rand(5)
        self.assertEqual(run(again), want)
        self.assertEqual(bits(again), bits(first))
        run(other)
        self.assertNotEqual(bits(other), bits(first))

    def test_promotion_gives_the_same_bits(self):
        for optimizer, first in itertools.product(("adamw", "adam", "sgd"), (2, 1.4)):
            recipe = Recipe(horizon=8, optimizer=optimizer, batch=32, label_smoothing=0.05, warmup=1)
            whole = one(recipe, 5)
            want = run(whole)
            begin = one(recipe, first)
            run(begin)
            begin.save(self.path)
            promoted = one(recipe, 5, seed=99)
            promoted.load(self.path, own=False)
            self.assertEqual(run(promoted), want)
            self.assertEqual(bits(promoted), bits(whole))
            self.assertGreater(promoted.candidates[0].curve[promoted.candidates[0].earlier].epoch, first)

    def test_interrupted_anywhere(self):
        recipe = Recipe(batch=50)
        whole = one(recipe)
        want = run(whole)
        for n in itertools.count():
            left = iter(range(n))
            first = one(recipe, cancelled=lambda: next(left, None) is None)
            try:
                run(first)
                break
            except Stopped:
                pass
            first.save(self.path)
            second = one(recipe)
            second.load(self.path, own=True)
            self.assertEqual(run(second), want)
            self.assertEqual((bits(second), second.candidates[0].curve), (bits(whole), whole.candidates[0].curve), f"cancelled after {n} chances")
        self.assertGreater(n, 15)

    def test_measuring_changes_nothing(self):
        rare, often = one(budget=2, at_end=True), one(budget=2)
        run(rare)
        run(often)
        self.assertEqual([p.accuracy is None for p in rare.candidates[0].curve], [True, False])
        self.assertEqual(bits(rare), bits(often))

    def test_divergence_is_invalid(self):
        recipe = Recipe(optimizer="sgd", learning_rate=999, momentum=0.99, schedule="constant", weight_decay=10)
        with self.assertRaisesRegex(Invalid, r"^loss.* became .* in epoch \d+$"):
            run(one(recipe, 30))

    def test_bfloat16_learns(self):
        trainer = one(Recipe(batch=20, learning_rate=0.01), 30, precision="bfloat16")
        self.assertGreater(run(trainer).train_accuracy, 0.25)
        self.assertEqual({t.dtype for t in trainer.state().values()}, {torch.float32})

    def test_norm_over_one_value(self):
        flat = {
            "nodes": [
                {"name": "input", "op": "input", "shape": [1, 40]},
                {"name": "hidden", "op": "dense", "inputs": [0], "channels": 4, "shape": [4]},
                {"name": "hidden.norm", "op": "norm", "inputs": [1], "affine": True, "shape": [4]},
                {"name": "out", "op": "dense", "inputs": [2], "channels": 10, "bias": True, "shape": [10]},
            ]
        }
        train, _ = DATA.search()
        odd, _ = data.load(data.Options(samples=299, validation=60, test=50)).search()
        self.assertEqual(len(odd) % 2, 1)
        for network, part, batch, budget, fault in (
            (flat, train, 1, 1, True),
            (net(rate=0), train, 1, 1, False),  # it has positions
            (flat, odd, 2, 1, True),  # the last batch has 1 sample
            (flat, odd, 2, 0.5, False),  # it is not reached
            (flat, odd, 4, 1, False),
        ):
            with self.subTest(batch=batch, budget=budget, fault=fault):
                if fault:
                    with self.assertRaisesRegex(Unknown, "hidden.norm: normalises over one value"):
                        one(Recipe(batch=batch), budget, network=network, train=part)
                else:
                    one(Recipe(batch=batch), budget, network=network, train=part)

    def test_refuses(self):
        for word, changes in {
            "exceeds the horizon of 4": {"recipe": Recipe(horizon=4)},
            "budget is 0": {"budget": 0},
            "describes no network": {"network": None},
            "space.network.input is": {"network": net(inputs=(1, 28))},
            "set space.network.classes": {"network": net(classes=3)},
        }.items():
            with self.assertRaisesRegex(ValueError, word):
                one(**{"budget": 5, **changes})

    def test_load_refuses(self):
        recipe = Recipe(horizon=4)
        first = one(recipe, 2)
        run(first)
        first.save(self.path)
        for word, s in {
            "of step 4": setup(recipe, 1),
            "of recipe": setup(Recipe(horizon=4, label_smoothing=0.1), 3),
            "of network": setup(recipe, 3, network=net(channels=5)),
            "of kernels": setup(recipe, 3, precision="bfloat16"),
        }.items():
            trainer = Trainer([s])
            before = bits(trainer)
            with self.assertRaisesRegex(ValueError, word):
                trainer.load(self.path, own=False)
            self.assertEqual(bits(trainer), before)
        tensors, metadata = safetensors.load(self.path)
        name = next(iter(tensors))
        for damage in ({**tensors, name: tensors[name][1:]}, {k: v for k, v in tensors.items() if k != name}):
            safetensors.save(self.path, damage, metadata)
            with self.assertRaisesRegex(ValueError, "has no array"):
                one(recipe, 3).load(self.path, own=False)
        safetensors.save(self.path, tensors)
        with self.assertRaisesRegex(ValueError, "no checkpoint"):
            one(recipe, 3).load(self.path, own=False)
