import contextlib
import io
import os
import tempfile
import unittest
from unittest import mock

import torch
from gpucheck import __main__ as program
from gpucheck import card, correct, report, speed


class Program(unittest.TestCase):
    def check(self, rows, *args):
        """The exit status, what is printed, and what is written."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        out = os.path.join(folder.name, "new", "gpu.md")
        options = program.read(["--device", "cpu", "--out", out, "--parts", "memory", *args])
        with mock.patch.object(program, "ask", lambda options, part, limit: iter(rows)), contextlib.redirect_stdout(io.StringIO()) as said:
            status = program.check(options)
        with open(out) as f:
            return status, said.getvalue(), f.read()

    def test_status(self):
        good = report.judge("bits", "yes", "yes", True)
        slow = report.compare("speed", 3, "3 an hour", 5000, "an hour", True)
        status, said, _ = self.check([good, slow])
        self.assertEqual((status, slow.verdict), (0, "below the aim"))
        self.assertIn("nothing is wrong", said)
        status, said, written = self.check([good, report.judge("bits", "no", "yes", False)])
        self.assertEqual(status, 1)
        self.assertIn("1 of 2 are wrong", said)
        self.assertIn("| bits | no | yes | FAIL |", written)

    def test_figures_are_not_mistaken(self):
        row = report.compare("speed", 9000, "9,000 an hour", 5000, "an hour", False)
        self.assertEqual(row.verdict, "")
        _, _, written = self.check([row], "--quick")
        self.assertIn("No figure here is one of a GPU", written)
        self.assertIn("too small", written)
        self.assertNotIn("rehearsal", report.markdown("NVIDIA H100", [row], False, False))

    def test_parts(self):
        command = [program.sys.executable, "-c", "print('{\"what\": \"a\", \"found\": \"b\"}'); raise SystemExit(3)"]
        with mock.patch.object(program.subprocess, "Popen", lambda _, **how: popen(command, **how)):
            rows = list(program.ask(program.read([]), "memory", 60))
        self.assertEqual([r.verdict for r in rows], ["", "FAIL"])
        self.assertIn("status 3", rows[1].found)
        # One that does not end, and has started another that does not either, and
        # would keep the pipe open.
        script = "import json, subprocess, time; subprocess.Popen(['sleep', '1000']); print(json.dumps({'what': 'a', 'found': 'b'}), flush=True); time.sleep(1000)"
        with mock.patch.object(program.subprocess, "Popen", lambda _, **how: popen([program.sys.executable, "-c", script], **how)):
            *_, last = program.ask(program.read([]), "memory", 2)  # a slow machine may come to no row before
        self.assertEqual((last.verdict, last.found), ("FAIL", "did not end within 2 s"))
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()) as said:
            program.read(["--parts", "mood"])
        self.assertIn("choose from correct", said.getvalue())

    def test_cannot_be_written(self):
        with mock.patch.object(program.Path, "write_text", side_effect=OSError(28, "No space left on device")), contextlib.redirect_stdout(io.StringIO()) as said:
            with mock.patch.object(program, "ask", lambda options, part, limit: iter([report.Row("a", "found")])), tempfile.TemporaryDirectory() as folder:
                status = program.check(program.read(["--device", "cpu", "--out", os.path.join(folder, "gpu.md"), "--parts", "memory"]))
        self.assertEqual(status, 0)
        self.assertRegex(said.getvalue(), "(?s)found.*No space left on device")

    def test_no_time_left(self):
        status, said, written = self.check([report.Row("a", "b")], "--parts", "memory,whole", "--seconds", "10")
        self.assertEqual((status, written.count("left out")), (0, 2))
        with mock.patch.object(program, "time", mock.Mock(monotonic=lambda: 7.0)):
            status, said, written = self.check([report.Row("a", "b")], "--seconds", "300")
        self.assertIn("| a | b |", written)
        self.assertIn("# memory: up to 300 s; 0 s gone, 300 s left", said)

    def test_the_rest_goes_on(self):
        def rows():
            yield report.Row("a", "b")
            raise RuntimeError("CUDA error: unspecified\nCompile with")

        with contextlib.redirect_stderr(io.StringIO()) as said:
            got = list(report.guarded("trainings", rows()))
        self.assertEqual(got, [report.Row("a", "b"), report.Row("trainings", "RuntimeError: CUDA error: unspecified", "", "FAIL")])
        self.assertIn("in rows", said.getvalue())

    def test_what_is_lacking(self):
        for seen, found, visible, want in (("NVIDIA H100", True, "0", ("", 0)), ("NVIDIA H100", False, "0", ("install PyTorch for CUDA", 1)),
                                           ("", False, "0", ("no GPU here", 0)), ("NVIDIA H100", False, "", ("no GPU here", 0))):  # fmt: skip
            with mock.patch.object(program, "cards", lambda: seen), mock.patch.object(torch.cuda, "is_available", lambda: found):
                with mock.patch.dict(os.environ, {"CUDA_VISIBLE_DEVICES": visible}):
                    text, status = program.lacking("cuda")
            self.assertIn(want[0], text)
            self.assertEqual((status, bool(text)), (want[1], bool(want[0])))


popen = program.subprocess.Popen


class Measures(unittest.TestCase):
    def test_rates(self):
        class Pretended:
            def __init__(self, device, pack, **options):
                if pack == 4:
                    raise RuntimeError("CUDA error: unknown")
                self.said = {"batch": pack}

            def __enter__(self):
                return self

            def __exit__(self, *error):
                pass

            def run(self, orders):
                return [{"accuracy": 0.5, "pack": len(orders)}] * len(orders)

        with mock.patch.object(speed, "Bench", Pretended), mock.patch.object(speed, "floats", lambda bench, order: 7), contextlib.redirect_stderr(io.StringIO()):
            rows = list(speed.rates("networks", (1, 4, 2), ["a"] * 4, "cpu", 0, 60))
            late = list(speed.rates("networks", (1, 2), ["a"] * 4, "cpu", 0, -1))
        self.assertEqual([(row.what, row.verdict, rate and rate.pack) for row, rate in rows],
                         [("networks, one after another", "", 1), ("networks, 4 in a pack", "FAIL", None), ("networks, 2 in a pack", "", 2)])  # fmt: skip
        self.assertIn("TFLOP/s", rows[0][0].found)
        self.assertEqual({row.found for row, _ in late}, {"left out: it might take too long"})

    def test_distance(self):
        want = torch.tensor([10.0, 1.0])
        self.assertAlmostEqual(correct.distance(torch.tensor([10.0, 1.5]), want), 0.05)
        self.assertEqual(correct.distance(torch.tensor([float("nan"), 1.0]), want), float("inf"))
        self.assertAlmostEqual(correct.distance(torch.tensor([1e-6]), torch.tensor([0.0])), 2e-5)

    def test_held(self):
        before = card.held("cpu")
        kept = torch.zeros(1000)
        self.assertEqual(card.held("cpu") - before, 4000)
        window = kept[:10]
        self.assertEqual(card.held("cpu") - before, 4000)
        del kept, window
        self.assertEqual(card.held("cpu"), before)

    def test_busy(self):
        with mock.patch.object(card.shutil, "which", lambda name: name), mock.patch.object(
            card.subprocess, "Popen", lambda command, **how: popen(["printf", "90\\n[N/A]\\n70\\n"], **how)
        ):
            with card.Busy("cuda") as busy:
                busy._process.wait()
        self.assertEqual(str(busy), "80 % busy")
        with card.Busy("cpu") as busy:
            pass
        self.assertEqual(str(busy), "")

    def test_rate(self):
        calls = []

        class Pretended:
            said = {"batch": 2}

            def run(self, orders):
                calls.append(list(orders))
                return [{"accuracy": 0.5, "pack": 2}] * len(orders)

        rate = speed.Rate(Pretended(), ["a", "b", "c", "d", "e"], "cpu", 0)
        self.assertEqual(calls, [["a", "b"], ["c", "d"]])
        self.assertEqual((rate.pack, rate.accuracy), (2, 50))
