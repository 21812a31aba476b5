"""What a strategy is made of: the decorator, and what a step gets and answers."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union, overload

from .declare import Setup, answered, check, declared, names
from .history import Candidate, History
from .rank import Ranking, _Member
from .rng import Rand
from .space import Space

Step = TypeVar("Step", bound=Callable[..., Any])
Opening = Callable[["StrategySetup"], Optional[Mapping[str, Any]]]
ID = Union[int, Candidate]


class StrategySetup(Setup):
    """What a strategy knows of the search from the beginning."""

    space: Space

    def __init__(self, options: Dict[str, Any], order: Mapping[str, Any], space: Space) -> None:
        super().__init__(options, space)
        self.objectives: List[Dict[str, Any]] = order.get("objectives") or []
        """Each with metric, and goal, maximize or minimize. Several are equal in
        rank; in a search that began before that was so the first one decides."""
        self.ties: List[Dict[str, Any]] = order.get("ties") or []
        """Decide, in their order, what the objectives do not."""
        self.constraints: List[Dict[str, Any]] = order.get("constraints") or []
        """Each with metric, and min, max or both. One with a weight is soft: who breaks
        it counts as worse in every objective, see Ranking.penalty."""
        self.reference: Dict[str, float] = order.get("reference") or {}
        """Of the objectives, where one is declared: what is no better in all of
        them counts for nothing."""
        self.metrics: List[Dict[str, Any]] = order.get("metrics") or []
        """What the evaluators declare: name, unit, goal, measured."""
        self.fidelities: List[Dict[str, Any]] = order.get("fidelities") or []
        """Each with evaluator and budget."""
        self.limits: Dict[str, Any] = order.get("limits") or {}
        """Those that are set: evaluations, wall, seconds, target, targets."""
        self.order: str = order.get("order") or "strict"
        """strict or arrival."""
        self.start: List[str] = order.get("start") or []
        """Known-good genomes to begin with."""
        self.seeded: bool = order.get("seeded", False)
        """Results at the highest fidelity depend on the job's seed: to measure a
        genome again tells something."""

        self.ranking = Ranking(self.objectives, self.ties, self.constraints, order.get("rules") or 0)
        """By which candidates are compared."""

    def key(self, candidate: Candidate) -> Tuple[Any, ...]:
        """What candidates are compared by with one objective; the smallest is the
        best. With several there is no such thing: turn.rank puts a set in order."""
        if len(self.ranking.objectives) > 1:
            raise TypeError("there are several objectives, so no key says which candidate is better: use turn.rank(candidates)")
        m = _Member(self.ranking, candidate)
        return (*m.worse, *(-x for x in m.at), *m.tied)

    def violation(self, candidate: Candidate) -> float:
        """By how much a candidate breaks the constraints, 0 where it keeps all:
        the sum of the distances to the bounds, relative to a bound where that is
        not smaller than one; infinite where a metric is missing."""
        return self.ranking.violation(candidate)


class Spent(NamedTuple):
    """What a search has used of its limits."""

    evaluations: int
    seconds: float
    """Of evaluators; 0 where they are measured and the search does not say that
    they count."""


class Turn:
    """The argument of one step."""

    def __init__(self, order: Mapping[str, Any], setup: StrategySetup, history: History) -> None:
        self.n: int = order.get("n", 0)
        """0 for the first."""
        self.seed: int = order.get("seed", 0)
        """This turn's own, below 2**53."""
        self.first_id: int = order.get("first", 1)
        """What the first proposal will be called; the others follow."""
        self.want: int = order.get("want", 0)
        """How many proposals there is room for; more are refused."""
        self.results: List[Candidate] = [Candidate(row) for row in order.get("results") or ()]
        """What this turn consumes, in order, with curves and outputs. It is part
        of the history already."""
        spent = order.get("spent") or {}
        self.spent = Spent(spent.get("evaluations", 0), spent.get("seconds", 0.0))
        self.limits: Dict[str, Any] = order.get("limits") or {}
        """Those that are set: evaluations, wall, seconds, target. A decision that
        depends on them makes a search that is extended another one."""
        self.files: Dict[str, Path] = {name: Path(path) for name, path in (order.get("files") or {}).items()}
        """What the decision before this one named, to be read."""
        self._scratch: Optional[str] = order.get("scratch")
        self.history = history
        """All candidates whose results were consumed."""
        self.setup = setup
        self.space = setup.space
        self.options = setup.options
        self.rng = Rand(self.seed)
        """The random numbers of this turn. Take them from nowhere else."""

    @property
    def scratch(self) -> Path:
        """The directory in which files for Decision.files are written."""
        if self._scratch is None:
            raise RuntimeError("this search has no store of files")
        return Path(self._scratch)

    def rank(self, candidates: Iterable[Candidate]) -> List[Candidate]:
        """Those that were measured, best first: of task train, not failed, not
        stopped early. Constraints come first (Deb 2000), then the objectives, then
        the ties, then age: the same order as the built-in strategies have. With
        several objectives it is that of the fronts and, within each, of the crowding
        distances (Deb et al. 2002); it depends on the whole set."""
        return self.setup.ranking.rank(c for c in candidates if c.measured)

    def tournament(self, n: int) -> Optional[Candidate]:
        """The best of n candidates of the history, drawn with replacement; None
        if none of them was measured."""
        drawn = [self.history[self.rng.intn(len(self.history))] for _ in range(n if len(self.history) else 0)]
        drawn = [c for c in drawn if c.measured]
        if len(self.setup.ranking.objectives) > 1:
            drawn = self.rank(dict.fromkeys(drawn))
        else:
            drawn.sort(key=lambda c: self.setup.key(c)[:-1])  # of equals the first drawn
        return drawn[0] if drawn else None


