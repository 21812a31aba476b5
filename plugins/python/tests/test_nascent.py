"""Tests of the SDK. Run them with python -m unittest, or pytest."""
import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import textwrap
import time
import types
import unittest
import weakref
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import nascent  # noqa: E402
from nascent.declare import Evaluator, declared  # noqa: E402
from nascent.job import Job, number, numbers  # noqa: E402
from nascent.pipe import encode  # noqa: E402
from nascent.trouble import explain, report  # noqa: E402
from nascent.worker import Worker  # noqa: E402


class Scalar:
    """What NumPy and PyTorch have in common."""

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


class TestMetrics(unittest.TestCase):
    def test_numbers(self):
        found = numbers({"a": 1, "b": True, "c": Scalar(0.5), "d": Scalar(3)})
        self.assertEqual(found, {"a": 1.0, "b": 1.0, "c": 0.5, "d": 3.0})
        self.assertTrue(math.isnan(number("x", float("nan"))))

    def test_others_are_refused(self):
        for wrong in ({"a": "1"}, {"a": None}, {"a": [1]}, {"a": 1j}, 0.9, None, [("a", 1)]):
            with self.assertRaises(TypeError):
                numbers(wrong)
        with self.assertRaisesRegex(ValueError, "^metric a is too large a number$"):
            numbers({"a": 10**400})

    def test_all_real_numbers_count(self):
        self.assertEqual(numbers({"a": Fraction(1, 4), "b": Decimal("0.5")}), {"a": 0.25, "b": 0.5})

    def test_arrays_are_refused_by_name(self):
        class Several:
            def item(self):
                raise ValueError("can only convert an array of size 1")
        with self.assertRaisesRegex(TypeError, "^metric a is a Several of several values, not a number$"):
            numbers({"a": Several()})


class TestDeclaration(unittest.TestCase):
    def test_mistakes(self):
        for said, want in (
            ({"slots": 0}, "slots is 0: give a whole number, at least 1"), ({"slots": "two"}, "slots is 'two': give a whole number"),
            ({"batch": -1}, "batch is -1: give a whole number, 0 for none"), ({"tasks": ["trian"]}, "give a list of train, supernet, score"),
            ({"tasks": "train"}, "tasks is 'train': give a list"), ({"deterministic": "no"}, "deterministic is 'no': give True or False"),
            ({"budget": 0}, "budget is 0: give a number above 0"), ({"data": [1]}, "data is .1.: give a text"),
            ({"options": ["width"]}, "give a dict of names and defaults"), ({"open": 3}, "open is 3: give a function"),
            ({"metrics": "f1"}, "metrics is 'f1': give a list"), ({"metrics": {"f1": "max"}}, "metric f1 is declared with goal 'max': give goal .maximize"),
            ({"metrics": {"f1": {"gaol": "maximize"}}}, "metric f1 is declared with gaol"),
            ({"metrics": ["top 1"]}, "'top 1' is no name for a metric: use up to 100 letters"), ({"metrics": ["gene:x"]}, "'gene:x' is no name"),
            ({"metrics": ["a\x07b"]}, "'a.x07b' is no name"), ({"metrics": {"-x": "minimize"}}, "no dash first"), ({"metrics": [""]}, "'' is no name"),
            ({"operational": "width"}, "operational is 'width': give a list"),
        ):
            with self.assertRaisesRegex(TypeError, want):
                nascent.evaluator(**said)
        for said, want in (({"history": "some"}, "history is 'some': give none, metrics or all"), ({"batch": 1.5}, "batch is 1.5"), ({"tasks": 3}, "tasks is 3")):
            with self.assertRaisesRegex(TypeError, want):
                nascent.strategy(**said)

    def test_what_open_answers(self):
        for said, want in (({"slots": "two"}, "slots is 'two'"), ({"slot": 2}, "open answered slot: it may answer slots"),
                           ([1], "open answered .1.: let it answer a dict, or nothing")):
            nascent.evaluator(open=lambda setup: said)(print)
            with self.assertRaisesRegex(TypeError, want):
                declared.pop().open(nascent.Setup({}))
        nascent.evaluator(open=lambda setup: {"batch": 4, "tasks": ("train", "score")})(print)
        evaluator = declared.pop()
        evaluator.open(nascent.Setup({}))
        self.assertEqual((evaluator.batch, evaluator.hello["slots"], evaluator.hello["batch"], evaluator.hello["tasks"]), (4, 4, True, ["train", "score"]))


