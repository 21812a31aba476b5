"""The decorator that makes an evaluator of a function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:  # to import typing takes half as long as to start an interpreter
    from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar, Union, overload

    Function = TypeVar("Function", bound=Callable[..., Any])
    Opening = Callable[["Setup"], Optional[Mapping[str, Any]]]
    Metrics = Union[Iterable[str], Mapping[str, Union[str, Mapping[str, Any]]]]
else:
    def overload(function):
        return function


class Refused(Exception):
    """The evaluator cannot be used as it is asked to be. option is the key at
    fault, if one is."""

    def __init__(self, text: str, option: str = "") -> None:
        super().__init__(text)
        self.option = option


class Setup:
    """What an evaluator's open gets."""

    def __init__(self, options: Dict[str, Any], space: Any = None, workers: int = 1, supernet: Any = None) -> None:
        self.options = options
        """What search.yaml says, with the declared defaults."""
        self.space = space
        """The declaration of the space, as plain values."""
        self.workers = workers
        """How many jobs the search runs at once, in all processes together."""
        self.supernet = supernet
        """For spaces of cells whose genomes can share weights: the layer graph of
        all genomes at once, as plain values. None for other spaces."""


class Evaluator:
    """A function and what was said of it."""

    kind = "evaluator"
    folders: Tuple[str, ...] = ()  # that the user's file imports from

    def __init__(self, function: Callable[..., Any], batch: int, options: Optional[Mapping[str, Any]], hello: Dict[str, Any],
                 opening: Optional[Opening] = None) -> None:
        self.function = function
        self.batch = batch
        self.options = options
        self.hello = hello
        self.opening = opening

    def open(self, setup: Setup) -> None:
        """Call what was given as open, and take over what it says."""
        said = answered(self.opening, setup, self.hello)
        if "metrics" in said:
            said["metrics"] = _metrics(said["metrics"])
        self.batch = said.get("batch", self.batch)
        self.hello.update(said)
        self.hello.update(slots=max(self.hello["slots"], self.batch), batch=self.batch > 0)


declared: List[Any] = []
"""Every evaluator and strategy that was declared in this process, in order."""


@overload
def evaluator(function: Function) -> Function: ...
@overload
def evaluator(*, slots: int = ..., batch: int = ..., metrics: Optional[Metrics] = ..., options: Optional[Mapping[str, Any]] = ...,
              tasks: Iterable[str] = ..., deterministic: bool = ..., seeded: bool = ..., tests: bool = ..., reports: Iterable[str] = ...,
              budget: float = ..., unit: str = ..., data: str = ..., splits: str = ...,
              operational: Iterable[str] = ..., open: Optional[Opening] = ...) -> Callable[[Function], Function]: ...
def evaluator(function: Any = None, *, slots: int = 1, batch: int = 0, metrics: Optional[Metrics] = None,
              options: Optional[Mapping[str, Any]] = None, tasks: Iterable[str] = ("train",), deterministic: bool = True,
              seeded: bool = True, tests: bool = False, reports: Iterable[str] = (), budget: float = 1, unit: str = "",
              data: str = "", splits: str = "", operational: Iterable[str] = (), open: Optional[Opening] = None) -> Any:
    """Declare that a function evaluates jobs. It is called with a Job and answers
    a dict of metrics.

    slots: how many jobs run at once in this process, in threads. With batch: how
        many are there, the next ones waiting for their batch; default: batch.
    batch: the function gets a list of up to so many jobs and answers a list of
        as many dicts, in order; an exception in place of a dict fails that job
        alone. What jobs come together is a matter of chance.
    metrics: what is answered. A list of names, or a dict of names to "maximize"
        or "minimize", or to {"goal", "unit", "measured", "optional"}. Default:
        accuracy, loss and seconds, each of which may be left out.
    options: the options that search.yaml may set, with their defaults.
    tasks: train, supernet, score.
    deterministic: equal jobs have equal results.
    seeded: results depend on the job's seed.
    tests: jobs of phase test are measured on test data.
    reports: figures that jobs of phase test keep in a file "report", for reports alone.
    budget: what a search gets that says nothing; unit: of the budget, "epochs".
    data: text that changes when the data does.
    splits: in words, what is trained, validated and tested on.
    operational: options that cannot change a result.
    open: is called with a Setup before the first job, to read options and load
        data. What it answers, a dict of any of batch to operational, counts instead of
        what was declared. It may raise Refused.
    """
    said: Dict[str, Any] = {"slots": slots, "batch": batch, "tasks": names("tasks", tasks), "deterministic": deterministic, "seeded": seeded,
                            "tests": tests, "reports": names("reports", reports), "budget": budget, "unit": unit, "data": data, "splits": splits,
                            "operational": names("operational", operational)}
    check({**said, "options": options, "open": open})
    hello = {**said, "batch": batch > 0, "metrics": _metrics(metrics)}

    def declare(function: Function) -> Function:
        declared.append(Evaluator(function, batch, options, hello, open))
        return function

    return declare if function is None else declare(function)


