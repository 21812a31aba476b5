import base64
import json
import unittest

import nascent
import test_evaluator
import torch
from nascent_torch import rng, weights
from nascent_torch.evaluator import Evaluator
from nascent_torch.supernet import Supernet
from test_evaluator import OPTIONS as ALL
from test_evaluator import SPACE

OPTIONS = ["none", "skip_connect", "nor_conv_3"]


def graph():
    """A convolution, a cell of three nodes with the operations of OPTIONS on each
    edge, and a head. The cell stands twice; its choices are shared."""
    nodes = [{"name": "in", "op": "input", "shape": [1, 40]},
             {"name": "stem", "op": "conv", "inputs": [0], "shape": [2, 20], "channels": 2, "kernel": [3], "stride": [2], "pad": [1]}]  # fmt: skip
    gates, mixes = [(-1, 0)] * 2, []
    choices = [{"name": f"cell.edge({a},{b})", "cell": "cell", "node": b, "source": a, "options": OPTIONS, "skip": 1, "none": 0}
               for a, b in ((0, 1), (0, 2), (1, 2))]  # fmt: skip

    def add(gate=(-1, 0), **node):
        nodes.append({"shape": [2, 20], **node})
        gates.append(gate)
        return len(nodes) - 1

    def mix(place, choice, at):
        m, name = len(mixes), f"cells[{place}].edge{choice}"
        zero = add((m, 0), name=name + ".none", op="zero", inputs=[at])
        skip = add((m, 1), name=name + ".skip", op="identity", inputs=[at])
        act = add((m, 2), name=name + ".conv.act", op="activation", function="relu", inputs=[at])
        conv = add((m, 2), name=name + ".conv.conv", op="conv", inputs=[act], channels=2, kernel=[3], pad=[1])
        norm = add((m, 2), name=name + ".conv.norm", op="norm", inputs=[conv], affine=True)
        mixes.append({"choice": choice, "node": add(name=name + ".mix", op="mix", inputs=[zero, skip, norm])})
        return mixes[-1]["node"]

    at = 1
    for place in range(2):
        middle = mix(place, 0, at)
        at = add(name=f"cells[{place}].add", op="add", inputs=[mix(place, 1, at), mix(place, 2, middle)])
    add(name="pool", op="global_avg", inputs=[at], shape=[2])
    add(name="head", op="dense", inputs=[len(nodes) - 1], shape=[10], channels=10, bias=True)
    return {"network": {"nodes": nodes}, "choices": choices, "mixes": mixes,
            "gates": [{"mixture": m, "option": o} for m, o in gates]}  # fmt: skip


def fresh():
    return {key: [[0.0] * 3 for _ in range(3)] for key in ("logits", "first", "second")}


class Graphs(unittest.TestCase):
    def test_path_and_mixture(self):
        model = Supernet(graph())
        model.start([lambda name: rng.derive(3, name)])
        x = torch.randn(6, 1, 40, generator=torch.Generator().manual_seed(1))
        model.use([[2], [1], [0]])
        way = model(x)
        model.mix(torch.eye(3)[[2, 1, 0]])
        self.assertTrue(torch.allclose(model(x), way, atol=1e-6))
        model.use([[0], [0], [0]])
        self.assertTrue(torch.equal(model(x), dict(model.named_parameters())["head.bias"].expand(6, 10)))
        # What one measures does not depend on what was computed before.
        model.eval()
        model.use([[2], [1], [0]])
        self.assertTrue(torch.equal(model(x), way))
        # An operation that is taken twice counts twice, and one that is not there not at all.
        model.use([[1, 1], [1], []])
        twice = model(x)
        model.mix(torch.tensor([[0, 2.0, 0], [0, 1.0, 0], [0, 0, 0]]))
        self.assertTrue(torch.allclose(model(x), twice, atol=1e-6))

    def test_only_what_took_part_takes_a_step(self):
        data = opened().sharing.data.search()[0]
        order = weights.Order.read(b'{"method": "paths", "epochs": 1, "paths": ["x"]}', [3] * 3)
        trainer = weights.Trainer(graph(), order, weights.Recipe(), data, 7, paths=[[[2], [1], [1]]])
        before = {name: p.detach().clone() for name, p in trainer.weights.items()}
        trainer.run(1)
        changed = {name for name, p in trainer.weights.items() if not torch.equal(p, before[name])}
        self.assertEqual({name for name in changed if "edge" in name}, {name for name in before if "edge0" in name})
        self.assertLess({"head.weight", "stem.weight"}, changed)

    def test_draw(self):
        model, r = Supernet(graph()), rng.Rand(1)
        drawn = [tuple(o for (o,) in model.draw(r)) for _ in range(2000)]
        self.assertEqual(len(set(drawn)), 27)
        for distinct in (False, True):
            # A node of two inputs, and one of three, of a cell of pairs.
            model.choices = [{"cell": "c", "node": n, "options": OPTIONS, "pairs": True, "distinct": distinct} for n in (0, 0, 1, 1, 1)]
            seen = set()
            for _ in range(3000):
                path = model.draw(r)
                for node in (path[:2], path[2:]):
                    self.assertEqual(sum(map(len, node)), 2)
                    if distinct:
                        self.assertLessEqual(max(map(len, node)), 1)
                seen.add(str(path[2:]))
            # Pairs of two of three sources, and (not distinct) of two operations over one.
            self.assertEqual(len(seen), 27 if distinct else 27 + 3 * 6)


