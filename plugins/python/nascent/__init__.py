"""Nascent's SDK for Python. An evaluator is a function of a job:

    import nascent

    @nascent.evaluator
    def evaluate(job):
        return {"accuracy": train(**job.genes, epochs=job.budget)}

A search.yaml names its file: ``evaluator: {use: ./evaluate.py}``. Nothing else
is to be installed or started. Prints go to the search's log. An exception is a
failed attempt, Invalid the genome's fault. A strategy is a function, too, of a
state and a turn: see nascent.strategy.

Or Python drives the search, from a program or a notebook: see nascent.Search.
"""

import sys

if sys.version_info < (3, 9):  # this file is read by every Python, and says so first
    sys.exit("nascent needs Python 3.9 or newer, and %s is Python %d.%d: use another" % ((sys.executable,) + sys.version_info[:2]))

from .declare import Refused, Setup, evaluator
from .job import Cancelled, Invalid, Job, Returned, Stopped
from .version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .engine import EngineError, StaleTrial
    from .found import Found, Front
    from .history import Candidate, History
    from .rng import Rand
    from .search import Search
    from .space import Space
    from .steer import Receipt
    from .trial import Trial
    from .turn import Decision, Proposal, StrategySetup, Turn, strategy

__all__ = ["Cancelled", "Candidate", "Decision", "EngineError", "Found", "Front", "History", "Invalid", "Job", "Proposal", "Rand", "Receipt",
           "Refused", "Returned", "Search", "Setup", "Space", "StaleTrial", "Stopped", "StrategySetup", "Trial", "Turn", "__version__", "evaluator",
           "strategy"]

_LATER = {"Candidate": "history", "EngineError": "engine", "Found": "found", "Front": "found", "History": "history", "Rand": "rng",
          "Receipt": "steer", "Search": "search", "Space": "space", "StaleTrial": "engine", "Trial": "trial"}


def __getattr__(name):  # type: (str) -> object
    """What strategies and clients use is imported when they do: evaluators start sooner."""
    if name not in __all__:
        raise AttributeError("module nascent has no attribute %s" % name)
    from importlib import import_module
    value = getattr(import_module("." + _LATER.get(name, "turn"), __name__), name)
    globals()[name] = value
    return value
