"""Answers which GPU it sees, once as many jobs have come as there are processes."""
import os
import signal
import time
from pathlib import Path

import nascent


@nascent.evaluator(metrics={"device": {}}, options={"meet": "", "of": 1})
def evaluate(job):
    if job.genes["do"] == "crash":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if job.options["meet"]:
        Path(job.options["meet"], job.text + job.id).touch()
        while len(os.listdir(job.options["meet"])) < job.options["of"]:
            time.sleep(0.005)
    return {"device": int(os.environ["CUDA_VISIBLE_DEVICES"])}