def answered(opening: Optional[Callable[[Any], Optional[Mapping[str, Any]]]], setup: Any, hello: Mapping[str, Any]) -> Dict[str, Any]:
    """What was given as open says."""
    said = opening(setup) if opening else None
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        raise TypeError(f"open answered {said!r}: let it answer a dict, or nothing")
    for name in said:
        if name not in hello:
            raise TypeError(f"open answered {name}: it may answer {', '.join(hello)}")
    out = {name: names(name, value) if name in ("tasks", "reports", "operational") else value for name, value in said.items()}
    check(out)
    return out


def names(what: str, value: Any) -> List[Any]:
    """A list of whatever can be gone through; a text is none."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{what} is {value!r}: give a list")
    return list(value)


_TASKS = ("train", "supernet", "score")

_WANTED: Dict[str, Tuple[Callable[[Any], bool], str]] = {
    "slots": (lambda v: type(v) is int and v >= 1, "a whole number, at least 1"),
    "batch": (lambda v: type(v) is int and v >= 0, "a whole number, 0 for none"),
    "tasks": (lambda v: all(t in _TASKS for t in v), "a list of " + ", ".join(_TASKS)),
    "deterministic": (lambda v: isinstance(v, bool), "True or False"),
    "seeded": (lambda v: isinstance(v, bool), "True or False"),
    "tests": (lambda v: isinstance(v, bool), "True or False"),
    "reports": (lambda v: all(isinstance(name, str) for name in v), "a list of names"),
    "budget": (lambda v: type(v) in (int, float) and 0 < v < float("inf"), "a number above 0"),
    "unit": (lambda v: isinstance(v, str), "a text"),
    "data": (lambda v: isinstance(v, str), "a text"),
    "splits": (lambda v: isinstance(v, str), "a text"),
    "operational": (lambda v: all(isinstance(name, str) for name in v), "a list of names of options"),
    "remark": (lambda v: isinstance(v, str), "a text"),
    "history": (lambda v: v in ("none", "metrics", "all"), "none, metrics or all"),
    "options": (lambda v: v is None or isinstance(v, Mapping), "a dict of names and defaults"),
    "open": (lambda v: v is None or callable(v), "a function"),
}


def check(said: Mapping[str, Any]) -> None:
    """Refuse what is not of the kind that it should be."""
    for name, value in said.items():
        if name in _WANTED and not _WANTED[name][0](value):
            raise TypeError(f"{name} is {value!r}: give {_WANTED[name][1]}")


def _metrics(metrics: Optional[Metrics]) -> Optional[List[Dict[str, Any]]]:
    if metrics is None:
        return None
    if not isinstance(metrics, Mapping):
        metrics = {name: {} for name in names("metrics", metrics)}
    out = []
    for name, what in metrics.items():
        if isinstance(what, str):
            what = {"goal": what}
        if not isinstance(name, str) or not isinstance(what, Mapping):
            raise TypeError(f"metric {name!r} is declared as {what!r}: give names, or names with maximize or minimize")
        if not 0 < len(name) <= 100 or name[0] == "-" or not _OF_NAME.issuperset(name):
            raise TypeError(f"{name!r} is no name for a metric: use up to 100 letters (a to z), digits and _ . / -, and no dash first")
        for key, value in what.items():
            if key not in _OF_METRIC or not _OF_METRIC[key](value):
                raise TypeError(f"metric {name} is declared with {key} {value!r}: "
                                "give goal (maximize or minimize), unit (a text), measured and optional (True or False)")
        out.append({"name": name, **what})
    return out


_OF_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-")

_OF_METRIC: Dict[str, Callable[[Any], bool]] = {
    "goal": lambda v: v in ("maximize", "minimize"), "unit": lambda v: isinstance(v, str),
    "measured": lambda v: isinstance(v, bool), "optional": lambda v: isinstance(v, bool),
}
