"""Other programs on the searches of a suite, through the same look-ups.

Each genome is measured by `nascent evaluate`, so by the evaluator of the search
itself. What each search came to is added as a line to the suite's file of others;
searches that are there already are not run again. docs/bench.md says what a line
holds, testdata/science/suite.yaml which searches there are.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import warnings

import numpy as np
import yaml


COSTS = "evaluations", "seconds"  # what a search may be judged by in place of what it finds


class Table:
    """One problem, and the process that measures its genomes."""

    def __init__(self, nascent, suite, problem):
        self.name, self.by = problem["name"], problem.get("by", "best")
        self.volume = problem.get("metric") == "hypervolume"
        self.target = problem.get("target") if self.by in COSTS else None
        self.process = subprocess.Popen(
            [nascent, "evaluate", "--suite", suite, self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        told = self.answer()
        opening = told["open"]
        self.objectives = [(o["metric"], o.get("goal") or "maximize") for o in opening["objectives"] or [{"metric": "accuracy"}]]
        self.reference = opening.get("reference")
        limits = opening.get("limits") or {}
        self.evaluations = problem.get("evaluations") or limits.get("evaluations") or 10**9
        self.seconds = limits.get("seconds") or float("inf")
        self.genes, self.ordered, self.cell = {}, set(), None
        self.read(opening["space"])

    def ask(self, question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(self.process.stderr.read().strip().removeprefix("nascent: ") or "nascent has ended")
        return json.loads(line)

    def read(self, space):
        """Finds the choices: of a flat space its genes, else the edges of its only cell."""
        for name, gene in space.items():
            if name == "network":
                continue
            if not isinstance(gene, dict) or not {"choice"} <= set(gene) <= {"choice", "ordered"}:
                break
            self.genes[name] = gene["choice"]
            if gene.get("ordered"):
                self.ordered.add(name)
        else:
            return
        text = self.ask({"space": "sample", "seed": 1})["answer"]["genomes"][0]
        found = re.search(r"\|[^ ()]*\|", text)
        operations = re.search(r'"edges": (\[[^]]*\])', json.dumps(space))
        if not found or not operations:
            raise SystemExit(f"{self.name}: only flat spaces of choices, and a single cell of edges, are known to other programs here")
        self.cell = (text[: found.start()], text[found.end() :])
        self.genes = {f"edge{i}": json.loads(operations[1]) for i in range(found[0].count("~"))}

    def text(self, values):
        """The canonical text of a genome."""
        if self.cell is None:
            return " ".join(f"{name}={written(v)}" for name, v in values.items())
        parts, nodes = list(values.values()), []
        while parts:
            n = len(nodes) + 1
            nodes.append("|" + "|".join(f"{op}~{i}" for i, op in enumerate(parts[:n])) + "|")
            parts = parts[n:]
        return self.cell[0] + "+".join(nodes) + self.cell[1]


def written(v):
    return {True: "yes", False: "no"}[v] if isinstance(v, bool) else repr(v) if isinstance(v, float) else str(v)


class Enough(Exception):
    """The search has spent what it may."""


class Search:
    """One search: what it spent, and the best that it found."""

    def __init__(self, table):
        self.table, self.spent, self.steps, self.best, self.points = table, [0, 0.0], [], None, []
        self.reached = False

    def measure(self, values):
        """The objectives to be minimized; None where there is nothing in the table."""
        if self.reached or self.spent[0] >= self.table.evaluations or self.spent[1] >= self.table.seconds or self.spent[0] > 100000:
            raise Enough
        text = self.table.text(values)
        result = self.table.ask({"genome": text})["result"]
        self.spent = [self.spent[0] + 1, self.spent[1] + result["seconds"]]
        if result["status"] != "ok":
            return None
        signs = [1 if goal == "minimize" else -1 for _, goal in self.table.objectives]
        point = [s * result["metrics"][m] for s, (m, _) in zip(signs, self.table.objectives)]
        if self.table.volume:
            import moocore

            self.points.append(point)
            reference = [s * self.table.reference[m] for s, (m, _) in zip(signs, self.table.objectives)]
            value = float(moocore.hypervolume(np.array(self.points), ref=np.array(reference)))
            better = not self.steps or value > self.steps[-1]["value"]
        else:
            value = result["metrics"][self.table.objectives[0][0]]
            better = self.best is None or point[0] < self.best[0]
        if better:
            self.steps.append({"at": [self.spent[0], round(self.spent[1], 1)], "value": float(f"{value:.10g}")})
            self.best = (point[0], text)
            if self.table.target is not None:
                self.reached = point[0] <= self.table.target * (1 if self.table.objectives[0][1] == "minimize" else -1)
        return point

    def outcome(self):
        metric, goal = ("hypervolume", "maximize") if self.table.volume else self.table.objectives[0]
        out = {"metric": metric, "goal": goal, "trace": {"spent": [self.spent[0], round(self.spent[1], 1)], "steps": self.steps}}
        if self.table.by not in ("best", "test", *COSTS) and self.best:
            out["report"] = self.table.ask({"genome": self.best[1], "phase": "test"})["result"].get("report", {})
        return out


def optuna_search(make):
    def run(table, seed):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.simplefilter("ignore")
        search = Search(table)

        def objective(trial):
            values = {}
            for name, options in table.genes.items():
                if name in table.ordered:
                    values[name] = options[trial.suggest_int(name, 0, len(options) - 1)]
                else:
                    values[name] = trial.suggest_categorical(name, options)
            point = search.measure(values)
            if point is None:
                raise optuna.TrialPruned
            return tuple(point)

        study = optuna.create_study(sampler=make(optuna.samplers, seed), directions=["minimize"] * len(table.objectives))
        try:
            study.optimize(objective, n_trials=10**6)
        except Enough:
            pass
        return search

    return run


def pymoo_nsga2(table, seed):
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.operators.crossover.pntx import TwoPointCrossover
    from pymoo.operators.mutation.pm import PolynomialMutation
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    search, names = Search(table), list(table.genes)

    class Problem(ElementwiseProblem):
        def __init__(self):
            sizes = np.array([len(table.genes[n]) - 1 for n in names])
            super().__init__(n_var=len(names), n_obj=len(table.objectives), xl=np.zeros(len(names)), xu=sizes, vtype=int)

        def _evaluate(self, x, out, *_, **__):
            point = search.measure({n: table.genes[n][int(i)] for n, i in zip(names, x)})
            out["F"] = point if point is not None else [1e9] * len(table.objectives)

    size = 20 if table.evaluations <= 200 else 50
    algorithm = NSGA2(
        pop_size=size,
        sampling=IntegerRandomSampling(),
        crossover=TwoPointCrossover(),
        mutation=PolynomialMutation(eta=3.0, vtype=float, repair=RoundingRepair()),
        eliminate_duplicates=True,
    )
    try:
        minimize(Problem(), algorithm, ("n_gen", 10**6), seed=seed)
    except Enough:
        pass
    return search


ONE = {
    "optuna-tpe": optuna_search(lambda s, seed: s.TPESampler(seed=seed)),
    "optuna-gp": optuna_search(lambda s, seed: s.GPSampler(seed=seed)),
}
SEVERAL = {
    "optuna-tpe": ONE["optuna-tpe"],
    "optuna-gp": ONE["optuna-gp"],
    "optuna-nsga2": optuna_search(lambda s, seed: s.NSGAIISampler(seed=seed, population_size=20)),
    "pymoo-nsga2": pymoo_nsga2,
}


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--nascent", default="bin/nascent")
    p.add_argument("--suite", default="testdata/science/suite.yaml")
    p.add_argument("--out", default="testdata/science/peers.jsonl")
    p.add_argument("--seeds", type=int, default=50)
    p.add_argument("--peers", default="optuna-tpe,optuna-nsga2,pymoo-nsga2", help="optuna-gp is another one, which needs internal/science/peers-gp.txt")
    p.add_argument("--problems", default="", help="only these")
    o = p.parse_args()
    with open(o.suite) as f:
        suite = yaml.safe_load(f)
    there = set()
    if os.path.exists(o.out):
        with open(o.out) as f:
            there = {(x["problem"], x["strategy"], x["seed"]) for x in map(json.loads, f)}
    failed = False
    for problem in suite["problems"]:
        if o.problems and problem["name"] not in o.problems.split(","):
            continue
        try:
            table = Table(o.nascent, o.suite, problem)
            kinds = SEVERAL if len(table.objectives) > 1 else ONE
            for seed in range(suite.get("first_seed", 1), suite.get("first_seed", 1) + o.seeds):
                for name in o.peers.split(","):
                    if name not in kinds or (table.name, name, seed) in there:
                        continue
                    random.seed(seed)
                    np.random.seed(seed % 2**32)
                    outcome = kinds[name](table, seed).outcome()
                    with open(o.out, "a") as f:
                        f.write(json.dumps({"problem": table.name, "strategy": name, "seed": seed, "outcome": outcome}) + "\n")
            print(f"{table.name}: done", flush=True)
        except (SystemExit, BrokenPipeError, json.JSONDecodeError) as e:
            print(f"{problem['name']} was left out: {e}", file=sys.stderr)
            failed = True
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
