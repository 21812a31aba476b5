"""Whether a GPU computes what a CPU does, and again the same."""

from __future__ import annotations

from typing import Any, Iterator

import nascent
import torch
from nascent_torch import grouped, rng
from nascent_torch.network import Network
from torch.nn import functional as F

from . import searches
from .jobs import SMALL, Bench, result, same
from .report import Row, guarded, judge, yes

TOLERANCE = 1e-4  # of an array's largest value
SEEDS = 3  # values so near a corner of relu, or so near another maximum, that rounding decides, are not there again with other weights
SMALLEST = 0.05  # a largest value that is smaller counts as this: some gradients are 0 but for rounding


def distance(got: torch.Tensor, want: torch.Tensor) -> float:
    """The largest difference, in parts of the largest value."""
    got, want = got.detach().double().cpu(), want.detach().double().cpu()
    off = float((got - want).abs().max()) / max(float(want.abs().max()), SMALLEST)
    return off if off == off else float("inf")


def arrays(spec: Any, device: str, dtype: torch.dtype, seed: int) -> dict[str, torch.Tensor]:
    """Logits, loss, gradients and statistics of one step of a network."""
    network = Network({"nodes": [{**node, "rate": 0.0} if node["op"] == "dropout" else node for node in spec["nodes"]]})
    network.start([lambda name: rng.derive(seed, name)])
    network.to(device=device, dtype=dtype)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(12, *network.shape, generator=generator).to(device=device, dtype=dtype)
    y = torch.randint(network.classes, (12,), generator=generator).to(device)
    logits = network(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    out = {"logits": logits, "loss": loss}
    out.update({"gradient/" + name: p.grad for name, p in network.named_parameters() if p.grad is not None})
    out.update(network.named_buffers())
    network.eval()
    with torch.no_grad():
        out["evaluated"] = network(x)
    return out


def networks(nascent_program: str, device: str, quick: bool) -> Iterator[Row]:
    """Random networks over every layer."""
    worst, count, others, where, refused = 0.0, 0, 0, "", set()

    def compare(spec: Any, seed: int) -> tuple[float, str]:
        want = arrays(spec, "cpu", torch.float64, seed)
        try:
            got = arrays(spec, device, torch.float32, seed)
        except RuntimeError as e:
            if "deterministic" not in str(e):
                raise
            refused.add(str(e).split()[0])
            torch.set_deterministic_debug_mode("default")
            got = arrays(spec, device, torch.float32, seed)
            torch.set_deterministic_debug_mode("error")
        return max((distance(got[key], t), key) for key, t in want.items())

    for name, space in searches.LAYERS.items():
        for i, job in enumerate(searches.sample(nascent_program, space, {"use": "torch"}, 2 if quick else 25)):
            for attempt in range(SEEDS):
                off, key = compare(job["network"], i + 1000 * attempt)
                if off <= TOLERANCE:
                    break
            others += attempt > 0
            if off > worst:
                worst, where = off, f"{name} {i}: {key}"
            count += 1
    good = worst <= TOLERANCE
    found = f"{worst:.1e} of the largest value" + (f", {others} at another seed" if others else "") + ("" if good else ", " + where)
    yield judge(f"{count} random networks as on a CPU", found, f"{TOLERANCE:g}", good)
    yield Row("operations without a deterministic form", ", ".join(sorted(refused)) or "none")


def trainings(nascent_program: str, device: str, quick: bool) -> Iterator[Row]:
    """One training and the same once more, interrupted, step by step, in packs."""
    orders = searches.sample(nascent_program, searches.mnist1d(), {"use": "torch"}, grouped.FEWEST)
    for order in orders:
        order["budget"] = 4  # 80 steps: enough for the evaluator to record them
    with Bench(device, data=SMALL, batch=20) as bench:
        (whole,) = bench.trained(orders[:1])
        (again,) = bench.trained(orders[:1])
        yield judge("a training once more: the same bits", yes(same(whole, again)), "yes", same(whole, again))

        saved: dict[str, str] = {}

        def send(message: Any) -> None:
            saved.update(message.get("save", {}))
            if message.get("step") == 2:
                job._cancelled = job._saving = True

        job = bench.job(orders[0], send)
        (ended,) = bench.evaluator.evaluate([job])
        if not isinstance(ended, nascent.Cancelled):
            raise RuntimeError(f"a cancelled training answers {ended}")
        (resumed,) = bench.trained(orders[:1], resume=saved, own=True, attempt=2)
        yield judge("interrupted and resumed: the same bits", yes(same(whole, resumed)), "yes", same(whole, resumed))
        few = [{**order, "budget": 0.15, "genes": {**order["genes"], "optimizer": "sgd"}} for order in orders]
        alone = [bench.trained([order])[0][1] for order in few]
    with Bench(device, data=SMALL, batch=20, graphs=False) as bench:
        (plain,) = bench.trained(orders[:1])
        yield judge("recorded steps and others: the same bits", yes(same(whole, plain)), "yes", same(whole, plain))

    with Bench(device, data=SMALL, batch=20, pack=len(orders)) as bench:
        steady = bench.said["deterministic"]
        packed = bench.trained(orders)
        moved = bench.trained(orders[::-1])[::-1]
        fewer = bench.trained(orders[1:2])
        equal = all(map(same, packed, moved)) and same(packed[1], fewer[0])
        yield judge("a pack: bits depend on no companion and no place", yes(equal), "yes" if steady else "declared otherwise", equal or not steady)
        fused = [tensors for _, tensors in bench.trained(few)]
        off = max(distance(t, a[name]) for f, a in zip(fused, alone) for name, t in f.items())
        yield judge("in a pack as alone, after 3 steps", f"{off:.1e} of the largest value", "0.001", off <= 1e-3)


def accuracies(nascent_program: str, device: str, quick: bool) -> Iterator[Row]:
    """A network trained to its end, in every precision, here and on a CPU."""
    orders = searches.sample(nascent_program, searches.mnist1d(), {"use": "torch"}, 3)
    orders = [{**order, "genes": {**order["genes"], "learning_rate": 0.01}, "budget": 1 if quick else 15} for order in orders]
    data = SMALL if quick else {"source": "mnist1d"}

    def accuracy(where: str, precision: str) -> float:
        with Bench(where, data=data, precision=precision, checkpoints=False) as bench:
            return 100 * sum(bench.run([order])[0]["accuracy"] for order in orders) / len(orders)

    want = accuracy("cpu", "float32")
    for precision in ("float32", "bfloat16") if device == "cpu" else ("float32", "tf32", "bfloat16"):
        got = accuracy(device, precision)
        yield judge(f"MNIST-1D in {precision}: accuracy", f"{got:.1f} %, on a CPU {want:.1f} %", "within 2.5", abs(got - want) <= (50 if quick else 2.5))


def part(nascent_program: str, device: str, quick: bool, **_: Any) -> Iterator[Row]:
    """All of this."""
    with Bench(device, data=SMALL):  # sets what decides the bits
        yield from guarded("random networks as on a CPU", networks(nascent_program, device, quick))
    yield from guarded("trainings", trainings(nascent_program, device, quick))
    yield from guarded("accuracies", accuracies(nascent_program, device, quick))
