"""Nascent's SDK for Python. An evaluator is a function of a job:

    import nascent

    @nascent.evaluator
    def evaluate(job):
        return {"accuracy": train(**job.genes, epochs=job.budget)}

A search.yaml names its file: ``evaluator: {use: ./evaluate.py}``. Nothing else
is to be installed or started. Prints go to the search's log. An exception is a
failed attempt, Invalid the genome's fault.
"""

from .declare import Refused, Setup, evaluator
from .job import Cancelled, Invalid, Job, Returned, Stopped
from .version import __version__

__all__ = ["Cancelled", "Invalid", "Job", "Refused", "Returned", "Setup", "Stopped", "__version__", "evaluator"]
