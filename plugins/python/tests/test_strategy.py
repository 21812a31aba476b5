"""Tests of the SDK's strategies. Run them with python -m unittest, or pytest."""
import json
import math
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import nascent  # noqa: E402
from nascent import rng  # noqa: E402
from nascent.decide import _decision  # noqa: E402
from nascent.rank import Ranking  # noqa: E402


class TestRand(unittest.TestCase):
    """The vectors of docs/random.md."""

    def test_stream(self):
        def draw(seed, f, n):
            r = nascent.Rand(seed)
            return [f(r) for _ in range(n)]

        self.assertEqual(draw(42, rng.Rand.uint64, 3), [1546998764402558742, 6990951692964543102, 12544586762248559009])
        self.assertEqual(draw(0, rng.Rand.uint64, 2), [11091344671253066420, 13793997310169335082])
        self.assertEqual(draw(42, rng.Rand.float64, 2), [0.083862971059882163, 0.37898025066266861])
        self.assertEqual(draw(42, rng.Rand.bool, 4), [False, False, True, True])
        self.assertEqual(draw(42, lambda r: r.intn(10), 5), [0, 3, 6, 9, 9])
        self.assertEqual(draw(42, rng.Rand.normal, 2), [-0.72621913824478568, 0.22162270150359331])
        self.assertEqual(rng.Rand(42).perm(5), [4, 3, 2, 1, 0])
        self.assertEqual(draw(42, lambda r: r.weighted([1, 0, 2]), 5), [0, 2, 2, 2, 2])
        self.assertEqual(rng.Rand(42).weighted([0, 0]), -1)
        with self.assertRaises(ValueError):
            rng.Rand(42).intn(0)

    def test_derived(self):
        self.assertEqual(rng.derive(42, "job", 1), 3349977079485995)
        self.assertEqual(rng.derive(42, ""), 3092098744885774)
        self.assertEqual(rng.derive(42, "x", 1, 2), 7187009444260878)
        self.assertEqual(rng.Rand(42).split("x").uint64(), 3587500221300500480)

    def test_functions(self):
        self.assertEqual([rng.log(10), rng.log(1e-4)], [2.3025850929940459, -9.2103403719761836])
        self.assertEqual([rng.exp(1), rng.exp(-2.5)], [2.7182818284590455, 0.0820849986238988])
        self.assertEqual([rng.exp(1000), rng.exp(-1000)], [math.inf, 0])


def row(id, **more):
    return {"id": id, "genome": f"x={id}", "status": "ok", **more}


class TestHistory(unittest.TestCase):
    def test_columns(self):
        h = nascent.History(["accuracy"])
        h._add(row(1, metrics={"accuracy": 1}))
        h._add(row(2, metrics={"size": 3}, parents=[1], tag="t", fidelity=1))
        h._add(row(3, status="failed"))
        self.assertEqual((list(h.ids), h.genomes, h.parents, h.tags), ([1, 2, 3], ["x=1", "x=2", "x=3"], [(), (1,), ()], ["", "t", ""]))
        self.assertEqual((list(h.fidelity), h.status), ([0, 1, 0], ["ok", "ok", "failed"]))
        self.assertEqual(str(list(h.metrics["size"])), "[nan, 3.0, nan]")
        self.assertEqual((h.get(2).metrics, h.place(3), 4 in h, [c.id for c in h[1:]]), ({"size": 3.0}, 2, False, [2, 3]))
        with self.assertRaises(KeyError):
            h.get(4)
        h._cut(1)
        self.assertEqual((len(h), list(h.metrics), 2 in h, h._intact()), (1, ["accuracy"], False, True))
        h.ids.append(5)
        self.assertFalse(h._intact())


def turn(rows, **setup):
    history = nascent.History()
    for r in rows:
        history._add(r)
    return nascent.Turn({"seed": 1}, nascent.StrategySetup({}, setup, None), history)