class TestBatch(unittest.TestCase):
    def test_answers(self):
        for answer, want in (
            (None, "answered a batch with a NoneType: return a list of as many dicts"), ({"a": 1}, "answered a batch with a dict: return a list"),
            ([{"a": 1}], "answered 1 of 2 jobs"), ([{"a": 1}, ValueError("mine")], "ValueError: mine"),
        ):
            worker = Worker(Evaluator(lambda jobs: answer, 2, None, {}), {})
            last = worker.carry_out((Job({"id": 1}), Job({"id": 2})))[1]
            self.assertIn(want, last["failed"])
        worker = Worker(Evaluator(lambda jobs: ({"a": j.attempt} for j in jobs), 2, None, {}), {})
        self.assertEqual([a["metrics"] for a in worker.carry_out((Job({"id": 1}), Job({"id": 2, "attempt": 3})))], [{"a": 1.0}, {"a": 3.0}])


class TestJob(unittest.TestCase):
    def setUp(self):
        self.sent = []

    def job(self, **order):
        return Job({"id": 7, "candidate": "12", **order}, {}, self.sent.append)

    def test_attributes(self):
        job = self.job(genes={"x": 1}, budget=3, input="aGk=", resume={"weights": "/w"}, inherit={"a": "/a", "b": "/b"})
        self.assertEqual((job.id, job.genes, job.budget, job.input), ("12", {"x": 1}, 3, b"hi"))
        self.assertEqual((job.resume, job.inherited["b"]), (Path("/w"), Path("/b")))
        self.assertIsNone(self.job().resume)
        self.assertEqual(self.job(resume={"a": "/a", "checkpoint": "/c"}).resume, Path("/c"))

        self.assertEqual((job.attempt, job.phase, job.task, job.seed, job.network, job.resumed_own), (1, "search", "train", 0, None, False))
        with self.assertRaisesRegex(AttributeError, "^a job has no epochs$"):
            job.epochs

    def test_nobody_keeps_a_job_that_is_done(self):
        job = self.job()
        gone = weakref.ref(job)
        worker = Worker(Evaluator(lambda jobs: [{"a": 1}], 1, None, {}), {})
        answer = worker.carry_out((job,))[0]
        answer.pop("usage", None)
        self.assertEqual(answer, {"id": 7, "scratch": False, "metrics": {"a": 1.0}})
        del answer
        gc.disable()
        self.addCleanup(gc.enable)
        del job
        self.assertIsNone(gone())

    def test_report(self):
        job = self.job()
        job.report(accuracy=Scalar(0.5), loss=float("inf"))
        job.report(epoch=5, accuracy=0.6)
        job.report(6, accuracy=0.7)
        self.assertEqual([m["step"] for m in self.sent], [1, 5, 6])
        self.assertEqual(self.sent[0], {"id": 7, "step": 1.0, "report": {"accuracy": 0.5}})
        with self.assertRaisesRegex(ValueError, "^the step is inf$"):
            job.report(epoch=float("inf"), accuracy=0.8)

    def test_stopping_rule(self):
        for goal, good, bad in (("maximize", 0.6, 0.4), ("minimize", 0.4, 0.6)):
            job = self.job(stop={"metric": "m", "goal": goal, "step": 2, "threshold": 0.5})
            job.report(1, m=bad)
            job.report(2, m=good)
            job.report(3, other=bad)
            with self.assertRaises(nascent.Stopped):
                job.report(3, m=bad)
            with self.assertRaises(nascent.Stopped):
                self.job(stop={"metric": "m", "goal": goal, "step": 0, "threshold": 0.5}).report(1, m=float("nan"))
            self.assertTrue(job.cancelled)

    def test_cancelled_is_no_exception(self):
        self.assertFalse(issubclass(nascent.Cancelled, Exception))

    def test_names_of_files(self):
        with tempfile.TemporaryDirectory() as folder:
            job = self.job(scratch=os.path.join(folder, "job"))
            file = job.scratch / "x"
            for name in ("checkpoint", "größe", "best weights.bin", "..."):
                file.write_text("x")
                job.keep(file, name)
            file.write_text("x")
            for name in ("", ".", "..", "../evil", "/a", "a/b", "a\\b", "a\nb", "\x1b[1m", "\u202ea", "\udc80", "x" * 201):
                for take in (job.keep, job.save):
                    with self.assertRaisesRegex(ValueError, "is no name for a file: it takes up to 200 bytes that can be printed, no /"):
                        take(file, name)
            with self.assertRaisesRegex(TypeError, "^the name of a file is a PosixPath, not a text$"):
                job.keep(file, file)
            self.assertTrue(file.exists())
        self.assertEqual(self.sent, [])

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            job = self.job(scratch=os.path.join(folder, "job"))
            file = job.scratch / "weights"
            file.write_text("one")
            job.save(file)
            self.assertFalse(file.exists())
            file = Path(folder) / "weights"
            file.write_text("two")
            job.save(str(file))
            self.assertTrue(file.exists(), "a file of its owner's is moved away")
            taken = [Path(m["save"]["checkpoint"]) for m in self.sent]
            self.assertEqual([t.read_text() for t in taken], ["one", "two"])
        with self.assertRaises(RuntimeError):
            self.job().scratch


