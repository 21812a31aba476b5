"""Trains networks with PyTorch: what the evaluator torch runs."""

import nascent
from nascent_torch.evaluator import METRICS, OPTIONS, Evaluator

evaluator = Evaluator()


@nascent.evaluator(options=OPTIONS, metrics=METRICS, open=evaluator.open, batch=1, tests=True, budget=10, unit="epochs",
                   operational=["memory", "save_every", "slots"])  # fmt: skip
def evaluate(jobs):
    return evaluator.evaluate(jobs)
