"""Two jobs at once, one of which may end the process when both are there."""
import os
import threading
import time

import nascent

both = threading.Barrier(2)


@nascent.evaluator(slots=2)
def evaluate(job):
    do = job.genes["do"]
    if do == "good":
        return {"accuracy": 1.0}
    both.wait()
    if do == "crash":
        os._exit(3)
    time.sleep(3600)
