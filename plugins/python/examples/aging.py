"""Aging evolution (Real et al. 2019, arXiv 1802.01548) in Python.

With one fidelity it decides what the built-in strategy aging decides: the two
have the same digest. Where results are imported they part: here all of them enter
the population like any others, there the best, and no more than half of it at a time.
"""

import nascent
from nascent import Proposal


@nascent.strategy(options={"population": 20, "sample": 10, "initial": None, "crossover": 0.15},
                  state={"first": 0, "started": 0, "initial": 0, "population": None})
def step(state, turn):
    size, start = turn.options["population"], turn.setup.start
    initial = turn.options["initial"] or size
    alive = state["population"] or []
    if state["first"] == 0:  # a search begins, or is taken over with the candidates that are there
        state["first"] = turn.first_id
        found = [c.id for c in turn.history if c.measured and not c.reuse]
        if found:
            state["started"], state["initial"], alive = len(start), initial, found[-size:]
    for c in turn.results:
        if c.measured:
            alive.append(c.id)
        elif c.id >= state["first"] and c.operator in ("random", "start"):
            state["initial"] -= 1  # another one in its place
    alive = alive[-size:]  # the oldest leave, however good they are
    ranked = turn.rank(map(turn.history.get, alive))

    def pick():
        return ranked[min(turn.rng.intn(len(ranked)) for _ in range(turn.options["sample"]))]

    def child():
        a = pick()
        if turn.rng.float64() < turn.options["crossover"]:
            b = pick()
            if a.genome != b.genome:
                return Proposal.cross(a, b, mutate=True)
        return Proposal.mutate(a)

    proposals = []
    while len(proposals) < turn.want:
        if state["started"] < len(start):
            proposals.append(Proposal.start(start[state["started"]]))
            state["started"] += 1
            state["initial"] += 1
        elif not ranked or state["initial"] < initial:
            proposals.append(Proposal.random())
            state["initial"] += 1
        else:
            proposals.append(child())
    state["population"] = alive or None
    return nascent.Decision(state, proposals)
