"""How many candidates an hour, how busy the card is with them, and what it holds
after them."""

from __future__ import annotations

import itertools
import math
import time
from typing import Any, Iterator

from nascent_torch import grouped
from nascent_torch.network import macs

from . import card, searches
from .jobs import SMALL, Bench
from .report import FAIL, PASS, Row, compare, failure, guarded

RECORD = 1809  # candidates an hour on an A100, one after another: 1.99 s each
AIRBENCH_AIM = 5000  # candidates an hour on an H100 or H200
PACKING_AIM = 100  # times one after another, for networks of MNIST-1D


class Rate:
    """Candidates an hour, how busy the card was, and their accuracies, without
    the start of the process and the first jobs."""

    def __init__(self, bench: Bench, orders: list[dict[str, Any]], device: str, seconds: float):
        size = bench.said["batch"]
        turns = itertools.cycle([orders[i : i + size] for i in range(0, len(orders) - size + 1, size)])
        bench.run(next(turns))
        done, accuracies = 0, []
        with card.Busy(device) as busy:
            start = time.perf_counter()
            while (spent := time.perf_counter() - start) < seconds or done == 0:
                for answer in bench.run(next(turns)):
                    accuracies.append(answer["accuracy"])
                    done += 1
        self.hourly, self.busy, self.pack = 3600 * done / spent, str(busy), int(answer["pack"])
        self.accuracy = 100 * sum(accuracies) / len(accuracies)

    def __str__(self) -> str:
        return ", ".join(filter(None, [f"{self.hourly:,.0f} an hour", self.busy]))


def floats(bench: Bench, order: dict[str, Any]) -> float:
    """What a candidate takes: floating-point operations of convolutions and dense
    layers, forward and twice that backward, and to measure after each epoch."""
    train, check = bench.evaluator.data.search()
    return 2 * macs(order["network"]) * order["budget"] * (3 * len(train) + len(check))


def rates(what: str, packs: tuple[int, ...], orders: list[dict[str, Any]], device: str, seconds: float, within: float = math.inf,
          **options: Any) -> Iterator[tuple[Row, Rate | None]]:  # fmt: skip
    """The rates in packs of several sizes, as far as memory goes, and for the
    time that all may take."""
    end, took = time.monotonic() + within, 0.0  # by a candidate in a pack, at worst
    for pack in packs:
        name = f"{what}, {'one after another' if pack == 1 else f'{pack} in a pack'}"
        if time.monotonic() + 2 * pack * took + seconds > end:
            yield Row(name, "left out: it might take too long"), None
            continue
        try:
            with Bench(device, checkpoints=False, pack=pack, **options) as bench:
                rate, work = Rate(bench, orders, device, seconds), floats(bench, orders[0])
        except Exception as e:
            yield failure(name, e), None
            continue
        took = 3600 / rate.hourly
        found = f"{rate}, {rate.hourly / 3600 * work / 1e12:.2g} TFLOP/s" + ("" if rate.pack == pack else f", for want of memory {rate.pack} in a pack")
        yield Row(name, found), rate
        if rate.pack != pack:
            return


def airbench(nascent_program: str, device: str, quick: bool, cifar: str = "", **_: Any) -> Iterator[Row]:
    """A network of two million parameters on CIFAR-10: 9.9 times 50,000 samples in
    batches of 1,024, as airbench94 does it."""
    data = searches.cifar10(cifar, quick)
    noise = data["source"] != "cifar10"
    orders = searches.sample(nascent_program, searches.airbench(8 if quick else 64), {"use": "torch"}, 8)
    for order in orders:
        order["budget"] = 1 if quick else 11
    best = 0.0
    for row, rate in rates("airbench94's network", (1, 2) if quick else (1, 2, 4), orders, device, 0.1 if quick else 8, 200, data=data,
                           batch=64 if quick else 1024, optimizer="sgd", momentum=0.85, weight_decay=5e-4, label_smoothing=0.2, crop=2, flip=True,
                           precision="bfloat16", deterministic=False):  # fmt: skip
        if rate:
            row.found += "" if noise else f", {rate.accuracy:.1f} % right"
            row.aim = f"{RECORD:,} an hour published" if rate.pack == 1 else ""
            best = max(best, rate.hourly)
        yield row
    shown = f"{best:,.0f} an hour" + (" (noise in place of CIFAR-10)" if noise else "")
    yield compare("airbench94's network, the fastest", best, shown, AIRBENCH_AIM, "an hour", device != "cpu")


def mnist1d(nascent_program: str, device: str, quick: bool, **_: Any) -> Iterator[Row]:
    """The hand-made network of MNIST-1D, 10 epochs."""
    packs = (1, 4) if quick else (1, 16, 64, 256, 1024)
    orders = searches.sample(nascent_program, searches.mnist1d(), {"use": "torch"}, packs[-1])
    for order in orders:
        order["budget"] = 1 if quick else 10
    alone = best = 0.0
    for row, rate in rates("a network of MNIST-1D", packs, orders, device, 0.1 if quick else 8, 150, data=SMALL if quick else "mnist1d"):
        yield row
        if rate:
            alone, best = alone or rate.hourly if rate.pack == 1 else alone, max(best, rate.hourly)
    if device != "cpu":
        yield Row("convolutions of packs", "products of matrices in {} of {} shapes".format(*grouped.chosen()))
    times = best / alone if alone else 0.0
    yield compare("networks of MNIST-1D, packed", times, f"{times:.1f} times one after another", PACKING_AIM, "times", device != "cpu")

    yield from guarded("different networks", different(nascent_program, device, quick))


def different(nascent_program: str, device: str, quick: bool) -> Iterator[Row]:
    """Networks that differ in shape, which cannot be packed."""
    slots = 4 if quick else 16
    orders = searches.sample(nascent_program, searches.LAYERS["blocks"], {"use": "torch"}, slots)
    for order in orders:
        order["budget"] = 1 if quick else 10
    alone = 0.0
    for beside in (1, slots):
        with Bench(device, data=SMALL if quick else "mnist1d", checkpoints=False, slots=beside) as bench:
            rate = Rate(bench, orders, device, 0.1 if quick else 8)
        alone = alone or rate.hourly
        found = str(rate) + ("" if beside == 1 else f", {rate.hourly / alone:.1f} times")
        yield Row("different networks, " + ("one after another" if beside == 1 else f"{beside} side by side"), found)


def memory(nascent_program: str, device: str, quick: bool, **_: Any) -> Iterator[Row]:
    """What is held after jobs that end well, badly, and early."""
    orders = searches.sample(nascent_program, searches.mnist1d(), {"use": "torch"}, 4)
    for order in orders:
        order["budget"] = 2

    def ending(bench: Bench) -> Any:
        job = bench.job(orders[0], lambda message: setattr(job, "_cancelled", True))
        return [job]

    with Bench(device, data=SMALL, batch=10, pack=4) as bench:
        cases = {
            "one job": lambda: [bench.job(orders[0])],
            "a full pack": lambda: [bench.job(order) for order in orders],
            "a loss that is NaN": lambda: [bench.job(orders[0], genes={**orders[0]["genes"], "learning_rate": 999.0, "optimizer": "sgd"})],
            "a cancelled job": lambda: ending(bench),
        }
        before = card.held(device)
        most, after = 0, ""
        for name, make in cases.items():
            for _ in range(2):
                bench.evaluator.evaluate(make())
                if (held := card.held(device) - before) > most:
                    most, after = held, name
        yield Row("memory held after each job", f"{most} bytes" + (f", after {after}" if after else ""), "0", FAIL if most else PASS)