class TestRank(unittest.TestCase):
    def test_constraints_objectives_age(self):
        t = turn([row(5, metrics={"a": 1, "b": 2}), row(2, metrics={"a": 1, "b": 2}), row(3, metrics={"a": 9, "b": 9}),
                  row(4, status="failed"), row(1, metrics={"b": 1}), row(6, metrics={"a": 1, "b": 2.5}),
                  row(7, metrics={"a": 2, "b": 2}, stopped=True), row(8, metrics={"a": 2, "b": 2}, task="score")],
                 objectives=[{"metric": "a", "goal": "maximize"}, {"metric": "b", "goal": "minimize"}],
                 constraints=[{"metric": "b", "max": 4, "min": 1}])
        self.assertEqual([c.id for c in t.rank(t.history)], [2, 5, 6, 1, 3])
        self.assertEqual(t.setup.violation(t.history.get(3)), 5 / 4)
        self.assertEqual(t.setup.violation(t.history.get(4)), math.inf)

    def test_several_objectives(self):
        rows = [row(1, metrics={"a": 1, "b": 1}), row(2, metrics={"a": 2, "b": 2}), row(3, metrics={"a": 3, "b": 9}),
                row(4, metrics={"a": 1, "b": 2, "c": 1})]
        both = [{"metric": "a", "goal": "maximize"}, {"metric": "b", "goal": "minimize"}]
        t = turn(rows, rules=2, objectives=both, ties=[{"metric": "c", "goal": "maximize"}])
        self.assertEqual([c.id for c in t.rank(t.history)], [1, 3, 2, 4])
        self.assertEqual([c.id for c in t.setup.ranking.front(t.history)], [1, 3, 2])
        self.assertEqual(t.tournament(50).id, 1)
        with self.assertRaisesRegex(TypeError, "turn.rank"):
            t.setup.key(t.history[0])
        older = turn(rows, rules=1, objectives=both)  # the first objective decides
        self.assertEqual([c.id for c in older.rank(older.history)], [3, 2, 1, 4])

    def test_as_in_go(self):
        path = ROOT.parent.parent / "testdata" / "rank.json"
        with open(path, encoding="utf-8") as f:
            sets = json.load(f)
        self.assertGreater(len(sets), 100)
        for n, s in enumerate(sets):
            ranking = Ranking(s["objectives"], s["ties"] or [], s["constraints"] or [], s["rules"])
            candidates = [nascent.Candidate(c) for c in s["candidates"]]
            fronts = ranking._fronts(candidates)
            self.assertEqual([c.id for c in ranking.rank(candidates)], s["order"], n)
            self.assertEqual(len(fronts[0]), s["front"], n)
            if len(ranking.objectives) > 1:
                self.assertEqual([m.crowding for front in fronts for m in front], [float(x.strip("+")) for x in s["crowding"]], n)

    def test_rounding(self):
        third = (0.1 + 0.1 + 0.1) / 3
        for rules, ids in ((0, [2, 1]), (1, [1, 2])):
            t = turn([row(1, metrics={"a": third}), row(2, metrics={"a": 0.1})], rules=rules, objectives=[{"metric": "a", "goal": "minimize"}],
                     constraints=[{"metric": "a", "max": 0.1}])
            self.assertEqual([c.id for c in t.rank(t.history)], ids)
            self.assertEqual(t.setup.violation(t.history.get(1)) > 0, rules == 0)

    def test_tournament(self):
        rows = [row(n, metrics={"a": n % 3}, status="failed" if n == 2 else "ok") for n in range(1, 8)]
        t, drawn = turn(rows, objectives=[{"metric": "a", "goal": "maximize"}]), nascent.Rand(1)
        ids = [rows[drawn.intn(7)]["id"] for _ in range(4)]
        self.assertEqual(t.tournament(4).id, max((i for i in ids if i != 2), key=lambda i: i % 3))
        self.assertIsNone(turn([]).tournament(4))
        self.assertIsNone(turn([row(1, status="invalid")]).tournament(4))


