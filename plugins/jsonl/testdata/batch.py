"""Up to four jobs at once in a batch, as the conformance suite wants one."""
import time

import nascent


@nascent.evaluator(batch=4, options={"slow": False})
def evaluate(jobs):
    if jobs[0].options["slow"]:
        time.sleep(60)
    return [measure(**job.genes) for job in jobs]


def measure(x, y, n, b):
    if x == 1 and y == 0.01:
        return nascent.Invalid("this one cannot be")
    return {"accuracy": 1 / (1 + x * x), "loss": y}
