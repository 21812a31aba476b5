"""A search that this program drives: a parabola, by a loop and by a function.

    python3 search.py [DIRECTORY]
"""
import sys

import nascent


def train(x):
    return 1 / (1 + (x - 3) ** 2)


def evaluate(trial):
    return {"accuracy": train(**trial.genes)}


directory = sys.argv[1] if len(sys.argv) > 1 else "mine"
search = nascent.Search(directory, space={"x": {"float": [-10, 10]}}, objectives={"accuracy": "maximize"})

for trial in search.ask(evaluations=40):            # goes on after a crash: the ledger is the truth
    search.tell(trial, accuracy=train(**trial.genes))

search.run(evaluate, evaluations=80, workers=2)     # or: the engine calls the function

print(f"{len(search.candidates())} candidates, the best {search.best}")