class TestDecision(unittest.TestCase):
    def test_proposals(self):
        a, b = nascent.Candidate(row(3)), 4
        said = [nascent.Proposal.cross(a, b, mutate=True, tag="t"), nascent.Proposal.same(a, fidelity=1, resume=a), "x=1",
                nascent.Proposal.mutate(None), nascent.Proposal("random", task="supernet", input=b"hi", budget=2)]
        self.assertEqual(_decision(nascent.Decision({"n": 1}, said, keep=[a], note="n", done=True), None), {
            "state": {"n": 1}, "keep": [3], "note": "n", "done": True, "proposals": [
                {"operator": "cross+mutate", "parents": [3, 4], "task": "train", "tag": "t"},
                {"operator": "same", "parents": [3], "fidelity": 1, "task": "train", "resume": 3},
                {"genome": "x=1", "task": "train"},
                {"operator": "random", "task": "train"},
                {"operator": "random", "task": "supernet", "input": "aGk=", "budget": 2}]})
        self.assertEqual(_decision([], "as it was"), {"state": "as it was", "proposals": []})

    def test_others_are_refused(self):
        for wrong in (None, "x=1", {}, [1], [None], 5):
            with self.assertRaises(TypeError):
                _decision(wrong, None)
        for wrong in (5, nascent.Proposal.random()):
            with self.assertRaisesRegex(TypeError, f"the step answered with a {type(wrong).__name__}: return nascent.Decision"):
                _decision(wrong, None)
        with self.assertRaises(TypeError):
            nascent.Proposal.mutate("3")