class TestExplain(unittest.TestCase):
    def test_the_users_own_line(self):
        try:
            self.fails()
        except ZeroDivisionError as error:
            line = explain(error, [os.path.dirname(os.path.abspath(__file__))])
            self.assertRegex(line, r"^ZeroDivisionError: .* \(test_nascent\.py:\d+: return 1 / 0\)$")
            self.assertIn("return 1 / 0", report(error))

    def fails(self):
        return 1 / 0


class Program:
    """A worker process."""

    def __init__(self, source, files=None, link=None, **options):
        """Files lie beside the evaluator; one behind a link has another name."""
        self.folder = tempfile.TemporaryDirectory()
        for name, text in (files or {}).items():
            path = os.path.join(self.folder.name, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as out:
                out.write(textwrap.dedent(text))
        file = os.path.join(self.folder.name, "evaluate.py")
        if link:
            os.symlink(link, file)
        with open(file, "w") as out:
            out.write("import nascent\n" + textwrap.dedent(source))
        self.process = subprocess.Popen([sys.executable, "-m", "nascent", "work", file], env={**os.environ, "PYTHONPATH": str(ROOT)},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.send({"open": {"protocol": 1, "options": options}})
        self.first = self.receive()

    def send(self, *messages):
        self.process.stdin.write("".join(json.dumps(m) + "\n" for m in messages).encode())
        self.process.stdin.flush()

    def receive(self):
        """The next message, without what tells that no directory was made, and what the
        job took: that depends on how fast the machine is."""
        message = self.whole()
        if message.get("scratch") is False:
            del message["scratch"]
        return message

    def whole(self):
        """The next message without what the job took, which is kept."""
        message = json.loads(self.process.stdout.readline())
        self.usage = message.pop("usage", None)
        return message

    def end(self):
        """What it printed; its standard input ends."""
        _, words = self.process.communicate(timeout=300)
        self.folder.cleanup()
        return words.decode()


def orders(*ids, **more):
    return [{"job": {"id": n, "candidate": str(n), "genes": {"x": n}, "budget": 1, **more}} for n in ids]


class TestPipe(unittest.TestCase):
    def test_lines_are_what_json_makes_of_messages(self):
        metrics = {"accuracy": 1 / 3, "a \"quoted\" näme": -1e-300, "large": 1e22, "whole": 5.0}
        for message in ({"id": 7, "scratch": False, "metrics": metrics}, {"id": 7, "scratch": False, "metrics": {}},
                        {"id": 7, "metrics": metrics, "stopped": True}, {"id": 7, "scratch": False, "failed": "\n"}):
            self.assertEqual(encode(message), json.dumps(message, separators=(",", ":")) + "\n")


BURN = """
            def burn(seconds):
                end = time.process_time() + seconds
                while time.process_time() < end:
                    pass
"""


class TestUsage(unittest.TestCase):
    """What jobs take of the machine."""

    def test_of_each_job(self):
        program = Program(f"""
            import os, time
            {BURN}
            @nascent.evaluator
            def evaluate(job):
                x = job.genes["x"]
                if x == 1:
                    large = bytes(bytearray(range(256)) * (1 << 19))
                    del large
                if x == 3 and os.fork() == 0:
                    burn(0.06)
                    os._exit(0)
                if x == 3:
                    os.wait()
                if x == 4:
                    burn(0.02)
                    raise nascent.Invalid("no")
                burn(0.02)
                return {{"accuracy": 1}}
        """)
        used = {}
        for n in 1, 2, 3, 4:
            program.send(*orders(n))
            program.receive()
            used[n] = program.usage
        program.end()
        for n, cpu in ((1, 0.02), (2, 0.02), (3, 0.08), (4, 0.02)):
            self.assertGreaterEqual(used[n]["cpu"], cpu)
            self.assertNotIn("gpu_memory", used[n])
        if not os.access("/proc/self/clear_refs", os.W_OK):
            self.skipTest("the system keeps no peaks of single jobs")
        self.assertGreater(used[1]["memory"], 128 << 20)
        self.assertLess(used[2]["memory"], 128 << 20, "the peak of the job before")

    def test_nothing_of_what_jobs_have_in_common(self):
        program = Program(f"""
            import threading, time
            {BURN}
            both = threading.Barrier(2)

            @nascent.evaluator(slots=2)
            def evaluate(job):
                if job.genes["x"] < 3:
                    both.wait()
                burn(0.02)
                if job.genes["x"] < 3:
                    both.wait()
                return {{"accuracy": 1}}
        """)
        program.send(*orders(1, 2))
        for _ in 1, 2:
            program.receive()
            self.assertIsNone(program.usage)
        program.send(*orders(3))
        program.receive()
        self.assertGreaterEqual(program.usage["cpu"], 0.02)
        program.end()
        batch = Worker(Evaluator(lambda jobs: time.sleep(0.02) or [{"a": 1}] * 2, 2, None, {}), {})
        for answer in batch.carry_out((Job({"id": 1}), Job({"id": 2}))):
            self.assertNotIn("usage", answer)

    def test_gpu(self):
        peaks = [5 << 30, 7 << 30]

        class Cuda:
            @staticmethod
            def is_initialized():
                return True

            @staticmethod
            def device_count():
                return 2

            @staticmethod
            def max_memory_allocated(device):
                return peaks[device]

            @staticmethod
            def reset_peak_memory_stats(device):
                peaks[device] = 1

        torch, was = types.SimpleNamespace(cuda=Cuda), sys.modules.get("torch")
        sys.modules["torch"] = torch
        try:
            worker = Worker(Evaluator(lambda job: time.sleep(0.02) or {"a": 1}, 0, None, {}), {})
            first, second = (worker.carry_out((Job({"id": n}),))[0]["usage"] for n in (1, 2))
            torch.cuda = None  # half imported
            third = worker.carry_out((Job({"id": 3}),))[0]
            torch.cuda = Cuda
            guest = Worker(Evaluator(lambda job: time.sleep(0.02) or {"a": 1}, 0, None, {}), {}, ours=False)
            peaks[0] = 9
            own = guest.carry_out((Job({"id": 4}),))[0].get("usage", {})
        finally:
            del sys.modules["torch"]
            if was is not None:
                sys.modules["torch"] = was
        self.assertEqual((first["gpu_memory"], second["gpu_memory"]), (7 << 30, 1))
        self.assertEqual(third["metrics"], {"a": 1.0})
        self.assertNotIn("memory", own, "somebody else's process is measured by its peak, which is not of the job")
        self.assertEqual(peaks[0], 9, "somebody else's peaks are forgotten")


class TestWorker(unittest.TestCase):
    def test_what_a_failed_job_had_is_let_go(self):
        program = Program("""
            import gc
            gc.disable()

            class Large:
                there = 0
                def __init__(self):
                    Large.there += 1
                def __del__(self):
                    Large.there -= 1

            @nascent.evaluator
            def evaluate(job):
                before, large = Large.there, Large()
                if job.genes["x"] == 1:
                    raise ValueError("no")
                if job.genes["x"] == 2:
                    raise nascent.Invalid("no")
                return {"accuracy": before}
        """)
        for n in 1, 2, 3:
            program.send(*orders(n))
            answer = program.receive()
        self.assertEqual(answer, {"id": 3, "metrics": {"accuracy": 0.0}})
        program.end()

    def test_a_signal_handler_that_raises_between_jobs(self):
        program = Program("""
            import os, signal, threading, time

            def handler(*_):
                raise ValueError("a child has died")

            signal.signal(signal.SIGCHLD, handler)

            @nascent.evaluator
            def evaluate(job):
                if job.genes["x"] == 1:
                    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGCHLD)).start()
                return {"accuracy": 1}
        """)
        program.send(*orders(1))
        self.assertEqual(program.receive(), {"id": 1, "metrics": {"accuracy": 1.0}})
        self.assertTrue(any(b"a child has died" in line for line in program.process.stderr))
        program.send(*orders(2))
        self.assertEqual(program.receive(), {"id": 2, "metrics": {"accuracy": 1.0}})
        program.end()

    def test_five_lines(self):
        program = Program("""
            @nascent.evaluator
            def evaluate(job):
                print("working on", job.genes["x"])
                if job.genes["x"] == 2:
                    raise nascent.Invalid("not two")
                if job.genes["x"] == 3:
                    raise nascent.Returned("no room")
                return {"accuracy": 1 / (job.genes["x"] - 4)}
        """)
        hello = program.first["hello"]
        self.assertEqual((hello["slots"], hello["batch"], hello["metrics"], list(hello["sources"])), (1, False, None, ["evaluate.py"]))
        program.send(*orders(5, 2, 3, 4))
        answers = [program.receive() for _ in range(4)]
        self.assertEqual(answers[0], {"id": 5, "metrics": {"accuracy": 1.0}})
        self.assertEqual(answers[1:3], [{"id": 2, "invalid": "not two"}, {"id": 3, "returned": "no room"}])
        self.assertIn("ZeroDivisionError", answers[3]["failed"])
        self.assertIn("evaluate.py:10: return", answers[3]["failed"])
        words = program.end()
        self.assertIn("working on 5", words)
        self.assertIn("candidate 4 () failed:\nTraceback", words)
        self.assertNotIn("worker.py", words)

    def test_an_evaluator_behind_a_link_imports_beside_its_target(self):
        program = Program("""
            import beside, here

            @nascent.evaluator
            def evaluate(job):
                return {"accuracy": beside.answer(job.genes["x"])}
        """, files={"lib/beside.py": "def answer(x):\n    return 1 / x\n", "lib/here.py": "", "here.py": ""}, link="lib/real.py")
        self.assertEqual(sorted(program.first["hello"]["sources"]), ["beside.py", "evaluate.py", "here.py"])
        program.send(*orders(2, 0))
        self.assertEqual(program.receive(), {"id": 2, "metrics": {"accuracy": 0.5}})
        answer = program.receive()
        self.assertIn("(beside.py:2: return 1 / x)", answer["failed"])
        self.assertEqual(answer["fault"], "builtins.ZeroDivisionError beside.py:2")
        program.end()

    def test_batch(self):
        program = Program("""
            @nascent.evaluator(batch=3)
            def evaluate(jobs):
                return [ValueError("odd") if job.genes["x"] == 1 else {"accuracy": job.genes["x"]} for job in jobs]
        """)
        self.assertEqual((program.first["hello"]["slots"], program.first["hello"]["batch"]), (3, True))
        program.send(*orders(1, 2, 3, 4))
        answers = {a["id"]: a for a in (program.receive() for _ in range(4))}
        self.assertEqual(answers[1], {"id": 1, "failed": "ValueError: odd", "fault": "builtins.ValueError"})
        self.assertEqual([answers[n]["metrics"]["accuracy"] for n in (2, 3, 4)], [2, 3, 4])
        program.end()

    def test_batch_must_answer_all(self):
        program = Program("""
            @nascent.evaluator(batch=2)
            def evaluate(jobs):
                return []
        """)
        program.send(*orders(1))
        self.assertIn("answered 0 of 1 jobs", program.receive()["failed"])
        program.end()

    def test_options(self):
        source = """
            @nascent.evaluator(options={"width": 32, "deep": False})
            def evaluate(job):
                return {"accuracy": job.options["width"] + job.options["deep"]}
        """
        program = Program(source, deep=True)
        program.send(*orders(1))
        self.assertEqual(program.receive()["metrics"]["accuracy"], 33)
        program.end()
        program = Program(source, wdith=1)
        self.assertEqual(program.first, {"refuse": {"key": "wdith", "text": "there is no such option: use one of deep, width"}})
        program.end()

    def test_cancel(self):
        for how, source in {
            "asleep": "import time; time.sleep(3600)",
            "reporting": "\n                while True: job.report(accuracy=0)",
            "looking": "\n                while not job.cancelled: pass\n                raise nascent.Cancelled",
        }.items():
            with self.subTest(how):
                program = Program(f"""
            @nascent.evaluator
            def evaluate(job):
                if job.genes["x"] == 2: return {{"accuracy": 1}}
                job._tell({{"id": 1, "step": 0, "report": {{}}}})
                {source}
                """)
                program.send(*orders(1))
                self.assertIn("report", program.receive())
                program.send({"cancel": 1})
                answer = program.receive()
                while "report" in answer:
                    answer = program.receive()
                self.assertEqual(answer, {"id": 1, "returned": "cancelled"})
                program.send(*orders(2))
                self.assertEqual(program.receive()["metrics"], {"accuracy": 1.0})
                program.end()

    def test_threads_are_interrupted_too(self):
        program = Program("""
            import time

            @nascent.evaluator(slots=2)
            def evaluate(job):
                job._tell({"id": job._id, "step": 0, "report": {}})
                while job.genes["x"] < 3:
                    time.sleep(0.001)
                return {"accuracy": 1}
        """)
        program.send(*orders(1, 2))
        program.receive(), program.receive()
        program.send({"cancel": 1}, {"cancel": 2})
        ended = sorted((program.receive() for _ in range(2)), key=lambda a: a["id"])
        self.assertEqual(ended, [{"id": n, "returned": "cancelled"} for n in (1, 2)])
        program.send(*orders(3))
        program.receive()
        self.assertEqual(program.receive()["metrics"], {"accuracy": 1.0})
        program.end()

    def test_tells_whether_scratch_was_made(self):
        program = Program("""
            @nascent.evaluator
            def evaluate(job):
                return {"accuracy": job.genes["x"] == 1 or job.scratch.is_dir()}
        """)
        with tempfile.TemporaryDirectory() as folder:
            for x, said in ((1, {"scratch": False}), (2, {})):
                order = orders(x)[0]
                order["job"]["scratch"] = os.path.join(folder, "job")
                program.send(order)
                self.assertEqual(program.whole(), {"id": x, **said, "metrics": {"accuracy": 1.0}})
        program.end()

    def test_cancelled_before_it_begins(self):
        program = Program("""
            @nascent.evaluator
            def evaluate(job):
                job.report(x=0)
                while not job.cancelled: pass
                return {"accuracy": 1}
        """)
        program.send(*orders(1, 2))
        program.receive()
        program.send({"cancel": 2}, {"cancel": 1})
        self.assertEqual(program.receive()["id"], 1)
        self.assertEqual(program.receive(), {"id": 2, "returned": "cancelled"})
        program.end()

    def test_children_do_not_speak(self):
        program = Program("""
            import os

            @nascent.evaluator
            def evaluate(job):
                child = os.fork()
                if child == 0:
                    try:
                        job.report(accuracy=1)
                    except RuntimeError:
                        os._exit(3)
                    os._exit(0)
                return {"accuracy": os.waitpid(child, 0)[1] >> 8}
        """)
        program.send(*orders(1))
        self.assertEqual(program.receive(), {"id": 1, "metrics": {"accuracy": 3.0}})
        program.end()


class TestTry(unittest.TestCase):
    def test_try(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "evaluate.py")
            with open(file, "w") as out:
                out.write("import nascent\n@nascent.evaluator\ndef evaluate(job):\n"
                          "    job.report(epoch=1, accuracy=0.5)\n    return {'accuracy': 1 / job.genes['x']}\n")

            def attempt(*args, given=""):
                return subprocess.run([sys.executable, "-m", "nascent", "try", file, *args], env={**os.environ, "PYTHONPATH": str(ROOT)},
                                      input=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

            done = attempt("--job", "-", given='{"genes": {"x": 4}, "options": {"python": "python3", "devices": [0]}}')
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn('{"step": 1.0, "report": {"accuracy": 0.5}}\n{"metrics": {"accuracy": 0.25}}\n', done.stdout)
            done = attempt("--job", "-", given='{"genes": {"x": 0}}')
            self.assertEqual(done.returncode, 1)
            self.assertIn("evaluate.py:5: return", done.stdout)
            done = attempt()
            self.assertEqual(done.returncode, 1)
            self.assertIn("name one with --search", done.stderr)
            for args, wrong, want in (
                (("--job", "-"), '{"genes": ', "standard input is no JSON ("), (("--job", "-"), "[1]", "standard input is no job: give an object"),
                (("--job", "no-such-file"), "", "no-such-file cannot be read (No such file or directory): give a file with a job"),
            ):
                done = attempt(*args, given=wrong)
                self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
                self.assertTrue(done.stderr.startswith(want), done.stderr)
            self.assertIn("-1 is no seed: give a number from 0 to 2**53-1", attempt("--seed", "-1").stderr)
            with open(file, "a") as out:
                out.write("nascent.declare.declared[0].opening = lambda setup: {}['none']\n")
            done = attempt("--job", "-", given='{"genes": {"x": 4}}')
            self.assertEqual(done.returncode, 1)
            self.assertIn("evaluate.py cannot be opened: KeyError: 'none' (evaluate.py:6: nascent.declare", done.stderr)
            self.assertNotIn("attempt.py", done.stderr)
            os.remove(file)
            self.assertEqual(attempt().stderr, f"there is no file {file}: name that of an evaluator or a strategy\n")


if __name__ == "__main__":
    unittest.main()
