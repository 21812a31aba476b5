"""What is done on a GPU, done on a CPU: steps whose numbers come from tables, and
that are replayed."""

import math
import os
import tempfile
import threading
import unittest
from unittest import mock

import torch
from nascent_torch.graph import Gate, forget, record
from nascent_torch.network import largest, scrambled
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
        return mock.patch.multiple(torch.cuda, current_stream=lambda: "own", default_stream=lambda: default, CUDAGraph=lambda: recording, graph=graph,
                                   graph_pool_handle=lambda: "pool", current_device=lambda: 3), recording  # fmt: skip

    def test_records(self):
        asked = []

        class Graph:
            def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
                asked.append((cuda_graph, pool, stream, capture_error_mode))

            def __enter__(self):
                asked.append("begin")

            def __exit__(self, *error):
                asked.append("end")

        patch, recording = self.torch("default", Graph)
        with patch:
            replay = record(lambda: asked.append("step"))
        self.assertEqual(asked, [(recording, "pool", "own", "thread_local"), "begin", "step", "end"])
        self.assertIs(replay, recording.replay)

    def test_a_failure_gives_memory_back(self):
        class Graph:
            def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
                pass

            def __enter__(self):
                pass

            def __exit__(self, *error):
                if broken:
                    raise RuntimeError("the recording was invalidated")

        def step():
            raise RuntimeError("CUDA out of memory")

        for broken, word in ((True, "invalidated"), (False, "out of memory")):
            ended = []
            patch, recording = self.torch("default", Graph)
            if broken:  # torch does not know where its memory is
                recording.pool.side_effect = RuntimeError("Called CUDAGraph::pool() without a preceding successful capture")
            functions = {f"_cuda_{name}": lambda *a, name=name: ended.append((name, *a)) for name in ("endAllocateToPool", "releasePool")}
            with patch, mock.patch.multiple(torch._C, create=True, **functions), self.assertRaisesRegex(RuntimeError, word):
                record(step)
            self.assertEqual(ended, [("endAllocateToPool", 3, "pool"), ("releasePool", 3, "pool")] if broken else [])
        with patch, mock.patch.object(Graph, "__exit__", lambda *error: None):
            record(lambda: None)  # the gate is open again

    def test_refuses(self):
        class Old:
            def __init__(self, cuda_graph, pool=None, stream=None):
                pass

        for default, word in (("own", "default stream"), ("default", "torch 2.1")):
            patch, _ = self.torch(default, Old)
            with patch, self.assertRaisesRegex(RuntimeError, word):
                record(lambda: self.fail("it was recorded"))


class Gates(unittest.TestCase):
    def test_alone(self):
        gate, order = Gate(), []
        inside, waits = threading.Event(), threading.Event()

        def first():
            with gate.shared():
                inside.set()
                waits.wait()
                order.append("first")

        def recorder():
            with gate.alone():
                order.append("alone")

        def later():
            with gate.shared():
                order.append("later")

        threads = [threading.Thread(target=f) for f in (first, recorder, later)]
        threads[0].start()
        inside.wait()
        with gate.shared():  # many at once
            pass
        threads[1].start()
        while not gate._closed:  # it has come
            pass
        threads[2].start()
        waits.set()
        for t in threads:
            t.join()
        self.assertEqual(order, ["first", "alone", "later"])

    def test_opens_after_an_error(self):
        gate = Gate()
        for enter in (gate.alone, gate.shared, gate.alone):
            with self.assertRaises(ValueError), enter():
                raise ValueError

    def test_forget(self):
        replays = [lambda: None]
        forget(replays)
        self.assertEqual(replays, [])


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

    def test_numbers(self):
        """Those for all steps and copies at once are those of each."""
        recipes = [RECIPE.replace(learning_rate=0.01 * k, schedule=name, warmup=1.3) for k, name in enumerate(("cosine", "step", "constant", "cosine"), 1)]
        trainer = Trainer([setup(recipe, 7, seed=k) for k, recipe in enumerate(recipes)], 5)
        for epoch in range(7):
            steps = range(epoch * trainer.per_epoch, (epoch + 1) * trainer.per_epoch)
            want = torch.tensor([trainer.optimizer.numbers(trainer._rates(step), step + 1) for step in steps])
            self.assertTrue(torch.equal(trainer._numbers(epoch), want))

    def test_draws_ahead(self):
        """The next epoch is drawn before the device is waited for, once."""
        drawn, measured = [], []
        trainer = one(RECIPE)
        draw = trainer._drawn
        trainer._drawn = lambda epoch: drawn.append((epoch, len(measured))) or draw(epoch)
        trainer.setup.report = measured.append
        run(trainer)
        self.assertEqual(drawn, [(0, 0), (1, 0), (2, 1)])

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

    def test_largest(self):
        x = torch.randn(5, 3, 7, generator=torch.Generator().manual_seed(1))
        x[0, 0, 2:5] = 9.0  # several
        x[1, 1], x[2, 2, 3] = -math.inf, math.inf
        slopes = []
        for of in (largest, lambda x: x.max(2).values):
            copy = x.clone().requires_grad_()
            answer = of(copy)
            answer.backward(torch.arange(15.0).view(5, 3))
            slopes.append((answer, copy.grad))
        self.assertTrue(all(map(torch.equal, *slopes)))
        self.assertTrue(torch.isnan(largest(torch.tensor([1.0, math.nan, 2.0]))))

    def test_scrambled(self):
        # The same in Python's unbounded integers.
        numbers = torch.tensor([0, 1, 2, 0xFFFFFFFF])
        want = []
        for x in numbers.tolist():
            x = (x ^ x >> 16) * 0x7FEB352D & 0xFFFFFFFF
            x = (x ^ x >> 15) * 0x846CA68B & 0xFFFFFFFF
            want.append(x ^ x >> 16)
        self.assertEqual(scrambled(numbers).tolist(), want)
