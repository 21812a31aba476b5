"""A strategy is asked for some turns, without an engine: what it proposes gets
results that are made up."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import tempfile
from typing import Any, Deque, Dict, List

from .decide import Decider
from .declare import Refused
from .pipe import Pipe
from .rng import Rand, derive
from .turn import Strategy

_WINDOW = 8  # of undecided candidates, as in a search


def rehearse(strategy: Strategy, path: str, search: str, binary: str, turns: int, seed: int) -> int:
    """Ask a strategy for so many turns on the space of a search, and print what it
    proposes. Turns come as in a search of strict order."""
    with subprocess.Popen([binary, "space", search], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        pipe = Pipe(process.stdout.fileno(), process.stdin.fileno())
        first = pipe.read()
        if not first:
            raise Refused(f"{search} cannot be read")
        order = dict(first[0]["open"])
        given = order.get("options") or {}
        order["options"] = {k: v for k, v in given.items() if k not in ("check", "python", "start_timeout")}
        if os.path.realpath(first[0]["use"]) != os.path.realpath(path):
            order["options"] = {}  # they are another strategy's
        with tempfile.TemporaryDirectory() as scratch:
            return Rehearsal(Decider(strategy, path, order, pipe, []), scratch, seed).play(turns)


class Rehearsal:
    """Plays the engine's part."""

    def __init__(self, decider: Decider, scratch: str, seed: int) -> None:
        self.decider, self.seed = decider, seed
        self.space, self.hello = decider.setup.space, decider.strategy.hello
        self.scratch = os.path.join(scratch, "new")
        self.kept = os.path.join(scratch, "kept")
        os.mkdir(self.scratch)
        os.mkdir(self.kept)
        self.state: Any = self.hello["state"]
        self.files: Dict[str, str] = {}
        self.genomes: Dict[int, str] = {}
        self.open: Deque[Dict[str, Any]] = collections.deque()  # proposed, without a result

    def play(self, turns: int) -> int:
        """Ask for so many turns. 1 if one fails."""
        if self.hello["remark"]:
            print(f"remark: {self.hello['remark']}")
        batch = max(1, self.hello["batch"])
        for n in range(turns):
            results = [self.open.popleft() for _ in range(min(batch, len(self.open)))]
            if n > 0 and not results:
                print("it proposes nothing more")
                break
            want = max(_WINDOW, batch) - len(self.open)
            print(f"turn {n}: wants {want}")
            for row in results:
                row["metrics"] = self.measure(row["id"])
                print(f"  result of {row['id']}: {json.dumps(row['metrics'])}, made up")
                if self.hello["history"] != "none":
                    self.decider.history._add(row)
            line = self.decider.step({
                "n": n, "seed": derive(self.seed, "turn", n), "first": len(self.genomes) + 1, "want": want, "state": self.state, "results": results,
                "files": self.files, "scratch": self.scratch,
            })
            said = json.loads(line)
            if "failed" in said:
                return 1
            decision = said["decision"]
            self.state = decision["state"]
            self.keep(n, decision.get("files") or {})
            if len(decision["proposals"]) > want:
                raise Refused(f"turn {n} has {len(decision['proposals'])} proposals, and {want} are wanted: propose at most turn.want")
            for proposal in decision["proposals"]:
                self.take(proposal)
            if decision.get("note"):
                print(f"  {decision['note']}")
            if decision.get("done"):
                print("it is done")
                break
        return 0

    def measure(self, id: int) -> Dict[str, float]:
        """Numbers from 0 to 1 for whatever is compared."""
        r = Rand(derive(self.seed, "result", id))
        setup = self.decider.setup
        names = [c["metric"] for c in setup.objectives + setup.ties + setup.constraints] or ["accuracy"]
        return {name: round(r.float64(), 4) for name in dict.fromkeys(names)}

    def keep(self, n: int, files: Dict[str, str]) -> None:
        """Take the files that a decision names."""
        taken = {}
        for name, path in files.items():
            taken[name] = path
            if path not in self.files.values():
                taken[name] = os.path.join(self.kept, f"{n}-{name}")
                os.replace(path, taken[name])
        self.files = taken

    def take(self, proposal: Dict[str, Any]) -> None:
        """Make a candidate of a proposal, and print it."""
        id = len(self.genomes) + 1
        try:
            genome = self.make(proposal, Rand(derive(self.seed, "make", id)))
        except (KeyError, ValueError) as error:
            raise Refused(f"proposal {id} makes no candidate: {error}") from None
        self.genomes[id] = genome
        self.open.append({**{k: v for k, v in proposal.items() if k != "input"}, "id": id, "genome": genome, "status": "ok",
                          "operator": proposal.get("operator") or "given"})
        how: List[str] = [proposal.get("operator") or "given"]
        if proposal.get("parents"):
            how.append("of " + " and ".join(map(str, proposal["parents"])))
        how += [f"{k} {json.dumps(v)}" for k, v in proposal.items() if k not in ("operator", "parents", "genome", "input") and (k, v) != ("task", "train")]
        print(f"  {id}, {' '.join(how)}: {genome}")

    def make(self, proposal: Dict[str, Any], r: Rand) -> str:
        """The genome of a proposal, as the engine makes it."""
        operator = proposal.get("operator", "")
        parents = [self.genomes[id] for id in proposal.get("parents", [])]
        if operator == "random":
            return self.space.sample(r)
        if operator == "mutate":
            return self.space.mutate(parents[0], r)
        if operator in ("cross", "cross+mutate"):
            child = self.space.cross(parents[0], parents[1], r)
            return self.space.mutate(child, r) if operator == "cross+mutate" else child
        if operator == "same":
            return parents[0]
        return self.space.genome(self.space.genes(proposal["genome"]))  # its canonical text
