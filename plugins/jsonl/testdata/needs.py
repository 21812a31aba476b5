# /// script
# requires-python = ">=3.9"
# dependencies = ["brought>=1"]
# ///
import brought

import nascent


@nascent.evaluator
def evaluate(job):
    return {"accuracy": brought.value(job)}


@nascent.strategy
def step(state, turn):
    return [nascent.Proposal.random(tag=brought.TAG)] * turn.want
