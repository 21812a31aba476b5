"""Which candidates are better: the order that built-in strategies and nascent itself
go by, with the same bits."""

from __future__ import annotations

import math
import sys
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

from .history import Candidate
from .rng import log

Objective = Mapping[str, Any]
Point = Tuple[float, ...]

_LEAST_LOG = 1e-12  # as what a smaller number counts on a logarithmic scale


class Ranking:
    """Ranks candidates of one fidelity."""

    def __init__(self, objectives: Sequence[Objective], ties: Sequence[Objective], constraints: Sequence[Mapping[str, Any]], rules: int) -> None:
        if rules < 2 and len(objectives) > 1:  # then the first decided, and the others were ties
            objectives, ties = objectives[:1], [*objectives[1:], *ties]
        self.objectives = objectives
        self.ties = ties
        self.constraints = [c for c in constraints if not c.get("weight")]
        self.soft = [c for c in constraints if c.get("weight")]
        self._rules = rules

    def rank(self, candidates: Iterable[Candidate]) -> List[Candidate]:
        """Best first. What was not measured is last. Among the measured go before
        the smaller violation of the constraints (soft ones make the objectives
        worse instead), the lower front (0: who is dominated by no other, 1: only by
        those, ...), the larger crowding distance, who is better by the ties, the
        older. With one objective that is the order of its values, then of the ties,
        then of age."""
        return [m.candidate for front in self._fronts(candidates) for m in front]

    def front(self, candidates: Iterable[Candidate]) -> List[Candidate]:
        """Those that no other one dominates, in the order of rank."""
        fronts = self._fronts(candidates)
        return [m.candidate for m in fronts[0]] if fronts else []

    def violation(self, candidate: Candidate) -> float:
        """By how much a candidate breaks the constraints, 0 where it keeps all:
        the sum of the distances to the bounds, relative to a bound where that is
        not smaller than one; infinite where a metric is missing."""
        total = 0.0
        for c in self.constraints:
            total += self._broken(c, candidate, lambda bound: max(1.0, abs(bound)))
        return self._key(total)

    def penalty(self, candidate: Candidate) -> float:
        """How much worse a candidate counts in every objective because of the soft
        constraints, those with a weight, 0 where it keeps all: the sum of the
        distances to the bounds, relative to a bound (to 1 where that is 0), times
        the weights."""
        total = 0.0
        for c in self.soft:
            total += c["weight"] * self._broken(c, candidate, lambda bound: abs(bound or 1.0))
        return self._key(total)

    def worth(self, objective: Objective, candidate: Candidate) -> float:
        """A candidate's metric turned so that more is better, and worse by the
        penalty; minus infinity where it is missing."""
        return _penalized(self._worth(objective, candidate.metrics), self.penalty(candidate))

    def _broken(self, c: Mapping[str, Any], candidate: Candidate, unit: Callable[[float], float]) -> float:
        """How far beyond a bound the metric is, in units that the bound says."""
        x = candidate.metrics.get(c["metric"])
        if x is None:
            return math.inf
        x, total = self._key(x), 0.0
        for bound, sign in ((c.get("max"), 1.0), (c.get("min"), -1.0)):
            if bound is not None and sign * (x - self._key(bound)) > 0:
                total += sign * (x - self._key(bound)) / unit(self._key(bound))
        return total

    def _key(self, x: float) -> float:
        """A number as it is compared: to 12 significant digits, so that what
        differs by the rounding of a computation alone is equal. Searches from
        before there were revisions of the rules compare it as it is."""
        return float(f"{x:.11e}") if self._rules > 0 else x

    def _worth(self, objective: Objective, metrics: Mapping[str, float]) -> float:
        """A metric turned so that more is better; minus infinity where it is missing."""
        x = metrics.get(objective["metric"], math.nan)
        if math.isnan(x):
            return -math.inf
        return -x if objective["goal"] == "minimize" else x

    def _fronts(self, candidates: Iterable[Candidate]) -> List[List[_Member]]:
        """The fronts, and each in order."""
        # In this order nobody is better than one before.
        members = sorted((_Member(self, c) for c in candidates), key=lambda m: (m.worse, tuple(-x for x in m.at), m.tied))
        fronts: List[List[_Member]] = []
        for m in members:
            # Who is dominated by one of a front is dominated by one of each front before.
            low, high = 0, len(fronts)
            if len(self.objectives) < 2 and fronts:  # one of the last, or of another one behind it
                low = high - 1
            while low < high:
                middle = (low + high) // 2
                if any(x.dominates(m) for x in reversed(fronts[middle])):
                    low = middle + 1
                else:
                    high = middle
            if low == len(fronts):
                fronts.append([])
            fronts[low].append(m)
        if len(self.objectives) > 1:
            for front in fronts:
                self._sort(front)
        return fronts

    def _sort(self, front: List[_Member]) -> None:
        """Put those of a front in order, who stands alone first."""
        points: Dict[Point, _Member] = {}
        for m in sorted(front, key=lambda m: m.tied):
            points.setdefault(m.at, m)
        _crowd(list(points.values()), len(self.objectives))
        front.sort(key=lambda m: (-m.crowding, m.tied))


