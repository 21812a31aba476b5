# /// script
# requires-python = ">=3.9"
# dependencies = ["optuna>=4", "cmaes"]  # sampler: gp takes torch and scipy, too
# ///
"""Asks a sampler of Optuna what to try next.

Everything that Optuna knows is told anew in each step, from the history, and its
sampler is seeded with the turn's seed. So a search by it is resumed, killed and
replayed like any other. What is under way is told, too.

Spaces of numbers, choices with genes of their own, lists and groups; cells it refuses.
"""

import nascent
import optuna
from nascent import Decision
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Genes:
    """Walks over a space: every gene becomes a parameter of Optuna, named by its
    path. Where value is given it says what stands there, else suggest does."""

    def __init__(self, suggest=None):
        self.suggest = suggest
        self.params, self.distributions = {}, {}

    def gene(self, path, gene, value):
        if gene in ("bool", "int", "float"):
            gene = {gene: None}
        if not isinstance(gene, dict):
            if isinstance(gene, list):
                return [self.gene(f"{path}[{i}]", g, value and value[i]) for i, g in enumerate(gene)]
            return gene  # a constant
        if "float" in gene:
            low, high = gene["float"]
            log, step = gene.get("log", False), gene.get("step")
            return self.draw(path, FloatDistribution(low, high, log=log, step=step), value)
        if "int" in gene:
            low, high = gene["int"]
            log, step = gene.get("log", False), gene.get("step") or 1
            return self.draw(path, IntDistribution(low, high - (high - low) % step, log=log, step=step), value)
        if "bool" in gene:
            return self.draw(path, CategoricalDistribution([False, True]), value)
        if "choice" in gene:
            return self.choice(path, gene["choice"], value)
        if "list" in gene:
            return self.items(path, gene, value)
        if "from" in gene or "use" in gene or "cell" in gene:
            raise nascent.Refused(f"{path}: the example for Optuna knows no genes like {gene}")
        return self.group(path, gene, value)

    def draw(self, path, distribution, value):
        if value is None:
            value = self.suggest(path, distribution)
        self.params[path], self.distributions[path] = value, distribution
        return value

    def choice(self, path, options, value):
        names = [next(iter(o)) if isinstance(o, dict) else o for o in options]
        chosen = None if value is None else next(iter(value)) if isinstance(value, dict) else value
        at = self.draw(path, CategoricalDistribution(range(len(names))), None if value is None else names.index(chosen))
        if not isinstance(options[at], dict):
            return options[at]
        inner = value[chosen] if isinstance(value, dict) else None
        return {names[at]: self.gene(f"{path}.{names[at]}", options[at][names[at]], inner)}

    def items(self, path, gene, value):
        low, high = gene["length"] if isinstance(gene["length"], list) else [gene["length"]] * 2
        n = self.draw(f"{path}.length", IntDistribution(low, high), None if value is None else len(value))
        return [self.gene(f"{path}[{i}]", gene["list"], None if value is None else value[i]) for i in range(n)]

    def group(self, path, group, value):
        return {k: self.gene(f"{path}.{k}" if path else k, g, None if value is None else value[k]) for k, g in group.items()}


def suggesting(trial):
    def suggest(path, d):
        if isinstance(d, CategoricalDistribution):
            return trial.suggest_categorical(path, d.choices)
        if isinstance(d, IntDistribution):
            return trial.suggest_int(path, d.low, d.high, step=d.step, log=d.log)
        value = trial.suggest_float(path, d.low, d.high, step=d.step, log=d.log)
        return float(f"{value:.6g}")  # as nascent writes numbers

    return suggest


def worth(setup, objective, candidate):
    """The metric, worse where soft constraints are broken."""
    x = setup.ranking.worth(objective, candidate)
    return -x if objective["goal"] == "minimize" else x


def first(path, d):
    return d.choices[0] if isinstance(d, CategoricalDistribution) else d.low


def sampler(options, seed, constrained):
    violation = {"constraints_func": lambda trial: trial.system_attrs["constraints"]} if constrained else {}
    name = options["sampler"]
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True, **violation)
    if name == "gp":
        return optuna.samplers.GPSampler(seed=seed, **violation)
    if name == "cmaes":
        return optuna.samplers.CmaEsSampler(seed=seed)
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    raise nascent.Refused(f"sampler: {name} is none of tpe, gp, cmaes, random")


def opened(setup):
    sampler(setup.options, 0, False)
    Genes(first).group("", setup.space.declaration, None)  # refuses what it does not know


@nascent.strategy(options={"sampler": "tpe"}, state=[], open=opened)
def step(state, turn):
    setup, space = turn.setup, turn.space

    def told(genome, values=None, violation=0.0):
        walk = Genes()
        walk.group("", space.declaration, space.genes(genome))
        attrs = {"constraints": (violation,)}
        return optuna.trial.create_trial(params=walk.params, distributions=walk.distributions, values=values, system_attrs=attrs,
                                         state=TrialState.RUNNING if values is None else TrialState.COMPLETE)

    study = optuna.create_study(sampler=sampler(turn.options, turn.seed % 2**32, bool(setup.ranking.constraints)),
                                directions=[o["goal"] for o in setup.objectives])
    for c in turn.history:
        if c.measured and c.fidelity == 0:
            study.add_trial(told(c.genome, [worth(setup, o, c) for o in setup.objectives], setup.violation(c)))
    back = {c.id for c in turn.results}
    pending = [(id, genome) for id, genome in state if id not in back]
    for _, genome in pending:
        study.add_trial(told(genome))

    proposals = []
    for i in range(turn.want):
        trial = study.ask()
        walk = Genes(suggesting(trial))
        genome = space.genome(walk.group("", space.declaration, None))
        proposals.append(genome)
        pending.append((turn.first_id + i, genome))
    return Decision(pending, proposals)