class Proposal:
    """A candidate to be tried. Either operator says how it is made of its
    parents, or genome carries it. Methods make the usual ones, and take the rest
    by name: ``Proposal.same(best, fidelity=1, resume=best)``."""

    def __init__(self, operator: str = "", parents: Sequence[ID] = (), *, genome: str = "", fidelity: int = 0, task: str = "train",
                 input: bytes = b"", resume: Optional[ID] = None, inherit: Optional[ID] = None, replicate: bool = False,
                 stop: Optional[Mapping[str, Any]] = None, tag: str = "", budget: float = 0) -> None:
        """operator: random, mutate, cross, cross+mutate, same, start, or "" with
            a genome.
        parents: candidates of the history, or their ids.
        fidelity: an index into the search's fidelities.
        task: train, supernet or score; input: for the evaluator, up to 64 KiB;
            budget: for other tasks than train.
        resume: the candidate whose training goes on; inherit: the one whose
            weights it starts from.
        replicate: it is meant to repeat another one.
        stop: the rule that ends it early, a dict of metric, goal, step and
            threshold.
        tag: up to 64 bytes, stored with the candidate.
        """
        self.operator = operator
        self.parents = [_id(p) for p in parents]
        self.genome = genome
        self.fidelity = fidelity
        self.task = task
        self.input = input
        self.resume = _id(resume)
        self.inherit = _id(inherit)
        self.replicate = replicate
        self.stop = stop
        self.tag = tag
        self.budget = budget

    @classmethod
    def random(cls, **more: Any) -> Proposal:
        """A random genome."""
        return cls("random", **more)

    @classmethod
    def mutate(cls, parent: Optional[ID], **more: Any) -> Proposal:
        """A mutant of a candidate; a random genome where there is none."""
        return cls.random(**more) if parent is None else cls("mutate", [parent], **more)

    @classmethod
    def cross(cls, a: ID, b: ID, mutate: bool = False, **more: Any) -> Proposal:
        """A child of two candidates, mutated afterwards or not."""
        return cls("cross+mutate" if mutate else "cross", [a, b], **more)

    @classmethod
    def same(cls, parent: ID, **more: Any) -> Proposal:
        """A candidate's genome once more: to promote it, or to repeat it."""
        return cls("same", [parent], **more)

    @classmethod
    def start(cls, genome: str, **more: Any) -> Proposal:
        """A known-good genome, of setup.start."""
        return cls("start", genome=genome, **more)

    @classmethod
    def given(cls, genome: str, **more: Any) -> Proposal:
        """A genome of the strategy's own, as its text."""
        return cls(genome=genome, **more)


