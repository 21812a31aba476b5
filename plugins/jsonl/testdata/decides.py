"""Strategies for strategy_test.go. The option do says which."""
import os
import random
import signal

import nascent
from nascent import Decision, Proposal


def open_(setup):
    if setup.options["do"] == "refuse":
        raise nascent.Refused("is not done", "do")
    if setup.options["do"] == "space":
        return {"state": {"first": setup.space.sample(1)}}
    if setup.options["do"] == "tell":
        return {"state": setup.seeded, "remark": f"seeded: {setup.seeded}"}
    return {"history": setup.options["history"]}


@nascent.strategy(options={"do": "space", "history": "metrics", "mark": ""}, open=open_)
def step(state, turn):
    return globals()[turn.options["do"]](state, turn)


def space(state, turn):
    ask = turn.space
    a, b = state["first"], ask.sample(turn.rng)
    genes = ask.genes(a)
    mistakes = []
    for wrong in (lambda: ask.mutate("x=", 1), lambda: ask.genome({}), lambda: ask.sample(-1)):
        try:
            wrong()
        except ValueError as error:
            mistakes.append(str(error))
    state = {"mutant": ask.mutate(a, 2), "child": ask.cross(a, b, 3), "row": ask.encode(a), "rows": ask.encode([a, b] * 600)[-1],
             "names": ask.names, "again": ask.genome(genes), "kind": type(genes["n"]).__name__, "mistakes": mistakes}
    return Decision(state, [a, Proposal.given(b, tag="b")], keep=[turn.results[0]] if turn.results else [], note="asked")


def history(state, turn):
    """What it sees of the history, as the state."""
    h = turn.history
    seen = {"ids": list(h.ids), "genomes": h.genomes, "parents": h.parents, "fidelity": list(h.fidelity), "tags": h.tags,
            "status": h.status, "metrics": {k: [None if x != x else x for x in column] for k, column in h.metrics.items()},
            "curves": [c.curve for c in h], "outputs": [c.output.decode() for c in h]}
    return Decision(seen, [])


def changes(state, turn):
    turn.history.genomes.append("x")
    return []


def order(state, turn):
    """What depends on the process where nothing is done against it."""
    return Decision([list({"a", "b", "c", "d", turn.space.sample(turn.rng)}), random.random(), hash("text")], [])


def dies(state, turn):
    os.kill(os.getpid(), signal.SIGKILL)


def once(state, turn):
    """Dies in the first process that is asked."""
    mark = turn.options["mark"]
    if not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return [Proposal.random()] * turn.want


def files(state, turn):
    """What it remembers is in files."""
    lines = turn.files["log"].read_text() if turn.files else ""
    new = turn.scratch / f"new-{os.getpid()}"
    new.write_text(f"{lines}{turn.n}: {[c.id for c in turn.results]}\n")
    named = {"log": new}
    if "first" in turn.files:
        named["first"] = turn.files["first"]
    else:
        (turn.scratch / "first").write_text(f"{turn.seed}\n")
        named["first"] = turn.scratch / "first"
    tag = f"{len(lines)} {named['first'].read_text().strip()}"
    return Decision(len(lines), [Proposal.random(tag=tag)] * turn.want, files=named)


def lost(state, turn):
    return Decision(files={"weights": turn.scratch / "nothing"})


def unsayable(state, turn):
    return Decision({1, 2}, [])


def nothing(state, turn):
    pass


def wrong(state, turn):
    return ["x=1"]


def sleeps(state, turn):
    import time
    time.sleep(3600)
