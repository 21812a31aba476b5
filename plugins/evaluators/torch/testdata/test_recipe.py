import unittest

from nascent_torch.recipe import Bad, Recipe


class Genes(unittest.TestCase):
    def test_come_before_options(self):
        options = Recipe(learning_rate=0.5, warmup=2)
        got = options.with_genes(
            {"lr": 0.01, "weight_decay": 0, "batch": 32, "optimizer": {"sgd": {"momentum": 0.5}}, "schedule": "step",
             "label_smoothing": 0.1, "blocks": [{"lr": "not read"}]})  # fmt: skip
        self.assertEqual(got, Recipe(learning_rate=0.01, warmup=2, weight_decay=0, batch=32, optimizer="sgd", momentum=0.5, schedule="step", label_smoothing=0.1))
        self.assertEqual(options.learning_rate, 0.5)

    def test_errors(self):
        for word, genes in {
            "learning_rate is -1": {"learning_rate": -1.0},
            "gene lr is nan": {"lr": float("nan")},
            "gene lr is fast": {"lr": "fast"},
            "gene batch is 1.5": {"batch": 1.5},
            "batch is 0": {"batch": 0},
            "optimizer is 'lion'": {"optimizer": "lion"},
            "gene optimizer is True": {"optimizer": True},
            "schedule is 'zigzag'": {"schedule": "zigzag"},
            "label_smoothing is 1": {"label_smoothing": 1},
            "momentum is 2": {"momentum": 2},
            "weight_decay is -0.1": {"weight_decay": -0.1},
            "beta1 is 0": {"beta1": 0},
            "beta2 is 1": {"beta2": 1},
            "epsilon is 0": {"epsilon": 0.0},
            "warmup is -1": {"warmup": -1},
        }.items():
            with self.assertRaisesRegex(Bad, word):
                Recipe().with_genes(genes)

    def test_horizon(self):
        self.assertEqual([Recipe.of({"horizon": h}).horizon for h in ("budget", 40, 1.5)], [0, 40, 1.5])
        for h in (0, -1, "job", True, []):
            with self.assertRaisesRegex(Bad, "horizon"):
                Recipe.of({"horizon": h})


class Rate(unittest.TestCase):
    def test_schedules(self):
        for schedule, step, warmup, want in [
            ("cosine", 0, 0, 0.1), ("cosine", 50, 0, 0.05), ("cosine", 100, 0, 0), ("cosine", 25, 0, 0.1 * (1 + 0.5**0.5) / 2),
            ("cosine", 0, 9, 0.01), ("cosine", 8, 9, 0.09), ("cosine", 9, 9, 0.1), ("constant", 0, 0, 0.1), ("constant", 99, 0, 0.1),
            ("step", 49, 0, 0.1), ("step", 50, 0, 0.01), ("step", 75, 0, 0.001), ("step", 200, 0, 0.001),
        ]:  # fmt: skip
            self.assertAlmostEqual(Recipe(learning_rate=0.1, schedule=schedule).rate(step, 100, warmup), want, 9)
        self.assertEqual(Recipe().rate(0, 10, 0), 0.003)
        self.assertEqual(Recipe(optimizer="sgd").rate(0, 10, 0), 0.05)