def _id(candidate: Optional[ID]) -> int:
    if candidate is None:
        return 0
    return candidate.id if isinstance(candidate, Candidate) else operator.index(candidate)


class Decision(NamedTuple):
    """What a step answers."""

    state: Any = None
    """What the next step gets: whatever JSON can say, and small. Keys of dicts
    are texts; tuples come back as lists."""
    proposals: Iterable[Union[Proposal, str]] = ()
    """Up to turn.want of them. A text is a genome."""
    keep: Iterable[ID] = ()
    """Candidates whose files must stay, to be gone on from later."""
    note: str = ""
    """One line for people, in the journal."""
    done: bool = False
    """There is nothing more to try: the search ends."""
    files: Mapping[str, Union[str, Path]] = {}
    """What is too large for the state, such as weights: paths by name. A new file
    is written in turn.scratch, and taken; one of turn.files stays when it is
    named again. The next step finds them in turn.files."""


class Strategy:
    """A function and what was said of it."""

    kind = "strategy"
    folders: Tuple[str, ...] = ()  # that the user's file imports from

    def __init__(self, function: Callable[..., Any], options: Optional[Mapping[str, Any]], hello: Dict[str, Any],
                 opening: Optional[Opening]) -> None:
        self.function = function
        self.options = options
        self.hello = hello
        self.opening = opening

    def open(self, setup: StrategySetup) -> None:
        """Call what was given as open, and take over what it says."""
        self.hello.update(answered(self.opening, setup, self.hello))


@overload
def strategy(function: Step) -> Step: ...
@overload
def strategy(*, state: Any = ..., options: Optional[Mapping[str, Any]] = ..., history: str = ..., batch: int = ...,
             tasks: Iterable[str] = ..., remark: str = ..., open: Optional[Opening] = ...) -> Callable[[Step], Step]: ...
def strategy(function: Any = None, *, state: Any = None, options: Optional[Mapping[str, Any]] = None, history: str = "metrics",
             batch: int = 0, tasks: Iterable[str] = (), remark: str = "", open: Optional[Opening] = None) -> Any:
    """Declare that a function decides what a search tries next. It is called
    with the state and a Turn, and answers a Decision, or only a list of
    proposals, which leaves the state as it is.

    It must be pure: equal arguments, equal answers, in any process. Whatever it
    remembers is in the state that it answers; random numbers come from turn.rng.

    state: what the first step gets; whatever JSON can say.
    options: the options that search.yaml may set, with their defaults.
    history: how much of it the strategy reads: none, metrics (everything but
        curves and outputs) or all.
    batch: how many results a turn brings in strict order, such as a generation;
        0 and 1 mean one.
    tasks: that it proposes besides train: supernet, score.
    remark: one line for people, said when the search begins.
    open: is called with a StrategySetup before the first step, to check options.
        What it answers, a dict of any of state, history, batch, tasks and remark, counts
        instead of what was declared. It may raise Refused.
    """
    hello = {"state": state, "history": history, "batch": batch, "tasks": names("tasks", tasks), "remark": remark}
    check({**hello, "options": options, "open": open})

    def declare(function: Step) -> Step:
        declared.append(Strategy(function, options, hello, open))
        return function

    return declare if function is None else declare(function)
