"""What a search gains by what is known from elsewhere.

    python internal/science/imported.py BENCH NASCENT [TABLE ...]

For each of five seeds Optuna (TPE) makes a study of 200 trials over a published table in
the folder BENCH. The study is imported into a search by the program NASCENT of the same
table, which goes on by its default strategy; another search begins afresh. Both have the
same limit and look everything up in the table. Prints what was best after so many
evaluations of each, as regret: how much less accurate than the best of the table. With two
tables the study is of the first, and the searches are of the second.
"""

import csv
import gzip
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile

import optuna

SEEDS, TRIALS, MARKS = range(51, 56), 200, (5, 10, 20, 40)
GENES = ("alpha", "batch_size", "depth", "learning_rate_init", "width")
METRICS = ["bal_acc_s%d" % i for i in range(5)]


def read(bench, table):
    with gzip.open(os.path.join(bench, table + ".csv.gz"), "rt") as f:
        rows = list(csv.DictReader(f))
    values = {gene: sorted({row[gene] for row in rows}, key=float) for gene in GENES}
    return values, {tuple(row[g] for g in GENES): statistics.fmean(float(row[m]) for m in METRICS) for row in rows}


def studied(bench, table, seed, path):
    values, figures = read(bench, table)

    def objective(trial):
        chosen = {gene: values[gene][trial.suggest_int(gene + "_place", 0, len(values[gene]) - 1)] for gene in GENES}
        for gene, value in chosen.items():
            trial.set_user_attr(gene, float(value))
        return figures[tuple(chosen.values())]

    study = optuna.create_study(storage="sqlite:///" + path, direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=TRIALS)
    return study.best_value


def searched(bench, nascent, table, seed, study):
    values, figures = read(bench, table)
    with tempfile.TemporaryDirectory() as folder:
        space = "".join("  %s: {choice: [%s], ordered: true}\n" % (g, ", ".join(repr(float(v)) if "." in v or "e" in v else v for v in values[g])) for g in GENES)
        keys = " ".join("{%s}" % g for g in GENES)
        with open(os.path.join(folder, "search.yaml"), "w") as f:
            f.write("name: imported\nseed: %d\nspace:\n%sevaluator:\n  use: table\n  file: %s\n  key: {columns: \"%s\", genes: \"%s\"}\n"
                    "  metrics: {accuracy: {mean: [%s]}}\n  cost: 1\nlimits: {evaluations: %d}\nwindow: 1\nworkers: 1\nfinal: {skip: true}\n"
                    % (seed, space, os.path.join(bench, table + ".csv.gz"), keys, keys, ", ".join(METRICS), MARKS[-1]))
        if study:
            maps = [word for gene in GENES for word in ("--map", "%s=user_attrs_%s" % (gene, gene))]
            subprocess.run([nascent, "import", folder, study] + maps, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([nascent, "run", folder, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        lines = subprocess.run([nascent, "list", folder, "--json"], check=True, stdout=subprocess.PIPE).stdout.splitlines()
    found = [c["metrics"]["accuracy"] for c in sorted(map(json.loads, lines), key=lambda c: c["id"]) if not c.get("origin")]
    return [max(figures.values()) - max(found[:n]) for n in MARKS]


def main(bench, nascent, *tables):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    bench, nascent = os.path.abspath(bench), os.path.abspath(nascent)
    of, into = tables[0], tables[-1]
    rows = {"afresh": [], "continued": []}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "study.db")
            best = studied(bench, of, seed, path)
            rows["afresh"].append(searched(bench, nascent, into, seed, None))
            rows["continued"].append(searched(bench, nascent, into, seed, path))
            print(seed, "study %.5f" % best, {k: ["%.5f" % x for x in v[-1]] for k, v in rows.items()}, flush=True)
    for name, all in rows.items():
        cells = ["%.5f (%.5f)" % (statistics.fmean(x), statistics.stdev(x) / math.sqrt(len(x))) for x in zip(*all)]
        print("| %s to %s | %s | %s |" % (of, into, name, " | ".join(cells)))


if __name__ == "__main__":
    main(*sys.argv[1:])
