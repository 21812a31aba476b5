"""Tests of searches that Python drives. They need the program nascent: $NASCENT, or in $PATH."""
import contextlib
import importlib
import io
import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest
import warnings
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import nascent  # noqa: E402
from nascent import _programs, engine  # noqa: E402
from nascent.found import flat, name_of  # noqa: E402
from nascent.run import cannot_fork  # noqa: E402

warnings.filterwarnings("ignore", message=".*multi-threaded.*", category=DeprecationWarning)  # of fork, from 3.12 on

SPACE = {"x": {"float": [-10, 10]}, "deep": {"list": {"kernel": {"choice": [3, 5]}}, "length": [1, 2]}}


def quality(trial):
    return -(trial.genes["x"] - 3) ** 2


def program():
    try:
        return _programs.path()
    except _programs.Missing:
        return None


@unittest.skipUnless(program(), "there is no program nascent: set $NASCENT to its path, or build it into $PATH")
class Case(unittest.TestCase):
    def setUp(self):
        where = tempfile.TemporaryDirectory()
        self.addCleanup(where.cleanup)
        self.dir = os.path.join(where.name, "mine")
        self.addCleanup(self.nascent, "stop", check=False)

    def nascent(self, command, *arguments, check=True):
        done = subprocess.run([program(), command, self.dir, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if check and done.returncode != 0:
            self.fail(f"nascent {command}: {done.stderr.decode()}")
        return done.stdout.decode()

    def search(self, **more):
        arguments = {"space": SPACE, "objectives": {"accuracy": "maximize"}, "strategy": "random", **more}
        search = nascent.Search(self.dir, **arguments)
        self.addCleanup(search.close)
        return search

    def engine(self):
        """The process that runs the search."""
        return int(Path(self.dir, "lock").read_text().split()[0])

    def kill(self):
        """Kill it, and wait until nothing of it is left."""
        os.kill(self.engine(), signal.SIGKILL)
        while engine.ask(self.dir, "status") is None:
            time.sleep(0.01)

    def rows(self):
        return [json.loads(line) for line in self.nascent("list", "--json").splitlines()]


class TestSteering(Case):
    def test_while_it_runs_and_while_it_does_not(self):
        search = self.search(limits={"evaluations": 4})
        for trial in search.ask(evaluations=4):
            if trial.id == "2":
                first = search.set(evaluations=8, workers=3, request="more")
                self.assertEqual(first.turn, search.set(evaluations=8, workers=3, request="more").turn)
                with self.assertRaisesRegex(nascent.EngineError, "the name of another one"):
                    search.set(evaluations=100, request="more")
                self.assertEqual((first.request, first.planned, first.ids), ("more", False, []))
                search.note("at 2")
                self.assertEqual(len(search.add("x=3 deep=[(kernel=3)]", request="add").ids), 1)
                values = {"x": 2, "deep": [{"kernel": 5}]}
                added = search.add(values, "x=1 deep=[(kernel=3)]", request="values")
                self.assertEqual((added.request, len(added.ids)), ("values", 2))
                self.assertEqual(search.add(values, "x=1 deep=[(kernel=3)]", request="values").ids, added.ids)
                search.ban("deep.length = 2")
                self.assertTrue(search.pause(at_turn=6).planned)
            search.tell(trial, accuracy=quality(trial))
        self.assertEqual(search.status["limits"], {"evaluations": 8})
        self.assertEqual(search.status["bans"], ["deep.length = 2"])
        search.close()
        self.nascent("stop")
        search.resume()
        search.unban("deep.length = 2")
        self.assertTrue(search.pause(at_turn=900, request="later").planned)
        search.withdraw("later")
        search.label("good", "1", 2)
        self.assertTrue(search.label("late", 1, at_turn=900).planned)
        self.assertTrue(search.note("late", at_turn=900).planned)
        self.assertTrue(search.add({"x": 0, "deep": [{"kernel": 3}]}, at_turn=900).planned)
        with self.assertRaisesRegex(nascent.EngineError, "y"):
            search.add({"y": 1})
        for text, refused in {"q": lambda: search.ban("q = 1"), "8": lambda: search.cancel(1), "99": lambda: search.pin(99),
                              "seed": lambda: search.set({"seed": 3}),
                              "fleet.hosts: nobody places hosts": lambda: search.set(hosts=4)}.items():
            with self.assertRaisesRegex(nascent.EngineError, text if text != "8" else "has its result already"):
                refused()
        with self.assertRaisesRegex(ValueError, "no candidate"):
            search.cancel("best")
        kinds = [e["kind"] for e in search.log if e.get("by") == "python"]
        self.assertEqual(kinds, ["set", "note", "add", "add", "ban", "plan", "unban", "plan", "withdraw", "label", "plan", "plan", "plan"])

    def test_takeover(self):
        search = self.search(limits={"evaluations": 12}, evaluator={"metrics": ["accuracy", "cost"]}, seed=3)
        for trial in search.ask(evaluations=12):
            search.tell(trial, accuracy=quality(trial), cost=float(len(trial.genes["deep"])))
            if trial.id == "6":
                with self.assertRaisesRegex(nascent.EngineError, "no evaluator measures \"speed\""):
                    search.takeover(objectives={"speed": "maximize"})
                change = {"space": {**SPACE, "x": {"float": [0, 20]}}, "objectives": {"accuracy": "maximize", "cost": "minimize"}}
                would = search.takeover(**change, dry_run=True)
                self.assertEqual(repr(would), f"<nothing was changed: {would.says}>")
                self.assertEqual([o["metric"] for o in search.status["objectives"]], ["accuracy"])
                done = search.takeover(**change, request="wider")
                self.assertRegex(done.says, "^[0-6] of 6 candidates fit; ")
                self.assertRegex(would.says, "^[0-6] of [56] candidates fit; .*x: ")
                more = {**change["space"], "extra": {"float": [0, 1]}}
                self.assertRegex(search.takeover(space=more, dry_run=True).says, "^0 of ")
                self.assertRegex(search.takeover(space=more, was={"extra": 0.5}, dry_run=True).says, "^[1-9] of .*extra=0.5 where")
                turn = done.turn
                self.assertEqual(turn, search.takeover(**change, request="wider").turn)
        self.assertEqual([o["metric"] for o in search.status["objectives"]], ["accuracy", "cost"])
        self.assertRegex("".join(e.get("text", "") for e in search.log if e["kind"] == "takeover"), "of 6 candidates fit; .*x: ")
        rows = self.rows()
        self.assertEqual(len(rows), 12)
        self.assertTrue(all(row["genes"]["x"] >= 0 for row in rows[6:]), rows)
        self.assertTrue(all(c.genes["x"] >= 0 for c in search.front))
        self.assertTrue(any(row["genes"]["x"] < 0 for row in rows), "no candidate of before is outside")

    def test_branch(self):
        search = self.search(limits={"evaluations": 6}, deterministic=True)
        search.run(lambda t: {"accuracy": quality(t)})
        measured = []

        def measure(trial):
            measured.append(trial.id)
            return {"accuracy": quality(trial)}

        same = search.branch(self.dir + "-same", turn=3)
        self.addCleanup(same.close)
        self.assertEqual(same.status["branched"], {"from": os.path.basename(self.dir), "turn": 3})
        same.run(measure)
        self.assertEqual(measured, [])  # all of it is known
        self.assertEqual([c.text for c in same.candidates()], [c.text for c in search.candidates()])
        other = search.branch(self.dir + "-other", turn=0, seed=7)
        self.addCleanup(other.close)
        other.run(measure)
        self.assertEqual(len(measured), 6)
        self.assertNotEqual([c.text for c in other.candidates()], [c.text for c in search.candidates()])
        self.assertEqual([e["kind"] for e in other.log if e.get("by") == "python"], ["branched"])
        with self.assertRaisesRegex(nascent.EngineError, "^turn: 99: the search has taken 7 turns"):
            search.branch(self.dir + "-none", turn=99)
        with self.assertRaisesRegex(nascent.EngineError, "is there already"):
            search.branch(same.dir)

    def test_rewound_and_merged(self):
        search = self.search(limits={"evaluations": 6}, deterministic=True)
        search.run(lambda t: {"accuracy": quality(t)})
        before = [c.text for c in search.candidates()]
        other = search.branch(self.dir + "-other", turn=2, seed=7)
        self.addCleanup(other.close)
        other.run(lambda t: {"accuracy": quality(t)})
        said = search.diff(other)
        self.assertEqual((said["same_turns"], said["part"]["turn"]), (2, 2))
        kept = search.rewind(3)
        self.addCleanup(lambda: nascent.Search(kept).close())
        self.assertEqual([c.text for c in nascent.Search(kept).candidates()], before)
        self.assertLess(search.status["turns"], 4)
        search.run(lambda t: {"accuracy": quality(t)})
        self.assertEqual([c.text for c in search.candidates()], before)  # it goes on as it did
        merged = search.merge(other, self.dir + "-both")
        self.addCleanup(merged.close)
        merged.run(lambda t: {"accuracy": quality(t)})
        self.assertEqual(merged.status["imported"], len({c.text for c in search.candidates()} | {c.text for c in other.candidates()}))
        with self.assertRaisesRegex(nascent.EngineError, "is there already"):
            search.merge(other, self.dir + "-both")
        self.assertEqual(search.stop()["stopped"], False)
        self.assertIn(search.status["state"], ("finished", "stopped"))

    def test_stopped(self):
        search = self.search()
        trial = next(search.ask())
        search.tell(trial, accuracy=1)
        self.assertTrue(search.stop(at_turn=900)["planned"])
        self.assertEqual(search.stop()["state"], "stopped")

    def test_cancel(self):
        search = self.search(limits={"evaluations": 3})
        trial = next(search.ask())
        search.cancel(trial)
        with self.assertRaises(nascent.StaleTrial):
            search.tell(trial, accuracy=1)
        search.run(lambda t: {"accuracy": quality(t)})
        self.assertEqual([r["status"] for r in self.rows()], ["failed", "ok", "ok"])


class TestAskAndTell(Case):
    def test_loop(self):
        search = self.search()
        self.assertIsNone(search.best)
        self.assertEqual((len(search.front), search.candidates()), (0, []))
        told = {}
        for trial in search.ask(evaluations=12):
            self.assertEqual(trial.budget, 1)
            search.tell(trial, accuracy=quality(trial))
            told[trial.id] = quality(trial)
        self.assertEqual(sorted(map(int, told)), list(range(1, 13)))
        self.assertEqual({str(r["id"]): r["metrics"]["accuracy"] for r in self.rows()}, told)
        best = max(told, key=told.get)
        self.assertEqual(search.best.id, best)
        self.assertEqual(quality(search.best), search.best.metrics["accuracy"])
        self.assertEqual([c.id for c in search.front], [best])
        self.assertEqual(list(search.ask(evaluations=12)), [])
        self.assertEqual(list(search.ask(evaluations=5)), [])
        for page in (search._repr_html_(), search.best._repr_html_(), search.front._repr_html_()):
            self.assertIn("<table>", page)
            self.assertIn(best, page)
        # It goes on in another process, by the directory alone, and further.
        again = nascent.Search(self.dir)
        self.addCleanup(again.close)
        self.assertEqual(sum(1 for trial in again.ask(evaluations=15) if again.tell(trial, {"accuracy": 1}) is None), 3)
        self.assertEqual(again.status["evaluations"], 15)
        self.assertIn("evaluations: 15", Path(self.dir, "search.yaml").read_text())
        self.nascent("check")
        self.nascent("replay")

    def test_further(self):
        search = self.search()
        for evaluations in (2, 4, 5):
            for trial in search.ask(evaluations=evaluations):
                search.tell(trial, accuracy=1)
            self.assertEqual(search.status["evaluations"], evaluations)
        self.assertEqual(search.run(lambda trial: {"accuracy": 1}, evaluations=7).status["evaluations"], 7)
        self.assertEqual(search.run(lambda trial: {"accuracy": 1}, evaluations=9, workers=2).status["evaluations"], 9)

    def test_what_is_known_already(self):
        Path(self.dir).mkdir()
        Path(self.dir, "search.yaml").write_text(
            'space: {x: {float: [-10, 10]}}\nstrategy: random\nevaluator: {use: clients}\nlimits: {evaluations: 3}\n')
        known = Path(self.dir, "known.csv")
        known.write_text("x,accuracy\n1,-4\n2,-1\n")
        self.nascent("import", str(known))
        search = nascent.Search(self.dir)
        for trial in search.ask(evaluations=12):  # that were imported are no evaluations
            search.tell(trial, accuracy=quality(trial))
        self.assertEqual((search.status["evaluations"], search.status["imported"]), (12, 2))
        self.nascent("replay")

    def test_what_is_known_begins_a_search(self):
        known = Path(self.dir).with_name("known.csv")
        known.write_text("x,kernels,error\n1,0,4\n2,0,1\n3,0,\n")
        search = self.search(space={"x": SPACE["x"]}, limits={"evaluations": 3})
        with self.assertRaisesRegex(nascent.EngineError, "no column accuracy"):
            search.import_from(known)
        self.assertFalse(os.path.exists(self.dir))  # nothing was begun
        for imported, known_before in ((2, 0), (0, 2)):
            said = search.import_from(known, map={"accuracy": "0 - error"})
            self.assertEqual((said["imported"], said["known"], said["unused"]), (imported, known_before, ["kernels"]))
        with self.assertRaisesRegex(nascent.EngineError, "has another space"):
            self.search().import_from(known)
        trial = next(search.ask())
        self.assertEqual(search.import_from(known, map={"accuracy": "0 - error"})["known"], 2)  # while it runs
        search.tell(trial, accuracy=-9)
        self.assertEqual((search.status["imported"], search.best.id), (2, "3"))

    def test_frame(self):
        search = self.search(space={**SPACE, "op": {"choice": ["skip", {"conv": {"kernel": {"int": [1, 9]}, "wide": "bool"}}]}})
        with mock.patch.dict(sys.modules, {"pandas": None, "polars": None}):
            self.assertEqual(search.frame(), [])
            search.run(lambda trial: {"accuracy": quality(trial)}, evaluations=30)
            rows = search.frame()
        self.assertEqual([r["id"] for r in rows], list(range(1, 31)))
        found = search.candidates()
        for r, c in zip(rows, found):
            self.assertEqual(r["accuracy"], -(r["gene:x"] - 3) ** 2)
            self.assertIn(r["gene:deep[0].kernel"], (3, 5))
            self.assertEqual((r["genome"], r["status"], r["reason"], r["budget"], r["tag"]), (c.text, "ok", "", 1.0, ""))
            op = c.genes["op"]
            kernel, wide = (None, None) if op == "skip" else (op["conv"]["kernel"], op["conv"]["wide"])
            self.assertEqual((r["gene:op"], r["gene:op.conv.kernel"], r["gene:op.conv.wide"]), ("skip" if op == "skip" else "conv", kernel, wide))
            self.assertEqual({type(r[name]) for name in ("id", "seed", "attempts")}, {int})
        for library in ("pandas", "polars"):
            with self.subTest(library):
                try:
                    importlib.import_module(library)
                except ImportError as error:
                    self.skipTest(f"frames of {library} are not looked at: {error}")
                with mock.patch.dict(sys.modules, {"pandas": None} if library == "polars" else {}):
                    frame = search.frame()
                self.assertEqual(type(frame).__module__.split(".")[0], library)
                self.assertEqual(frame["accuracy"].to_list(), [r["accuracy"] for r in rows])
                self.assertEqual(frame["status"].to_list(), ["ok"] * 30)
                missing = 0
                for got, r in zip(frame["gene:op.conv.kernel"].to_list(), rows):
                    if r["gene:op.conv.kernel"] is None:
                        missing += 1
                        self.assertTrue(got is None or got != got)
                    else:
                        self.assertEqual(got, r["gene:op.conv.kernel"])
                self.assertTrue(0 < missing < 30)
                self.assertEqual(len(frame["resume"]), 30)

    def test_frame_while_it_runs(self):
        search = self.search()
        with mock.patch.dict(sys.modules, {"pandas": None, "polars": None}):
            for trial in search.ask(evaluations=8):
                rows = search.frame()  # its engine answers
                self.assertEqual([(r["id"], r["seed"], r["accuracy"], r["gene:x"], r["genome"]) for r in rows],
                                 [(r["id"], r["seed"], r["metrics"]["accuracy"], r["genes"]["x"], r["genome"]) for r in self.rows()])
                search.tell(trial, accuracy=quality(trial))

    def test_what_trials_take_of_the_machine(self):
        def evaluate(trial):
            end = time.process_time() + 0.02
            while time.process_time() < end:
                pass
            return {"accuracy": quality(trial)}

        search = self.search()
        search.run(evaluate, evaluations=2)
        search.run(evaluate, evaluations=4, workers=2)
        for trial in search.ask(evaluations=5):
            search.tell(trial, accuracy=evaluate(trial)["accuracy"])
        with mock.patch.dict(sys.modules, {"pandas": None, "polars": None}):
            rows = search.frame()
        # One by one: in this process, in ones that only measure, and nobody knows where.
        for row, cpu, memory in zip(rows, (True, True, True, True, False), (False, False, True, True, False)):
            self.assertEqual((row["usage:cpu"] or 0) >= 0.02, cpu, row)
            if os.access("/proc/self/clear_refs", os.W_OK):
                self.assertEqual((row["usage:memory"] or 0) > 1 << 20, memory, row)
        self.assertGreaterEqual(search.candidates()[0].usage["cpu"], 0.02)

    def test_a_loop_that_fails_begins_with_the_same_trial(self):
        search = self.search()
        with self.assertRaises(ZeroDivisionError):
            for trial in search.ask(evaluations=3):
                1 / 0
        self.assertEqual([trial.id for trial in search.ask(evaluations=3) if search.tell(trial, accuracy=1) is None], ["1", "2", "3"])

    def test_single_trials_are_different_ones(self):
        search = self.search(window=6)
        alone, more = next(search.ask()), []
        threads = [threading.Thread(target=lambda: more.append(next(search.ask()))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asked = search.ask()
        trials = [alone, *more, next(asked), next(asked)]
        del asked
        for trial in trials:
            search.tell(trial, accuracy=quality(trial))  # none is stale
        self.assertEqual(sorted(int(trial.id) for trial in trials), [1, 2, 3, 4, 5, 6])

    def test_what_can_be_pickled(self):
        search = self.search()
        trial = next(search.ask())
        with self.assertRaisesRegex(TypeError, "trial 1 is lent to this process"):
            pickle.dumps(trial)
        search.tell(trial, accuracy=1)
        again, found = pickle.loads(pickle.dumps((search, search.candidates()[0])))
        self.addCleanup(again.close)
        self.assertEqual((found.id, found.curve, again.best.id), ("1", [], "1"))
        again.tell(next(again.ask()), accuracy=2)
        self.assertEqual(search.best.id, "2")

    def test_all_that_is_known_of_candidates(self):
        search = self.search(objectives={"accuracy": "maximize", "loss": "minimize"})
        for trial in search.ask(evaluations=3):
            trial.report(epoch=1, accuracy=0.5)
            search.tell(trial, accuracy=int(trial.id), loss=int(trial.id))
        self.assertEqual([found.id for found in search.front], ["3", "2", "1"])  # the preferred one first
        curve = [{"step": 1, "metrics": {"accuracy": 0.5}}]
        for found in (search.best, *search.front, *search.candidates()):
            self.assertEqual((found.curve, found.estimates), (curve, {}))

    def test_the_best_so_far(self):
        search = self.search(objectives={"loss": "minimize"})
        for trial, loss in zip(search.ask(evaluations=4), (3, 5, 1, 2)):
            search.tell(trial, loss=loss)
        self.assertEqual(search._curve(), [3, 3, 1, 1])

    def test_trials_that_are_dropped_go_back(self):
        search = self.search(window=1)
        first = next(search.ask()).id
        self.assertEqual(next(search.ask()).id, first)

    def test_what_can_be_told(self):
        search = self.search(evaluator={"metrics": ["size"]}, failures={"attempts": 1})
        trials = search.ask(evaluations=5)
        trial = next(trials)
        for wrong, text in (({}, "nothing to tell"), ({"accuracy": float("nan")}, "is nan"), ({"accuracy": "x"}, "not a number"),
                            ({"acuracy": 1}, "acuracy is not declared"), ({"loss": 1}, "no metric accuracy")):
            with self.assertRaisesRegex((ValueError, TypeError), text):
                trial.tell(wrong)
        trial.tell({"accuracy": 1}, size=3)
        with self.assertRaisesRegex(nascent.StaleTrial, "told before"):
            trial.tell(accuracy=2)
        next(trials).invalid("too large")
        next(trials).fail("no luck")
        next(trials).give_back()
        for trial in trials:
            trial.report(epoch=1, accuracy=0.5)
            trial.tell(accuracy=1)
        rows = self.rows()
        self.assertEqual([r["status"] for r in rows], ["ok", "invalid", "failed", "ok", "ok"])
        self.assertEqual((rows[0]["metrics"]["size"], rows[1]["reason"], rows[2]["reason"]), (3, "too large", "no luck"))
        self.assertEqual([(p["step"], p["metrics"]) for p in search.best.curve], [] if search.best.id == "1" else [(1, {"accuracy": 0.5})])

    def test_what_is_derived_cannot_be(self):
        search = self.search(metrics={"score": "log10(accuracy)"}, objectives={"score": "maximize"}, evaluator={"metrics": ["accuracy"]})
        trials = search.ask(evaluations=2)
        with self.assertWarnsRegex(UserWarning, r"candidate 1 counts as invalid: metric score is -Inf: log10\(accuracy\), with accuracy 0") as said:
            search.tell(next(trials), accuracy=0)
        self.assertEqual(said.filename, __file__)
        trial = next(trials)
        self.kill()
        self.assertWarnsRegex(UserWarning, "candidate 2 counts as invalid", trial.tell, accuracy=0)
        self.assertEqual([r["status"] for r in self.rows()], ["invalid", "invalid"])
        with self.assertWarnsRegex(UserWarning, "candidate 3 counts as invalid"):
            search.run(lambda trial: {"accuracy": 0}, evaluations=3)

    def test_progress_is_kept(self):
        search = self.search(window=1)
        trials = search.ask(evaluations=1)
        trial = next(trials)
        (trial.scratch / "state").write_text("half")
        trial.save(trial.scratch / "state")
        trial.give_back()
        self.assertFalse(trial.scratch.exists())
        trial = next(trials)
        self.assertEqual((trial.resume.read_text(), trial.resumed_own), ("half", True))
        (trial.scratch / "model").write_text("whole")
        trial.keep(trial.scratch / "model", "model")
        trial.tell(accuracy=1)
        self.assertEqual([f["name"] for f in search.best.record["files"]], ["model"])

    def test_a_trial_has_its_time(self):
        search = self.search(timeout="20ms", grace="20ms", failures={"attempts": 1})
        trials = search.ask(evaluations=2)
        trial = next(trials)
        while not trial.should_stop:
            time.sleep(0.001)
        with self.assertRaisesRegex(nascent.StaleTrial, "took too long"):
            trial.tell(accuracy=1)
        search.close()
        row = next(r for r in self.rows() if r["id"] == 1) if search.status["evaluations"] else None
        self.assertTrue(row is None or row["status"] == "failed")

    def test_threads(self):
        search = self.search(window=4)
        told, lock = [], threading.Lock()

        def work():
            for trial in search.ask(evaluations=24):
                trial.tell(accuracy=quality(trial))
                with lock:
                    told.append(int(trial.id))
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(told), list(range(1, 25)))


class TestEnds(Case):
    def test_the_engine_is_killed(self):
        search, other = self.search(), self.search()
        told = {}
        trials = search.ask(evaluations=20)
        for kill in range(3):
            trial, held = next(trials), next(other.ask(evaluations=20))
            self.kill()
            for mine, its in ((search, trial), (other, held)):
                try:
                    mine.tell(its, accuracy=100 * kill + int(its.id))
                    told[int(its.id)] = 100 * kill + int(its.id)
                except nascent.StaleTrial:
                    pass
        for trial in trials:
            trial.tell(accuracy=0)
            told[int(trial.id)] = 0
        self.assertEqual({r["id"]: r["metrics"]["accuracy"] for r in self.rows()}, told)
        self.assertEqual(len(told), 20)
        self.nascent("check")

    def test_a_client_is_killed(self):
        search = self.search()
        next(search.ask(evaluations=6)).tell(accuracy=1)
        child = os.fork()
        if child == 0:
            try:
                next(nascent.Search(self.dir).ask())
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        self.assertEqual([t.id for t in search.ask(evaluations=6) if t.tell(accuracy=1) is None and t.attempt > 1][:1], ["2"])

    def test_children_have_none_of_its_trials(self):
        search = self.search()
        trial = next(search.ask(evaluations=2))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                trial.tell(accuracy=1)
            except RuntimeError:
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        trial.tell(accuracy=1)

    def test_children_begin_with_none_that_a_loop_of_their_parent_left(self):
        search = self.search()
        for trial in search.ask(evaluations=2):
            break
        child = os.fork()
        if child == 0:
            status = 1
            try:
                search.tell(next(search.ask()), accuracy=2)
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        trial.tell(accuracy=1)
        self.assertEqual([r["metrics"]["accuracy"] for r in self.rows()], [1, 2])

    def test_it_is_stopped(self):
        search = self.search(grace="50ms")
        trials = search.ask(evaluations=4)
        trial = next(trials)
        self.nascent("stop")
        trial.tell(accuracy=1)  # brings the engine back
        with self.assertRaisesRegex(nascent.EngineError, "was stopped"):
            next(trials)
        self.assertEqual(len([t for t in search.ask(evaluations=4) if t.tell(accuracy=1) is None]), 3)

    def test_it_pauses(self):
        search = self.search(failures={"attempts": 1, "pause_after": 2})
        with self.assertRaisesRegex(nascent.EngineError, r"no luck; mend the cause and ask again \(in Python: search.run\(...\), or search.ask"):
            for trial in search.ask(evaluations=20):
                trial.fail("no luck")


class TestRefusals(Case):
    def test_other_searches(self):
        search = self.search(version="1")
        trial = next(search.ask())
        for other, text in (({"space": {"y": {"float": [0, 1]}}}, "another space"), ({"seed": 3}, "another seed"),
                            ({"version": "2"}, "another version .*accept_evaluator")):
            with self.assertRaisesRegex(nascent.EngineError, text):
                next(self.search(**{"version": "1", **other}).ask())
        self.assertEqual(nascent.Search(self.dir, timeout=60).status["state"], "running")
        with mock.patch.object(engine, "PROTOCOL", 99), self.assertRaisesRegex(nascent.EngineError, "speaks version 99 .* speaks 1"):
            next(nascent.Search(self.dir).ask())
        trial.tell(accuracy=1)
        search.close()
        self.nascent("stop")
        with self.assertRaisesRegex(nascent.EngineError, "version: 2, was 1|option version"):
            next(self.search(version="2").ask())
        self.assertEqual(next(self.search(version="2", accept_evaluator=True).ask()).id, "2")

    def test_mistakes(self):
        for given, text in (({"space": {"x": {"flaot": [0, 1]}}}, "flaot"), ({"strategy": "nothing-like-it"}, "nothing-like-it"),
                            ({"space": {"x": {"float": [0, 1]}}, "limits": {"evalutions": 3}}, "evalutions"), ({"space": None}, "space")):
            with self.assertRaisesRegex(nascent.EngineError, text):
                next(self.search(**given).ask())
        with self.assertRaisesRegex(nascent.EngineError, r"no search has begun in .*mine: give its space .* nascent.Search\('mine', space="):
            next(nascent.Search(self.dir).ask())
        self.assertFalse(os.path.exists(self.dir))
        with mock.patch.dict(os.environ, {"NASCENT": "/nowhere"}), self.assertRaisesRegex(nascent.EngineError, "NASCENT"):
            next(self.search().ask())
        for wrong in (0, True, 1.5):
            with self.assertRaises(ValueError):
                self.search().ask(evaluations=wrong)

    def test_searches_without_clients(self):
        Path(self.dir).mkdir()
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.join(self.dir, "sock"))
            server.listen()
            for body, text in ((b"clients do not measure it", "clients do not measure it"), (b"404 page not found", "is older than clients are")):
                def answer(body=body):
                    connection = server.accept()[0]
                    with connection:
                        connection.recv(1 << 12)
                        connection.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n" + body)
                thread = threading.Thread(target=answer)
                thread.start()
                with self.assertRaisesRegex(nascent.EngineError, text):
                    next(nascent.Search(self.dir).ask())
                thread.join()
        os.remove(os.path.join(self.dir, "sock"))


class TestRun(Case):
    def test_here(self):
        seen = []

        def evaluate(trial):
            seen.append(trial)
            if len(seen) == 1:
                raise RuntimeError("no luck")
            if trial.genes["x"] > 5:
                raise nascent.Invalid("too large")
            return {"accuracy": quality(trial)}
        with contextlib.redirect_stderr(io.StringIO()) as said:
            search = self.search().run(evaluate, evaluations=10)
        self.assertIn("no luck", said.getvalue())
        self.assertEqual({t.id: "invalid" if t.genes["x"] > 5 else "ok" for t in seen}, {str(r["id"]): r["status"] for r in self.rows()})
        self.assertEqual((len(seen), search.status["evaluations"]), (11, 10))

    def test_workers(self):
        mark = os.path.join(os.path.dirname(self.dir), "died")

        def evaluate(trial):
            if trial.id == "3" and not os.path.exists(mark):
                Path(mark).write_text("")
                os.kill(os.getpid(), signal.SIGKILL)
            if os.getpid() == here:
                raise RuntimeError("it runs in the parent")
            return {"accuracy": quality(trial)}
        here = os.getpid()
        self.search().run(evaluate, evaluations=12, workers=3)
        rows = self.rows()
        self.assertEqual([r["status"] for r in rows], ["ok"] * 12)
        self.assertEqual(rows[2]["attempts"], 2)
        with self.assertRaisesRegex(nascent.EngineError, "broken"), contextlib.redirect_stderr(io.StringIO()):
            self.search(failures={"attempts": 1, "pause_after": 2}).run(broken, evaluations=30, workers=2)

    def test_more_workers_than_trials(self):
        for more, said in (({}, "1 of 9 workers have nothing to do, for the search has at most 8 trials at once: let it have more by search.set.window=9."),
                           ({"window": 9}, ""), ({"window": 9, "workers": 7}, "2 of 9 workers .* let it have more by search.set.workers=9.")):
            with self.subTest(more), contextlib.redirect_stderr(io.StringIO()) as err:
                self.search(**more).run(lambda trial: {"accuracy": 1}, evaluations=20, workers=9)
            self.assertRegex(err.getvalue(), said or r"\A\Z")
            self.nascent("stop", check=False)
            shutil.rmtree(self.dir)

    def test_processes_that_end_by_themselves(self):
        here = os.getpid()

        def evaluate(trial):
            if trial.id == "2" and trial.attempt == 1 and os.getpid() != here:
                os._exit(0)
            return {"accuracy": trial.attempt}
        self.search().run(evaluate, evaluations=6, workers=2)
        self.assertEqual([r["metrics"]["accuracy"] for r in self.rows()], [1, 2, 1, 1, 1, 1])

    def test_what_does_not_end(self):
        def evaluate(trial):
            if trial.id == "2" and trial.attempt == 1:
                while True:
                    time.sleep(60)
            return {"accuracy": 1}
        self.search(timeout="100ms", grace="100ms").run(evaluate, evaluations=6, workers=2)
        self.assertEqual([r["status"] for r in self.rows()], ["ok"] * 6)

    def test_cuda_does_not_fork(self):
        torch = types.ModuleType("torch")
        torch.cuda = types.SimpleNamespace(is_initialized=lambda: True)
        here = os.getpid()
        with mock.patch.dict(sys.modules, {"torch": torch}), contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertIn("CUDA", cannot_fork())
            self.search().run(lambda trial: {"accuracy": os.getpid() == here}, evaluations=3, workers=3)
        self.assertIn("one process measures", said.getvalue())
        self.assertEqual([r["metrics"]["accuracy"] for r in self.rows()], [1, 1, 1])

    def test_stopping_rules(self):
        def evaluate(trial):
            for epoch in range(1, int(trial.budget) + 1):
                trial.report(epoch=epoch, accuracy=trial.genes["x"])
            return {"accuracy": trial.genes["x"]}
        search = self.search(strategy={"use": "asha", "search": "random"}, fidelities=[{"budget": 1}, {"budget": 3}])
        search.run(evaluate, evaluations=20)
        self.assertEqual(search.status["ok"], 20)

    def test_interrupted(self):
        search = self.search()

        def evaluate(trial):
            if trial.id == "2" and not stopped:
                stopped.append(trial)
                raise KeyboardInterrupt
            return {"accuracy": 1}
        stopped = []
        with self.assertRaises(KeyboardInterrupt):
            search.run(evaluate, evaluations=4)
        search.run(evaluate, evaluations=4, progress=False)
        self.assertEqual([r["attempts"] for r in self.rows()], [1, 1, 1, 1])


def broken(trial):
    raise RuntimeError(f"broken at {trial.id}")


class TestExamples(Case):
    def test_program(self):
        done = subprocess.run([sys.executable, str(ROOT / "examples" / "search.py"), self.dir], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertRegex(done.stdout.decode(), "^80 candidates, the best <Candidate [0-9]+ accuracy=0?[0-9.e-]+ .*>")

    def test_notebook(self):
        """Its cells, one after the other, as plain Python."""
        cells = json.loads((ROOT / "examples" / "search.ipynb").read_text())["cells"]
        here, namespace = os.getcwd(), {}
        os.chdir(os.path.dirname(self.dir))
        try:
            with mock.patch.dict(sys.modules, {"pandas": None, "polars": None}):
                for cell in cells:
                    if cell["cell_type"] == "code":
                        exec("".join(cell["source"]), namespace)
        finally:
            os.chdir(here)
        namespace["search"].close()
        self.assertGreater(len(namespace["search"].front), 3)
        self.assertIn("<svg", namespace["search"]._repr_html_())


class TestPieces(unittest.TestCase):
    def test_what_was_stopped_is_told_so(self):
        for values, stopped in (((0.1, 0.2), True), ((0.1, 0.9), False)):
            told = mock.create_autospec(engine.Engine, instance=True)
            told.lease.return_value = engine.Lease()
            trial = nascent.Trial({"id": "7", "attempt": 1, "genes": {}, "stop": {"metric": "accuracy", "step": 2, "threshold": 0.5, "goal": "maximize"}}, told)
            for epoch, value in enumerate(values, 1):
                trial.report(epoch=epoch, accuracy=value)
            self.assertEqual(trial.should_stop, stopped)
            trial.tell(accuracy=values[-1])
            message = told.tell.call_args.args[2]
            self.assertEqual((message["metrics"], message.get("stopped", False)), ({"accuracy": values[-1]}, stopped))

    def test_flat(self):
        self.assertEqual(flat({"a": 1, "b": [{"c": 2}, 3]}), {"a": 1, "b[0].c": 2, "b[1]": 3})
        self.assertEqual([name_of(x) for x in (12, 1_000_000_003, "f2")], ["12", "f3", "f2"])

    def test_documents(self):
        text = engine.encode({"x": types.SimpleNamespace(item=lambda: 3), "path": Path("/a"), "name": "größer"})
        self.assertEqual(json.loads(text), {"x": 3, "path": "/a", "name": "größer"})
        with self.assertRaisesRegex(TypeError, "no value for a search"):
            engine.encode({"x": object()})


if __name__ == "__main__":
    unittest.main()
