"""What is done on a GPU, done on a CPU: steps whose numbers come from tables, and
that are replayed."""

import os
import tempfile
import unittest
from unittest import mock

import torch
from nascent_torch.graph import record
from nascent_torch.network import scrambled
from nascent_torch.recipe import Recipe
from nascent_torch.train import Invalid, Stopped, Trainer
from test_pack import family, results, wide
from test_train import bits, net, one, run, setup

RECIPE = Recipe(batch=50, warmup=1, weight_decay=0.1, label_smoothing=0.05, crop=2, flip=True)


class Recorder:
    """In place of a GPU's: what was recorded is done again."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def __call__(self, step):
        self.recorded += 1

        def replay():
            self.replayed += 1
            step()

        return replay


class Recording(unittest.TestCase):
    """What is asked of torch, which is pretended to have a GPU."""

    def torch(self, default, graph):
        recording = mock.Mock()
        return mock.patch.multiple(torch.cuda, current_stream=lambda: "own", default_stream=lambda: default, CUDAGraph=lambda: recording, graph=graph), recording

    def test_records(self):
        asked = []

        class Graph:
            def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
                asked.append((cuda_graph, stream, capture_error_mode))

            def __enter__(self):
                asked.append("begin")

            def __exit__(self, *error):
                asked.append("end")

        patch, recording = self.torch("default", Graph)
        with patch:
            replay = record(lambda: asked.append("step"))
        self.assertEqual(asked, [(recording, "own", "thread_local"), "begin", "step", "end"])
        self.assertIs(replay, recording.replay)

    def test_refuses(self):
        class Old:
            def __init__(self, cuda_graph, pool=None, stream=None):
                pass

        for default, word in (("own", "default stream"), ("default", "torch 2.1")):
            patch, _ = self.torch(default, Old)
            with patch, self.assertRaisesRegex(RuntimeError, word):
                record(lambda: self.fail("it was recorded"))


class Replaying(unittest.TestCase):
    def setUp(self):
        self.recorder = Recorder()
        for name, value in (("nascent_torch.train.on_device", lambda device: True), ("nascent_torch.graph.record", self.recorder), ("nascent_torch.graph.WORTH", 2)):
            patch = mock.patch(name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def test_comes_to_the_same(self):
        """But for rounding: the order of some operations is another."""
        for optimizer, momentum in (("adamw", 0), ("adam", 0), ("sgd", 0.9), ("sgd", 0)):
            recipe = RECIPE.replace(optimizer=optimizer, momentum=momentum)
            tabled = one(recipe, network=net(rate=0))
            with mock.patch("nascent_torch.train.on_device", lambda device: False):
                plain = one(recipe, network=net(rate=0))
            a, b = run(tabled), run(plain)
            self.assertEqual((tabled.tabled, plain.tabled), (True, False))
            self.assertAlmostEqual(a.train_loss, b.train_loss, delta=1e-4)
            self.assertAlmostEqual(a.loss, b.loss, delta=1e-3)

    def test_replays_what_it_would_do(self):
        # 240 samples are 4 steps of 50 and a shorter one, 3 times; 3 are for
        # warming up.
        recorded, eager = one(RECIPE), one(RECIPE, graphs=False)
        self.assertEqual(run(recorded), run(eager))
        self.assertEqual(bits(recorded), bits(eager))
        self.assertEqual((self.recorder.recorded, self.recorder.replayed), (1, 9))

    def test_what_cannot_be_recorded_is_done(self):
        with mock.patch("nascent_torch.graph.record", side_effect=RuntimeError("operation not permitted when stream is capturing")) as record:
            failing, eager = one(RECIPE), one(RECIPE, graphs=False)
            self.assertEqual(run(failing), run(eager))
            self.assertEqual(record.call_count, 1)
        with mock.patch("nascent_torch.graph.WORTH", 100):
            run(one(RECIPE))
        self.assertEqual(self.recorder.recorded, 0)

    def test_interrupted(self):
        whole = one(RECIPE)
        want = run(whole)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "checkpoint")
            for n in range(0, 15, 2):
                left = iter(range(n))
                first = one(RECIPE, cancelled=lambda: next(left, None) is None)
                with self.assertRaises(Stopped):
                    run(first)
                first.save(path)
                second = one(RECIPE)
                second.load(path, own=True)
                self.assertEqual(run(second), want)
                self.assertEqual((bits(second), second.candidates[0].curve), (bits(whole), whole.candidates[0].curve))

    def test_packs(self):
        for network, optimizer in ((wide(), "adamw"), (net(), "sgd")):
            setups = [setup(s.recipe.replace(batch=50, crop=2), network=network, seed=s.seed) for s in family(network, optimizer)]
            want = results(setups)
            for order in ((3, 2, 1, 0), (2,), (1, 3), (0, 0, 0, 1)):
                for i, answer in zip(order, results([setups[i] for i in order])):
                    self.assertEqual(answer, want[i], f"{i} among {order}")
        self.assertGreater(self.recorder.replayed, 50)

    def test_divergence_is_invalid(self):
        recipe = Recipe(optimizer="sgd", learning_rate=999, momentum=0.99, schedule="constant", weight_decay=10)
        with self.assertRaisesRegex(Invalid, r"^loss.* became .* in epoch \d+$"):
            run(one(recipe, 30))

    def test_dropout(self):
        """Each value is dropped with the given probability, and anew in each
        step, in each copy and for each seed."""
        trainer = Trainer([setup(network=net(rate=0.3), seed=seed) for seed in (1, 2)], 2)
        trainer.advance()
        layer = next(layer for layer in trainer.network.layers if hasattr(layer, "rate"))
        layer.train()
        x = torch.ones(500, 8, 40)
        first = layer(x)
        kept = first > 0
        self.assertTrue(torch.equal(first[kept], torch.full_like(first[kept], 1 / 0.7)))
        self.assertAlmostEqual(kept.float().mean().item(), 0.7, delta=0.01)
        self.assertTrue(torch.equal(layer(x), first))
        trainer.advance()
        other = layer(x) > 0
        pairs = [(kept, other), (kept[:, :4], kept[:, 4:]), (kept[1:], kept[:-1]), (kept[:, :, 1:], kept[:, :, :-1]), (kept[:250], kept[250:])]
        for a, b in pairs:
            both = (a & b).float().mean().item()
            self.assertAlmostEqual(both, 0.49, delta=0.01)

    def test_scrambled(self):
        # The same in Python's unbounded integers.
        numbers = torch.tensor([0, 1, 2, 0xFFFFFFFF])
        want = []
        for x in numbers.tolist():
            x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
            x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
            want.append(x ^ x >> 16)
        self.assertEqual(scrambled(numbers).tolist(), want)