class Program:
    """A worker process that decides."""

    def __init__(self, source, **options):
        self.folder = tempfile.TemporaryDirectory()
        file = os.path.join(self.folder.name, "step.py")
        with open(file, "w") as out:
            out.write("import nascent\n" + textwrap.dedent(source))
        self.process = subprocess.Popen([sys.executable, "-m", "nascent", "work", file], env={**os.environ, "PYTHONPATH": str(ROOT)},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.first = self.say({"open": {"protocol": 1, "serve": "strategy", "options": options, "space": {"x": {}}, "objectives": []}})

    def say(self, *messages):
        self.process.stdin.write("".join(json.dumps(m) + "\n" for m in messages).encode())
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        """What it printed; its standard input ends."""
        _, words = self.process.communicate(timeout=300)
        self.folder.cleanup()
        return words.decode()


class TestWorker(unittest.TestCase):
    def test_steps(self):
        program = Program("""
            @nascent.evaluator
            def evaluate(job):
                return {}

            @nascent.strategy(state={"calls": 0}, batch=3, options={"tag": "a"})
            def step(state, turn):
                print("turn", turn.n)
                child = turn.space.mutate(turn.history[-1].genome, turn.seed)
                return nascent.Decision({"calls": state["calls"] + len(turn.results)}, [nascent.Proposal.given(child, tag=turn.options["tag"])])
        """, tag="b")
        hello = program.first["hello"]
        self.assertEqual((hello["state"], hello["history"], hello["batch"], hello["tasks"]), ({"calls": 0}, "metrics", 3, []))
        question = program.say({"history": {"keep": 0, "rows": [row(1)]}}, {"history": {"keep": 1, "rows": [row(2)]}},
                               {"step": {"n": 4, "seed": 9, "want": 1, "state": {"calls": 5}, "results": [row(2, metrics={"a": 1})]}})
        self.assertEqual(question, {"space": "mutate", "genomes": ["x=2"], "seed": 9})
        self.assertEqual(program.say({"answer": {"genomes": ["x=7"]}}),
                         {"decision": {"state": {"calls": 6}, "proposals": [{"genome": "x=7", "task": "train", "tag": "b"}]}})
        program.say({"step": {"n": 5, "seed": 9, "want": 1, "state": {"calls": 5}}})
        answer = program.say({"answer": {"error": "no neighbour"}})
        self.assertEqual(answer["failed"].split(" (")[0], "ValueError: no neighbour")
        self.assertIn("(step.py:10: child = ", answer["failed"])
        words = program.end()
        self.assertIn("turn 4\n", words)
        self.assertIn("turn 5 failed:\nTraceback", words)

    def test_opening(self):
        source = """
            def check(setup):
                if setup.options["n"] < 1:
                    raise nascent.Refused("is too small", "n")
                return {"state": setup.space.sample(setup.options["n"]), "history": "all", "remark": f"n is {setup.options['n']}"}

            @nascent.strategy(options={"n": 1}, open=check)
            def step(state, turn):
                return []
        """
        program = Program(source, n=0)
        self.assertEqual(program.first, {"refuse": {"key": "n", "text": "is too small"}})
        program.end()
        program = Program(source, n=4)
        self.assertEqual(program.first, {"space": "sample", "seed": 4})
        hello = program.say({"answer": {"genomes": ["x=1"]}})["hello"]
        self.assertEqual((hello["state"], hello["history"], hello["remark"]), ("x=1", "all", "n is 4"))
        program.end()

    def test_remark(self):
        program = Program("""
            @nascent.strategy(remark="one ear only")
            def step(state, turn):
                return []
        """)
        self.assertEqual(program.first["hello"]["remark"], "one ear only")
        program.end()
        with self.assertRaisesRegex(TypeError, "remark is 3: give a text"):
            nascent.strategy(remark=3)


class TestTry(unittest.TestCase):
    """A stand-in for nascent answers for the space."""

    NASCENT = """
        import json, sys
        assert sys.argv[1] == "space"
        print(json.dumps({"open": {"space": {"x": {}}, "objectives": [{"metric": "f1", "goal": "maximize"}], "options": {"keep": 2, "check": True}},
                          "use": sys.argv[2].replace("search.yaml", "step.py")}), flush=True)
        for n, line in enumerate(sys.stdin):
            question = json.loads(line)
            if question["space"] == "cross":
                answer = {"error": "they have nothing in common"}
            else:
                answer = {"genomes": [f"x={n}"], "genes": [{"x": n}]}
            print(json.dumps({"answer": answer}), flush=True)
    """

    def attempt(self, source, *args):
        with tempfile.TemporaryDirectory() as folder:
            nascent = os.path.join(folder, "nascent")
            with open(nascent, "w") as out:
                out.write(f"#!{sys.executable}\n" + textwrap.dedent(self.NASCENT))
            os.chmod(nascent, 0o700)
            for name, text in (("step.py", "import nascent\n" + textwrap.dedent(source)), ("search.yaml", "")):
                with open(os.path.join(folder, name), "w") as out:
                    out.write(text)
            return subprocess.run([sys.executable, "-m", "nascent", "try", os.path.join(folder, "step.py"), *args],
                                  env={**os.environ, "PYTHONPATH": str(ROOT), "NASCENT": nascent},
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    def test_turns(self):
        done = self.attempt("""
            @nascent.strategy(state=0, batch=2, options={"keep": 1})
            def step(state, turn):
                assert turn.options == {"keep": 2}
                seen = turn.files["seen"].read_text() if state else ""
                seen += f"{[c.id for c in turn.results]} of {len(turn.history)}; "
                (turn.scratch / "seen").write_text(seen)
                some = [nascent.Proposal.random()] if state == 0 else [nascent.Proposal.mutate(turn.results[0]), nascent.Proposal.same(1, tag="t")]
                proposals = some * (turn.want // len(some))
                return nascent.Decision(state + 1, proposals, note=seen, done=state == 2, files={"seen": turn.scratch / "seen"})
        """, "--turns", "9")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual((lines[0], lines[1], lines[9]), ("turn 0: wants 8", "  1, random: x=0", "  [] of 0; "))
        self.assertRegex(lines[11], r'^  result of 1: \{"f1": 0\.[0-9]+\}, made up$')
        self.assertEqual(lines[13:16], ["  9, mutate of 1: x=8", '  10, same of 1 tag "t": x=0', "  [] of 0; [1, 2] of 2; "])
        self.assertEqual(lines[-2:], ["  [] of 0; [1, 2] of 2; [3, 4] of 4; ", "it is done"])

    def test_trouble(self):
        for source, words in {
            "return [nascent.Proposal.random()] * 9": "turn 0 has 9 proposals, and 8 are wanted: propose at most turn.want",
            "return [nascent.Proposal.mutate(5)]": "proposal 1 makes no candidate: 5",
            "return [nascent.Proposal.random(), nascent.Proposal.cross(1, 1)]": "proposal 2 makes no candidate: they have nothing in common",
            "return state['x']": "TypeError: 'NoneType' object is not subscriptable",
        }.items():
            done = self.attempt(f"""
                @nascent.strategy(options={{"keep": 1}})
                def step(state, turn):
                    {source}
            """)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
        done = self.attempt("""
            @nascent.strategy
            def step(state, turn):
                return []
        """)
        self.assertEqual((done.returncode, done.stderr), (1, "option keep: there is no such option: declare it with @nascent.strategy(options={...})\n"))


if __name__ == "__main__":
    unittest.main()