def opened(**options):
    e = Evaluator()
    e.said = e.open(nascent.Setup({**ALL, "data": {"samples": 160, "test": 20, "validation": 40}, **options}, SPACE, 1, graph()))
    return e


class Orders(unittest.TestCase):
    setUp, job, run_one = (getattr(test_evaluator.Jobs, name) for name in ("setUp", "job", "run_one"))

    def order(self, e, budget=1, epochs=4, **order):
        job = {key: order.pop(key) for key in ("resume", "own", "send", "id", "paths") if key in order}
        if "paths" in job:
            order["paths"] = ["a genome"] * len(job["paths"])
        text = base64.b64encode(json.dumps({"epochs": epochs, **order}).encode()).decode()
        return self.run_one(e, task="supernet", budget=budget, input=text, **job)

    def test_tasks(self):
        self.assertEqual(opened().said["tasks"], ["train", "supernet", "score"])
        alone = Evaluator().open(nascent.Setup({**ALL, "data": {"samples": 160, "test": 20}}, SPACE, 1))
        self.assertEqual(alone["tasks"], ["train"])
        self.assertNotIn("shared_loss", alone["metrics"])

    def test_in_two_jobs(self):
        e = opened()
        for order in (
            {"method": "uniform"},
            {"method": "paths", "paths": [[[2], [1], [2]], [[1], [2], [2]], [[2], [2], [0]]]},
            {"method": "darts", "order": 1, "auxiliary": 0.5, "alphas": fresh()},
            {"method": "darts", "order": 2, "alphas": fresh()},
            {"method": "gdas", "hot": 10, "cold": 0.1, "alphas": fresh()},
        ):
            whole, answer = self.order(e, 4, id=1, **order)
            self.assertEqual(set(answer), {"supernet_loss"} | ({"alpha_loss"} if "alphas" in order else set()))
            first, _ = self.order(e, 3, id=2, **order)
            after = {**order, **(json.loads(first.output) if first.output else {})}
            if "alphas" in order:
                self.assertNotEqual(after["alphas"]["logits"], order["alphas"]["logits"])
            second, last = self.order(e, 1, id=3, epoch=3, resume=first._kept, **after)
            self.assertEqual((last, second.output), (answer, whole.output))
            files = [weights.read(job._kept["weights"]) for job in (whole, second)]
            self.assertEqual(files[0][0], files[1][0])
            self.assertTrue(all(torch.equal(t, files[1][1][name]) for name, t in files[0][1].items()))
            _, lost = self.order(e, 1, id=4, epoch=3, **after)
            self.assertRegex(str(lost), "epoch 3 begins with are gone")
            if "alphas" in order:
                frozen, answer = self.order(e, 1, id=5, frozen=True, **order)
                self.assertEqual(json.loads(frozen.output)["alphas"], {**order["alphas"], "steps": 0})
                self.assertEqual(set(answer), {"supernet_loss"})

    def test_dropout_follows_from_the_seed(self):
        e = opened()
        nodes = e.sharing.graph["network"]["nodes"]
        nodes[-2] = {"name": "drop", "op": "dropout", "inputs": nodes[-2]["inputs"], "shape": [2], "rate": 0.5}
        nodes.insert(-2, {"name": "pool", "op": "global_avg", "inputs": nodes[-2]["inputs"], "shape": [2]})
        nodes[-2]["inputs"], nodes[-1]["inputs"] = [len(nodes) - 3], [len(nodes) - 2]
        e.sharing.graph["gates"].append({"mixture": -1, "option": 0})
        answers = [self.order(e, 2, id=i, method="uniform")[1] for i in (1, 2)]
        self.assertEqual(*answers)
        nodes[-2]["rate"] = 0.0
        self.assertNotEqual(self.order(e, 2, id=3, method="uniform")[1], answers[0])

    def test_cancelled_with_save(self):
        e = opened()
        order = {"method": "gdas", "epochs": 9, "hot": 10, "cold": 0.1, "alphas": fresh()}
        whole, answer = self.order(e, 9, id=1, **order)
        curve = list(self.sent)
        self.sent.clear()
        asked = []

        def cancelled(job):
            asked.append(1)
            if len(asked) == 7:  # in the middle of an epoch
                job._cancelled = job._saving = True
            return job._cancelled

        self.addCleanup(setattr, nascent.Job, "cancelled", nascent.Job.cancelled)
        nascent.Job.cancelled = property(cancelled)
        _, ended = self.order(e, 9, id=2, **order)
        self.assertIsInstance(ended, nascent.Cancelled)
        saved = next(m["save"] for m in self.sent if "save" in m)
        self.sent.clear()
        nascent.Job.cancelled = property(lambda job: False)
        again, got = self.order(e, 9, id=1, own=True, resume=saved, **order)
        self.assertEqual((got, again.output, self.sent), (answer, whole.output, curve))

    def test_memory(self):
        e = opened(memory=64)
        order = {"method": "darts", "order": 1, "alphas": fresh()}
        cautious = e.shared.factor
        _, answer = self.order(e, id=1, **order)
        self.assertIn("supernet_loss", answer)
        self.assertNotEqual(e.shared.factor, cautious)
        # Others have most of it: the job waits.
        e.memory.free = lambda: 1000
        _, answer = self.order(e, id=2, **order)
        self.assertIsInstance(answer, nascent.Returned)
        self.assertRegex(str(answer), "^needs about .* MiB of memory, and 0 are free$")
        # There is not enough for anybody.
        _, answer = self.order(opened(memory=0.001), id=3, **order)
        self.assertRegex(str(answer), "^out of memory: the supernet takes more than the 0 MiB that there were; make batch smaller")

    def test_scores(self):
        e = opened(supernet={"learning_rate": 0.05})
        kept = [self.order(e, 12, 12, id=i, method="paths", paths=[paths])[0]._kept for i, paths in ((1, [[2], [2], [2]]), (2, [[1], [1], [1]]))]
        scores = {}
        for k in (0, 1, 0):
            for way in ([[2], [2], [2]], [[0], [0], [0]]):
                _, score = self.run_one(e, id=9, task="score", paths=[way], inherit=kept[k])
                self.assertEqual(set(score), {"shared_accuracy", "shared_loss"})
                self.assertEqual(scores.setdefault(f"{k} {way}", score), score)
        self.assertEqual(len({s["shared_loss"] for s in scores.values()}), 4)
        self.assertGreater(scores["0 [[2], [2], [2]]"]["shared_accuracy"], scores["0 [[0], [0], [0]]"]["shared_accuracy"])
        _, lost = self.run_one(e, id=9, task="score", paths=[[[2], [2], [2]]])
        self.assertRegex(str(lost), "no shared weights")

    def test_orders_that_make_no_sense(self):
        e = opened()
        wrong = fresh()
        wrong["second"] = wrong["second"][:2]
        for word, order in {
            "epoch 4 of 4": {"method": "uniform", "epoch": 4},
            "no paths": {"method": "paths"},
            "method magic": {"method": "magic"},
            "order 3": {"method": "darts", "order": 3, "alphas": fresh()},
            "other choices": {"method": "darts", "order": 1, "alphas": wrong},
            "temperatures 0 to 1": {"method": "gdas", "cold": 1, "alphas": fresh()},
            "cannot be read": {"method": "uniform", "mood": 1},
        }.items():
            _, answer = self.order(e, **order)
            self.assertIsInstance(answer, ValueError)
            self.assertRegex(str(answer), word)
        _, answer = self.run_one(e, task="supernet")
        self.assertRegex(str(answer), "no order")
        first, _ = self.order(e, id=2, method="uniform")
        _, answer = self.order(e, id=3, method="darts", order=1, alphas=fresh(), epoch=1, resume=first._kept)
        self.assertRegex(str(answer), "of the method uniform")

    def test_a_loss_that_diverges(self):
        _, answer = self.order(opened(supernet={"learning_rate": 999.0}), 40, 40, method="uniform")
        self.assertRegex(str(answer), "became .* in epoch .* lower the learning_rate")

    def test_refused_options(self):
        for word, given in {"no bach": {"bach": 1}, "batch 0": {"batch": 0}, "learning_rate 0": {"learning_rate": 0}, "is 3": 3}.items():
            with self.assertRaisesRegex(nascent.Refused, word) as caught:
                opened(supernet=given)
            self.assertEqual(caught.exception.option, "supernet")
