"""Three jobs at once in threads, as the conformance suite wants one."""
import time

import nascent


@nascent.evaluator(slots=3, options={"slow": False})
def evaluate(job):
    x, y = job.genes["x"], job.genes["y"]
    if x == 1 and y == 0.01:
        raise nascent.Invalid("this one cannot be")
    if job.options["slow"]:
        for _ in range(6000):
            time.sleep(0.01)
    for epoch in range(job.budget):
        job.report(epoch=epoch + 1, accuracy=1 / (1 + x * x), loss=y)
    return {"accuracy": 1 / (1 + x * x) + job.seed * 1e-20, "loss": y}
