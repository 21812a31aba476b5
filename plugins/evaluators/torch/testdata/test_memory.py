import contextlib
import gc
import threading
import unittest
from unittest import mock

import nascent
import torch
from nascent_torch.memory import MIB, Forecast, Full, Memory, predicted, ran_out
from nascent_torch.recipe import Recipe
from nascent_torch.train import Trainer, placeless
from test_evaluator import Desk, net, opened
from test_pack import family, wide

CPU = torch.device("cpu")


def took(network, size, recipe=Recipe()):
    """What training counted, and what was predicted."""
    memory = Memory(CPU, 1 << 40)
    trainer = Trainer([s for s in family(network)][:size], size)
    with memory.watch(trainer.bytes):
        trainer.advance()
    return memory.peak(), predicted(network, recipe.batch, size)


class Memories(unittest.TestCase):
    def test_prediction(self):
        ratios = []
        for network in (net(), net(channels=32), net(channels=100, rate=0), wide()):
            for size in (1, 4):
                counted, guess = took(network, size)
                ratios.append(counted / guess)
        self.assertGreater(min(ratios), 0.25)
        self.assertLess(max(ratios), 1.5, "the factor that is used before anything was seen")

    def test_learns(self):
        f = Forecast(workspace=100)
        self.assertEqual(f.need(1000), 1600)
        f.saw(1000, 2100)
        f.saw(1000, 600)
        self.assertEqual(f.need(1000), 100 + 2300)

    def test_counting_changes_nothing(self):
        for network in (net(), wide()):
            plain, counted = (Trainer(family(network), 4) for _ in range(2))
            memory = Memory(CPU, 1 << 30)
            plain.advance()
            with memory.watch(counted.bytes):
                counted.advance()
                counted.network(torch.zeros(3, 4, 40))
            self.assertTrue(torch.equal(plain.optimizer.data, counted.optimizer.data))
            self.assertEqual(memory._counter.now, counted.bytes)

    def test_limit(self):
        trainer = Trainer(family(net(channels=64)), 4)
        memory = Memory(CPU, 3 * MIB)
        with self.assertRaisesRegex(RuntimeError, "more than the 3 MiB") as caught:
            with memory.watch(trainer.bytes):
                trainer.advance()
        self.assertTrue(ran_out(caught.exception))
        self.assertTrue(ran_out(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")))
        for words in ("GET was unable to find an engine to execute this computation", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
                      "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"):  # fmt: skip
            self.assertTrue(ran_out(RuntimeError(words)))
        self.assertFalse(ran_out(RuntimeError("shapes do not fit")))

    def test_room(self):
        memory = Memory(CPU, 100)
        with self.assertRaisesRegex(Full, "needs about"):
            with memory.take(101):
                pass
        with memory.take(101, insist=True) as room:
            self.assertEqual(room, 100)
        order = []

        def late(need):
            with memory.take(need):
                order.append(need)

        with memory.take(60):
            threads = [threading.Thread(target=late, args=[need]) for need in (30, 50)]
            for t in threads:
                t.start()
            threads[0].join()
            order.append("end")
        threads[1].join()
        self.assertEqual(order, [30, "end", 50])

    def test_gpu(self):
        """The arithmetic for a GPU, which is pretended."""
        numbers = {"allocated": 0, "reserved": 0, "cleared": 0}
        pretended = {
            "mem_get_info": lambda device: (5000 * MIB - numbers["reserved"], 8000 * MIB),
            "memory_allocated": lambda device: numbers["allocated"],
            "memory_reserved": lambda device: numbers["reserved"],
            "max_memory_allocated": lambda device: 700 * MIB,
            "reset_peak_memory_stats": lambda device: None,
            "empty_cache": lambda: numbers.update(reserved=numbers["allocated"], cleared=numbers["cleared"] + 1),
            "set_per_process_memory_fraction": lambda share, device: numbers.update(share=share),
        }
        with mock.patch.multiple(torch.cuda, **pretended):
            memory = Memory(torch.device("cuda:0"), 6000 * MIB)
            self.assertEqual(numbers["share"], 0.75)
            numbers.update(allocated=200 * MIB, reserved=300 * MIB)
            memory.settle()
            self.assertEqual((memory.data, memory.total(), memory.free()), (200 * MIB, 5800 * MIB, 4800 * MIB))
            with memory.watch(0):
                pass
            self.assertEqual(memory.peak(), 500 * MIB)
            numbers["allocated"] += 7
            self.assertEqual((memory.give_back(), numbers["cleared"]), (7, 1))
            numbers["allocated"] -= 7
            self.assertEqual((memory.give_back(), numbers["reserved"]), (0, 200 * MIB))
            # What is recorded beside would go on to write into the workspaces.
            clears = []
            with mock.patch.object(torch._C, "_cuda_clearCublasWorkspaces", lambda: clears.append(1), create=True):
                with memory.take(1):
                    memory.give_back()
                self.assertEqual(clears, [])
                memory.give_back()
                self.assertEqual(clears, [1])


class Admission(Desk):
    """What becomes of jobs when memory is short."""

    ORDERS = [{"id": i, "seed": i, "genes": {"lr": 0.001 * i}} for i in (1, 2, 3, 4)]

    def all(self, e, orders=ORDERS, **changes):
        return e.evaluate([self.job(**{**order, **changes}) for order in orders])

    def exact(self, answers):
        return [{k: v for k, v in a.items() if k not in ("memory", "pack")} for a in answers]

    def needs(self, size):
        """MiB that a pack takes."""
        return self.all(opened(pack=size, memory=1000), self.ORDERS[:size])[0]["memory"]

    def test_split(self):
        two, four = self.needs(2), self.needs(4)
        want = [*self.all(opened(pack=2), self.ORDERS[:2]), *self.all(opened(pack=2), self.ORDERS[2:])]
        self.assertEqual(opened(pack=4).fixed, placeless())
        limit = (two + four) / 2
        # It knows before; and it thinks that all fit, and runs out.
        for ratio in (four * MIB / predicted(net(), 40, 4), 0.01):
            e = opened(pack=4, memory=limit)
            self.assertFalse(e.said["deterministic"])
            e.memory.forecast._ratios.append(ratio)
            got = self.all(e)
            self.assertEqual([a["pack"] for a in got], [2] * 4)
            self.assertEqual(self.exact(got), self.exact(want))
            self.assertTrue(all(a["memory"] <= limit for a in got))
            self.assertGreater(e.memory.forecast.factor, 0.02, "nothing was learned")

    def test_never_fits(self):
        for ratio in (None, 0.01):
            e = opened(pack=2, memory=self.needs(1) / 2)
            if ratio:
                e.memory.forecast._ratios.append(ratio)
            for answer in self.all(e, self.ORDERS[:2]):
                self.assertRegex(str(answer), r"out of memory: training takes more than the \d+ MiB that there were; make batch smaller")
                self.assertNotIsInstance(answer, (nascent.Invalid, nascent.Returned))

    def test_the_machine_itself(self):
        """Running out of what nobody looked after."""
        e = opened(pack=2)
        taken = []

        def short(trainer):
            taken.append(trainer.size)
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:66] . DefaultCPUAllocator: can't allocate memory")

        with mock.patch.object(Trainer, "advance", short):
            answers = self.all(e, self.ORDERS[:2])
        self.assertEqual(taken, [2, 1, 1])
        for answer in answers:
            self.assertRegex(str(answer), "^out of memory: training takes more than there is; make batch smaller")

    def test_does_not_fit_now(self):
        e = opened(memory=1000)
        e.memory.free = lambda: 1000
        (answer,) = self.all(e, self.ORDERS[:1])
        self.assertIsInstance(answer, nascent.Returned)
        self.assertRegex(str(answer), "needs about .* MiB of memory, and 0 are free")
        (tried,) = self.all(e, self.ORDERS[:1], attempt=20)
        self.assertEqual(self.exact([tried]), self.exact(self.all(opened(), self.ORDERS[:1])))

    def test_short_in_mid_run(self):
        e = opened(pack=2, memory=1000)
        orders = self.ORDERS[:2]
        want = self.all(e, orders)

        def send(message):
            self.sent.append(message)
            if message.get("step") == 1:
                e.memory._counter.limit = 0

        for answer in e.evaluate([self.job(send=send, **order) for order in orders]):
            self.assertIsInstance(answer, nascent.Returned)
        self.assertEqual({m["step"] for m in self.sent[-2:]}, {1})
        again = self.all(e, orders)  # smaller now: it was too much
        self.assertEqual([a["pack"] for a in again], [1, 1])
        self.assertEqual({type(a) for a in want}, {dict})

    def test_nothing_is_left(self):
        e = opened(pack=2, memory=1000)
        count = lambda: sum(type(o) is Trainer for o in gc.get_objects())
        gc.collect()
        before = count()
        gc.disable()
        try:
            self.all(e)
            e.memory.limit = 1
            answers = self.all(e)
            self.assertEqual(count(), before)
            self.assertEqual({type(a) for a in answers}, {RuntimeError})
        finally:
            gc.enable()

    def test_side_by_side(self):
        """In threads, as on a GPU, to the same results."""
        orders = [{"id": i, "seed": i, "network": net(channels=i + 2)} for i in (1, 2, 3)]
        e = opened(slots=3)
        want = self.all(e, orders)
        e._stream = contextlib.nullcontext
        names = set()
        with mock.patch.object(Memory, "free", lambda self: 1 << 40), mock.patch.object(Memory, "peak", lambda self: 7), \
             mock.patch.object(Memory, "watch", lambda self, arrays: contextlib.nullcontext()), \
             mock.patch.object(Memory, "give_back", lambda self: 0), mock.patch.object(Memory, "total", lambda self: 1 << 40):  # fmt: skip
            e.memory.cuda = True
            got = e.evaluate([self.job(send=lambda m: names.add(threading.current_thread().name), **o) for o in orders])
        self.assertEqual(got, want)
        self.assertEqual(len(names), 3)
