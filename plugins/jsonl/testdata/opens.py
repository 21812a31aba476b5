"""Says of itself what its options come to."""

import nascent


def prepare(setup):
    size = setup.options["size"]
    if size < 0:
        raise nascent.Refused("is negative: give 1 or more", "size")
    if size == 0:
        raise KeyError("nothing")
    if size > 9:
        return {"sizes": size}
    return {"batch": size, "deterministic": size == 1, "splits": f"{len(setup.space)} of {setup.workers}", "data": f"size {size}"}


@nascent.evaluator(options={"size": 1, "speed": 1}, operational=["speed"], open=prepare)
def evaluate(jobs):
    return [{"accuracy": 1.0} for _ in jobs]