class _Member:
    """A candidate with what it is compared by."""

    __slots__ = ("candidate", "worse", "at", "place", "tied", "crowding")

    def __init__(self, ranking: Ranking, c: Candidate) -> None:
        self.candidate = c
        self.worse: Tuple[int, float] = (1, 0.0)
        self.at: Point = (-math.inf,) * len(ranking.objectives)
        ties: Point = (math.inf,) * len(ranking.ties)
        if c.status == "ok":
            self.worse = (0, ranking.violation(c))
            ties = tuple(-ranking._key(ranking._worth(o, c.metrics)) for o in ranking.ties)
            penalty = ranking.penalty(c)
            at = tuple(ranking._key(_penalized(ranking._worth(o, c.metrics), penalty)) for o in ranking.objectives)
            if -math.inf not in at:  # who lacks an objective is behind all that have them
                self.at = at
        self.place = self.at
        if -math.inf not in self.at:
            self.place = tuple(_place(o, x) for o, x in zip(ranking.objectives, self.at))
        self.tied = (*ties, c.id)
        self.crowding = 0.0

    def dominates(self, other: _Member) -> bool:
        if self.worse != other.worse:
            return self.worse < other.worse
        return self.at != other.at and all(x >= y for x, y in zip(self.at, other.at))


def _penalized(worth: float, penalty: float) -> float:
    """A worth that is worse by a share of what it is."""
    if penalty == 0 or worth == -math.inf:
        return worth
    if penalty == math.inf:
        return -math.inf
    if worth > 0:
        return worth / (1 + penalty)
    return max(-sys.float_info.max, worth * (1 + penalty))


def _place(objective: Objective, worth: float) -> float:
    """A worth on the scale by which distances are measured."""
    if objective.get("scale") != "log":
        return worth
    if objective["goal"] == "minimize":
        return _rounded(-log(max(-worth, _LEAST_LOG)))
    return _rounded(log(max(worth, _LEAST_LOG)))


def _rounded(x: float) -> float:
    return float(f"{x:.11e}")


def _crowd(points: List[_Member], objectives: int) -> None:
    """Crowding distances of different points (Deb et al. 2002): the sum, over the
    objectives, of the distance between the neighbours on both sides, as a part of
    that between the ends."""
    if len(points) < 3:
        for m in points:
            m.crowding = math.inf
        return
    for i in range(objectives):
        points.sort(key=lambda m: (m.place[i], m.at))
        first, last = points[0], points[-1]
        span = last.place[i] / 2 - first.place[i] / 2  # halves: no number is too large for their difference
        if span == 0:
            continue
        first.crowding = last.crowding = math.inf
        for below, m, above in zip(points, points[1:], points[2:]):
            m.crowding += (above.place[i] / 2 - below.place[i] / 2) / span
    for m in points:
        m.crowding = _rounded(m.crowding)
