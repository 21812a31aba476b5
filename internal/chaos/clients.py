"""One of several clients of the search s. What it tells is its alone, and it writes down
what it is about to tell, and what was told."""
import os
import sys
import time

import nascent

log = os.open(os.environ["CHAOS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def note(what, trial, value):
    os.write(log, f"{what} {trial.id} {value}\n".encode())
    os.fsync(log)


search = nascent.Search("s", space={"x": {"float": [0, 1]}}, objectives={"accuracy": "maximize"}, strategy="random", idle="10s")
for trial in search.ask(evaluations=int(sys.argv[1])):
    time.sleep(0.004)
    value = int(trial.id) + os.getpid() / 1e8
    note("telling", trial, value)
    try:
        search.tell(trial, accuracy=value)
    except nascent.StaleTrial:
        continue  # somebody else had it when its engine died
    note("told", trial, value)
