import copy
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import nascent
import torch
from nascent_torch.evaluator import OPTIONS, Evaluator
from test_train import net

SMALL = {"data": {"samples": 200, "test": 50}, "batch": 40}
SPACE = {"network": {"input": [1, 40], "classes": 10}}


def opened(**options):
    e = Evaluator()
    e.said = e.open(nascent.Setup({**copy.deepcopy(OPTIONS), **SMALL, **options}, SPACE, 1))
    return e


class Desk(unittest.TestCase):
    """Makes jobs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.sent = []

    def job(self, id=1, send=None, **order):
        order = {"id": id, "genes": {}, "network": net(), "budget": 2, "seed": 11, "scratch": str(self.folder / str(id)), **order}
        return nascent.Job(json.loads(json.dumps(order)), {}, send or self.sent.append)

    def run_one(self, e, **order):
        job = self.job(**order)
        (answer,) = e.evaluate([job])
        return job, answer


class Jobs(Desk):
    def test_phases(self):
        e = opened()
        self.assertIn("trains on 160 samples and validates on 40", e.said["splits"])
        self.assertIn(f"torch {torch.__version__}", e.said["data"])
        _, searched = self.run_one(e)
        exact = {"train_accuracy", "train_loss", "parameters", "macs", "pack"}
        self.assertEqual(set(searched), exact | {"accuracy", "loss"})
        self.assertEqual([(m["step"], set(m["report"])) for m in self.sent], [(s, {"train_accuracy", "train_loss", "accuracy", "loss"}) for s in (1, 2)])
        self.assertEqual(self.run_one(e, phase="remeasure")[1], searched)
        self.assertNotEqual(self.run_one(e, seed=12)[1], searched)
        self.assertNotEqual(self.run_one(e, genes={"lr": 0.01})[1], searched)
        self.sent.clear()
        _, tested = self.run_one(e, phase="test")
        self.assertEqual(set(tested), exact | {"test_accuracy", "test_loss"})
        self.assertNotIn("test_accuracy", self.sent[0]["report"])

    def test_promotion(self):
        e = opened(horizon=6)
        _, whole = self.run_one(e, budget=5)
        first, _ = self.run_one(e, id=2, budget=2)
        self.sent.clear()
        promoted, got = self.run_one(e, budget=5, id=3, seed=99, resume=first._kept)
        self.assertEqual((got, promoted.remark), (whole, ""))
        self.assertEqual([m["step"] for m in self.sent], [3, 4, 5])
        _, long = self.run_one(e, budget=7)
        self.assertRegex(str(long), "raise the evaluator's horizon")
        self.assertIn("test_loss", self.run_one(e, budget=7, phase="test")[1])

        e = opened()
        _, afresh = self.run_one(e, budget=3)
        first, _ = self.run_one(e, id=4, budget=2)
        promoted, got = self.run_one(e, id=5, budget=3, resume=first._kept)
        self.assertEqual(got, afresh)
        self.assertIn("afresh", promoted.remark)

    def test_cancelled_with_save(self):
        e = opened()
        _, whole = self.run_one(e, budget=6)
        curve = list(self.sent)
        self.sent.clear()

        def send(message):
            self.sent.append(message)
            if message.get("step") == 3:
                job._cancelled = job._saving = True

        job = self.job(id=2, budget=6, send=send)
        (answer,) = e.evaluate([job])
        self.assertIsInstance(answer, nascent.Cancelled)
        saved = next(m["save"] for m in self.sent if "save" in m)
        self.sent.clear()
        _, got = self.run_one(e, id=1, budget=6, attempt=2, resume=saved, own=True)
        self.assertEqual(got, whole)
        self.assertEqual(self.sent, curve)

    def test_save_every(self):
        e = opened(save_every=2, checkpoints=False)
        job, answer = self.run_one(e, budget=5)
        self.assertEqual([len(m["save"]) for m in self.sent if "save" in m], [1, 1])
        self.assertEqual(job._kept, {})

    def test_stop_rule(self):
        rule = {"metric": "accuracy", "goal": "maximize", "step": 3, "threshold": 1.1}
        job, answer = self.run_one(opened(), budget=50, stop=rule)
        self.assertEqual(answer["accuracy"], self.sent[-1]["report"]["accuracy"])
        self.assertEqual((len(self.sent), job.stopped, list(job._kept)), (3, True, ["checkpoint"]))

    def test_faults_of_the_genome(self):
        e = opened()
        strange = net()
        strange["nodes"][3]["function"] = "gloom"
        for word, order in {
            "became .* in epoch": {"genes": {"lr": 998.0, "optimizer": "sgd"}, "budget": 20},
            "gene lr is fast": {"genes": {"lr": "fast"}},
            "unknown function gloom": {"network": strange},
        }.items():
            _, answer = self.run_one(e, **order)
            self.assertIsInstance(answer, nascent.Invalid)
            self.assertRegex(str(answer), word)
        _, answer = self.run_one(e, network=net(classes=3))
        self.assertRegex(str(answer), "set space.network.classes")
        self.assertNotIsInstance(answer, nascent.Invalid)

    def test_packs(self):
        e = opened(pack=4)
        self.assertEqual(e.said["batch"], 4)
        orders = [
            {"id": 1, "genes": {"lr": 0.01}},
            {"id": 2, "network": net(channels=5)},
            {"id": 3, "genes": {"lr": 0.002}, "seed": 5},
            {"id": 4, "genes": {"lr": 998.0, "optimizer": "sgd"}, "budget": 20},
        ]
        alone = [self.run_one(e, **order)[1] for order in orders]
        jobs = [self.job(**order) for order in orders]
        together = e.evaluate(jobs)
        self.assertEqual(together[:3], alone[:3])
        self.assertEqual(str(together[3]), str(alone[3]))
        self.assertEqual([list(job._kept) for job in jobs], [["checkpoint"]] * 3 + [[]])

    def test_says_whether_bits_are_fixed(self):
        for version, fixed in (("1.13.1", True), ("2.11.0+cu130", False)):
            with mock.patch.object(torch, "__version__", version):
                said = [opened(pack=pack).said["deterministic"] for pack in (1, 4)]
            self.assertEqual(said, [True, fixed])

    def test_packs_go_on(self):
        orders = [{"id": i, "budget": 6, "seed": i, "genes": {"lr": 0.001 * i}} for i in (1, 2, 3)]
        e = opened(pack=4)
        whole = e.evaluate([self.job(**order) for order in orders])
        saved, jobs = {}, []

        def send(message):
            if "save" in message:
                saved[message["id"]] = message["save"]
            if message.get("step") == 3:
                for job in jobs:
                    job._cancelled = job._saving = True

        jobs += [self.job(send=send, **order) for order in orders]
        self.assertEqual({type(a) for a in e.evaluate(jobs)}, {nascent.Cancelled})
        again = [{**order, "attempt": 2, "own": True, "resume": saved[order["id"]]} for order in orders]
        self.sent.clear()
        self.assertEqual(e.evaluate([self.job(**order) for order in again]), whole)
        self.assertEqual([m["step"] for m in self.sent if m["id"] == 3], [1, 2, 3, 4, 5, 6])

        # Where one cannot go on, the others do.
        self.folder.joinpath("damaged").write_bytes(Path(again[0]["resume"]["checkpoint"]).read_bytes()[:-9])
        again[1]["resume"] = {"checkpoint": str(self.folder / "damaged")}
        self.assertEqual(e.evaluate([self.job(**order) for order in again]), whole)

        e = opened(pack=4, horizon=8)
        whole = e.evaluate([self.job(**order) for order in orders])
        first = [self.job(**{**order, "budget": 2}) for order in orders]
        e.evaluate(first)
        promoted = [self.job(**order, resume=job._kept) for order, job in zip(orders, first)]
        self.assertEqual(e.evaluate(promoted), whole)

    def test_refused_options(self):
        for key, value in {
            "batch": 0, "schedule": "zigzag", "learning_rate": "fast", "horizon": "sometime", "save_every": -1, "threads": 0, "pack": 0,
            "precision": "half", "checkpoints": "maybe", "device": "cuda:99", "data": {"sauce": 1},
        }.items():  # fmt: skip
            with self.assertRaises(nascent.Refused) as caught:
                opened(**{key: value})
            self.assertEqual(caught.exception.option, key)
        for word, space in {
            "no layers": {"lr": {"float": [0.1, 1]}},
            r"\[1, 40\]": {"network": {"input": [1, 28, 28], "classes": 10}},
            "10 classes": {"network": {"input": [1, 40], "classes": 7}},
        }.items():
            with self.assertRaisesRegex(nascent.Refused, word):
                Evaluator().open(nascent.Setup({**OPTIONS, **SMALL}, space))


class Device(Desk):
    """What is asked of a GPU, which is pretended."""

    def test_settings(self):
        backends = (torch.backends.cuda.matmul, "allow_tf32"), (torch.backends.cudnn, "allow_tf32"), (torch.backends.cudnn, "benchmark")
        old = [getattr(of, name) for of, name in backends]
        self.addCleanup(lambda: [setattr(of, name, value) for (of, name), value in zip(backends, old)])
        self.addCleanup(torch.set_deterministic_debug_mode, "default")
        e = Evaluator()
        for deterministic, precision in ((True, "float32"), (False, "bfloat16"), (True, "tf32")):
            e.options = {"deterministic": deterministic, "precision": precision}
            with mock.patch.object(torch, "zeros"), mock.patch.object(torch.cuda, "current_device", lambda: 2):
                with mock.patch.dict("os.environ", {"CUBLAS_WORKSPACE_CONFIG": ":16:8"}):
                    self.assertEqual(e._device("cuda"), torch.device("cuda:2"))
            self.assertEqual([getattr(of, name) for of, name in backends], [precision != "float32"] * 2 + [not deterministic])
            self.assertEqual(torch.are_deterministic_algorithms_enabled(), deterministic)

    def test_what_is_broken_ends_the_process(self):
        e = opened()
        ends = mock.patch("nascent_torch.evaluator.os._exit", side_effect=SystemExit)
        illegal = RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be")
        with ends as ended, mock.patch.object(torch.cuda, "synchronize", side_effect=illegal), mock.patch("sys.stderr") as said:
            e._insist([{"accuracy": 1.0}, nascent.Invalid("loss became NaN")])
            ended.assert_not_called()
            with self.assertRaises(SystemExit):
                e._insist([{"accuracy": 1.0}, illegal])
        ended.assert_called_once_with(1)
        self.assertIn("illegal memory access was encountered", "".join(call.args[0] for call in said.write.call_args_list))
        with ends as ended, mock.patch.object(torch.cuda, "synchronize"):
            e._insist([RuntimeError("shapes do not fit")])
        ended.assert_not_called()
