import itertools
import unittest
from unittest import mock

from nascent_torch.packing import Packing, Speed
from nascent_torch.recipe import Recipe
from nascent_torch.train import Trainer
from test_evaluator import Desk, net, opened
from test_train import setup


def speeds(alone, pack):
    """In place of measuring: how fast one candidate is, and a pack."""
    return mock.patch.object(Packing, "_measure", lambda self, setup, size: alone if size == 1 else pack)


class Measuring(unittest.TestCase):
    def test_pays(self):
        speed = Speed(alone=100, pack=40)
        self.assertEqual([speed.pays(n) for n in range(1, 6)], [False, False, True, True, True])

    def test_steps_in_a_second(self):
        steps, size = 0, 0
        advance = Trainer.advance

        def counted(trainer):
            nonlocal steps, size
            steps, size = steps + 1, trainer.size
            advance(trainer)

        # Every look at the clock is 30 ms after the last one.
        ticks = itertools.count()
        packing = Packing(3, clock=lambda: 0.03 * next(ticks))
        with mock.patch.object(Trainer, "advance", counted):
            speed = packing.speed(setup(network=net()))
            self.assertAlmostEqual(speed.alone, 4 / 0.03)
            self.assertAlmostEqual(speed.pack, 4 / 0.03)
            self.assertEqual((steps, size), (2 * (4 + 4 * 4), 3))
            packing.speed(setup(Recipe(learning_rate=0.1), budget=9, network=net()))
            self.assertEqual(steps, 40, "the same shape was measured twice")
            packing.speed(setup(Recipe(batch=50), network=net()))
            self.assertEqual(steps, 80)

    def test_memory_does_not_suffice(self):
        def short(trainer):
            raise RuntimeError("CUDA out of memory")

        with mock.patch.object(Trainer, "advance", short):
            speed = Packing(4).speed(setup(network=net()))
        self.assertEqual((speed.alone, speed.pack), (0, 0))
        self.assertFalse(speed.pays(4))


class Deciding(Desk):
    ORDERS = [{"id": i, "seed": i, "genes": {"lr": 0.001 * i}} for i in range(1, 6)]

    def answers(self, orders=ORDERS, **options):
        e = opened(**options)
        return e, e.evaluate([self.job(**order) for order in orders])

    def exact(self, answers):
        return [{k: v for k, v in a.items() if k != "pack"} for a in answers]

    def test_decides(self):
        e, alone = self.answers()
        self.assertEqual([a["pack"] for a in alone], [1] * 5)
        _, packed = self.answers(pack=4)
        with speeds(alone=100, pack=90):
            e, got = self.answers(pack="auto", slots=4)
            self.assertEqual((e.said["batch"], e.said["deterministic"]), (4, False))
            self.assertEqual(self.exact(got), self.exact(packed[:4] + alone[4:]))
            self.assertEqual([a["pack"] for a in got], [4] * 4 + [1])
        with speeds(alone=100, pack=20):
            self.assertEqual(self.answers(pack="auto", slots=4)[1], alone)
        e, _ = self.answers(pack="auto", orders=())
        self.assertEqual(e.said["batch"], 8)

    def test_goes_on_in_another_size(self):
        orders = self.ORDERS[:3]
        kept = {}
        with speeds(alone=100, pack=90):
            e = opened(pack="auto", slots=3, horizon=6)
            first = [self.job(**{**order, "budget": 2}) for order in orders]
            self.assertEqual([a["pack"] for a in e.evaluate(first)], [3] * 3)
        promoted = self.job(**{**orders[1], "budget": 4}, resume=first[1]._kept)
        (got,) = e.evaluate([promoted])
        self.assertEqual(got["pack"], 1)
        (whole,) = e.evaluate([self.job(**{**orders[1], "budget": 4})])
        self.assertAlmostEqual(got["loss"], whole["loss"], delta=1e-3 * whole["loss"])

    def test_a_faulty_network_is_its_own(self):
        strange = net()
        strange["nodes"][3]["function"] = "gloom"
        orders = [{"id": 1, "network": strange}, {"id": 2, "network": strange}, {"id": 3}]
        _, got = self.answers(orders, pack="auto", slots=2)
        self.assertRegex(str(got[0]) + str(got[1]), "(.*unknown function gloom.*){2}")
        self.assertIn("accuracy", got[2])
