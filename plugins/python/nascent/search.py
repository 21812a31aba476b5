"""Search: a search that Python drives."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from . import columns, page, steer
from .engine import Engine, EngineError, ask, encode, program
from .found import Found, Front
from .steer import Candidate, Receipt, refused, send
from .trial import Trial

Evaluate = Callable[[Any], Mapping[str, Any]]


class Trials(Iterator[Trial]):
    """What Search.ask answers."""

    def __init__(self, search: Search, evaluations: Optional[int]) -> None:
        self._search, self._evaluations = search, evaluations
        self._loops = False  # else each trial belongs to who called next
        self._last: Optional[Trial] = None

    def __iter__(self) -> Trials:
        self._loops = True
        return self

    def __next__(self) -> Trial:
        self._last = None  # what nobody refers to goes back
        self._last = self._search._again() or self._search._next(self._evaluations)
        if self._last is None:
            raise StopIteration
        return self._last

    def __del__(self) -> None:
        if self._loops and self._last is not None and not self._last._over:
            self._search._left.append(self._last)


class Search:
    """A search in the directory dir, which Python drives:

        search = nascent.Search("mine", space={"x": {"float": [-10, 10]}}, objectives={"accuracy": "maximize"})
        for trial in search.ask(evaluations=200):
            search.tell(trial, accuracy=train(**trial.genes))

    The arguments are the keys of a search.yaml, as Python's values, and are its words; what
    is left out has the defaults of docs/search-yaml.md. They describe the search when it
    begins. When it goes on, in another process or after a crash, give the same again, or
    the directory alone. Several processes may drive one search at once.

    The engine is a process of its own. The first who needs it starts it, and it ends by
    itself when nobody has been there for half a minute (idle).

    objectives: names of metrics with maximize or minimize, or a list as in search.yaml.
    version: names what is measured here: change it when the measuring changes. Results of
        another version are then not compared with these, unless accept_evaluator says so.
    deterministic: equal trials have equal results.
    evaluator: further options of the evaluator ``clients``: metrics (names of what is told
        besides what the search judges by, with maximize, minimize or ""), budget, unit,
        seeded, tests.
    final: measuring again and testing at the end, which there is not unless it is given.
    """

    def __init__(
        self, dir: Union[str, "os.PathLike[str]"], space: Optional[Mapping[str, Any]] = None,
        objectives: Union[None, Mapping[str, Any], Sequence[Mapping[str, Any]]] = None, *,
        version: Optional[str] = None, deterministic: Optional[bool] = None, evaluator: Optional[Mapping[str, Any]] = None,
        accept_evaluator: bool = False, idle: Union[None, float, str] = None, name: Optional[str] = None,
        strategy: Union[None, str, Mapping[str, Any]] = None, repeats: Union[None, bool, Mapping[str, Any]] = None,
        start: Optional[Sequence[Any]] = None, baselines: Any = None, fidelities: Optional[Sequence[Mapping[str, Any]]] = None,
        ties: Union[None, Mapping[str, Any], Sequence[Mapping[str, Any]]] = None, metrics: Optional[Mapping[str, str]] = None,
        score: Optional[str] = None, prefer: Optional[str] = None, reference: Optional[Mapping[str, float]] = None,
        constraints: Optional[Sequence[Mapping[str, Any]]] = None, limits: Optional[Mapping[str, Any]] = None,
        seed: Optional[int] = None, order: Optional[str] = None, window: Optional[int] = None, workers: Optional[int] = None,
        duplicates: Optional[str] = None, failures: Optional[Mapping[str, Any]] = None, timeout: Union[None, float, str] = None,
        grace: Union[None, float, str] = None, final: Optional[Mapping[str, Any]] = None, checkpoints: Optional[Mapping[str, Any]] = None,
        plugins: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self.dir = os.path.abspath(os.fspath(dir))
        options = dict(evaluator or {})
        for key, value in (("version", version), ("deterministic", deterministic)):
            if value is not None:
                options[key] = value
        if isinstance(options.get("metrics"), Sequence) and not isinstance(options["metrics"], str):
            options["metrics"] = {metric: "" for metric in options["metrics"]}
        given: Dict[str, Any] = {
            "name": name, "space": space, "evaluator": {"use": "clients", **options} if space is not None or options else None,
            "strategy": strategy, "repeats": repeats, "start": start, "baselines": baselines, "fidelities": fidelities,
            "objectives": _goals(objectives), "ties": _goals(ties), "metrics": metrics, "score": score, "prefer": prefer,
            "reference": reference, "constraints": constraints, "limits": limits, "seed": seed, "order": order, "window": window,
            "workers": workers, "duplicates": duplicates, "failures": failures, "timeout": timeout, "grace": grace, "idle": idle,
            "final": final, "checkpoints": checkpoints, "plugins": plugins,
        }
        document = {key: value for key, value in given.items() if value is not None}
        self._begin(document or None, ("--accept-evaluator",) if accept_evaluator else ())

    def _begin(self, document: Optional[Mapping[str, Any]], arguments: Tuple[str, ...]) -> None:
        self._document = document
        self._arguments = arguments
        self._engine = Engine(self.dir, document, arguments)
        self._left: List[Trial] = []  # that a loop ended at

    def __getstate__(self) -> Tuple[Any, ...]:
        return self.dir, self._document, self._arguments  # whoever reads it connects anew

    def __setstate__(self, state: Tuple[Any, ...]) -> None:
        self.dir, document, arguments = state
        self._begin(document, arguments)

    def ask(self, evaluations: Optional[int] = None) -> Iterator[Trial]:
        """Trials, one after the other, until the search has come to its end, or to so many
        evaluations: its limit is raised to that if it has a lower one. It waits where
        there is nothing to try before somebody tells a result. After a loop that was left
        in the middle of a trial, as by an exception, the next begins with that one. Raises
        EngineError.

        ``next(search.ask())`` is a single one, and the next time another: several may be
        had at once, as many as the search's window."""
        if evaluations is not None and (isinstance(evaluations, bool) or not isinstance(evaluations, int) or evaluations < 1):
            raise ValueError(f"evaluations is {evaluations!r}: give a whole number of at least 1")
        return Trials(self, evaluations)

    def _again(self) -> Optional[Trial]:
        """A trial that a loop of this process ended at, and that is its still."""
        while self._left:
            trial = self._left.pop(0)
            if trial._process == os.getpid() and not trial._over and not trial._lease.stale:
                return trial
        return None

    def _next(self, evaluations: Optional[int]) -> Optional[Trial]:
        order = self._engine.next(evaluations)
        return None if order is None else Trial(order, self._engine)

    def tell(self, trial: Trial, metrics: Optional[Mapping[str, Any]] = None, /, **more: Any) -> None:
        """As trial.tell: ``search.tell(trial, accuracy=0.9)``, or with a dict."""
        trial.tell(metrics, **more)

    def run(self, evaluate: Evaluate, evaluations: Optional[int] = None, workers: int = 1, progress: Optional[bool] = None) -> Search:
        """Have a function measure candidates until the search has come to its end, or to so
        many evaluations. It is called with a trial and answers a dict of metrics, as that
        of an evaluator does: Invalid blames the genome, any other exception is a failed
        attempt, trial.report applies stopping rules. Answers the search.

        workers: so many processes, forked from this one, measure at once. There is one, this
            one, where that is 1, where CUDA has been initialised, which no fork survives,
            and where the system cannot fork.
        progress: shown on a terminal and in a notebook; True or False decide it.
        """
        from .run import run
        run(self, evaluate, evaluations, workers, progress)
        return self

    @property
    def status(self) -> Dict[str, Any]:
        """What nascent status --json says."""
        return dict(ask(self.dir, "status") or {"state": "new", "evaluations": 0, "best": []})

    @property
    def best(self) -> Optional[Found]:
        """The best candidate: the winner, once candidates were measured again. None before
        anything was measured."""
        record = ask(self.dir, "show", "best") if self.status.get("best") else None
        return Found(record) if record else None

    @property
    def front(self) -> Front:
        """With several objectives the candidates that no other one dominates, the preferred
        one first; with one the best."""
        status = self.status
        ids = [c["id"] for c in status.get("front") or (status.get("best") or [])[:1]]
        place = {identity: i for i, identity in enumerate(ids)}
        records = self._list("--where", " or ".join(f"id = {identity}" for identity in ids)) if ids else []
        return Front(Found(r, self.dir) for r in sorted(records, key=lambda r: place[r["id"]]))

    def candidates(self) -> List[Found]:
        """All candidates that have a result, in the order in which the search heard of it."""
        return [Found(record, self.dir) for record in self._list()]

    def frame(self) -> Any:
        """All candidates as a data frame: of pandas, or else of polars, or else a list of
        dicts. Columns are fields, metrics by their names and genes as gene:PATH; what a
        candidate lacks is None, in pandas NaN where it would be a number."""
        with tempfile.TemporaryFile() as written:  # much may come: a pipe is read in small pieces
            done = subprocess.run([program(), "list", self.dir, "--arrays"], stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.PIPE,
                                  check=False)
            if done.returncode != 0 and self.status.get("evaluations"):
                raise EngineError(done.stderr.decode(errors="replace").strip())
            written.seek(0)
            all = columns.read(written.read()) if done.returncode == 0 else []
        for library, make in (("pandas", columns.pandas), ("polars", columns.polars)):
            try:
                return make(import_module(library), all)
            except ImportError:
                continue
        return columns.rows(all)

    def _list(self, *more: str) -> List[Dict[str, Any]]:
        if not self.status.get("evaluations"):
            return []
        records: List[Dict[str, Any]] = json.loads(b"[" + b",".join(_ask("list", self.dir, "--json", *more).splitlines()) + b"]")
        return records

    # Steering: each returns once it is durable, whether somebody runs the search or not.
    # at_turn: not now, but before that turn. request: names it; given again it changes
    # nothing. They raise EngineError where the request is refused.

    def set(self, settings: Optional[Mapping[str, Any]] = None, *, at_turn: Optional[int] = None, request: Optional[str] = None,
            **more: Any) -> Receipt:
        """Other limits (evaluations, wall, seconds, target), workers, window or hosts:
        ``search.set(evaluations=500, workers=4)``; None takes a limit away."""
        return send(self.dir, {"set": steer.settings(settings, more)}, at_turn, request)

    def takeover(self, *, space: Optional[Mapping[str, Any]] = None, objectives: Any = None, ties: Any = None,
                 constraints: Optional[Sequence[Mapping[str, Any]]] = None, metrics: Optional[Mapping[str, str]] = None,
                 prefer: Optional[str] = None, reference: Optional[Mapping[str, float]] = None, was: Optional[Mapping[str, Any]] = None,
                 at_turn: Optional[int] = None, request: Optional[str] = None, dry_run: bool = False) -> Receipt:
        """Go on with another space, other objectives, ties or constraints, or further
        metrics, in the words of Search; what is None stays. The strategy begins anew with
        the candidates that fit: ``says`` of what is returned tells who does. was: what
        genes that the space adds were in the candidates that there are, as in
        ``{"dropout": 0}``. dry_run: it tells who would fit, and nothing is changed."""
        said = {"space": space, "objectives": _goals(objectives), "ties": _goals(ties), "constraints": constraints, "prefer": prefer,
                "reference": reference, "was": dict(was) if was else None}
        if metrics:
            said["metrics"] = [{"metric": name, "expression": text} for name, text in metrics.items()]
        asked: Dict[str, Any] = {"takeover": {key: value for key, value in said.items() if value is not None}}
        if dry_run:
            asked["dry_run"] = True
        return send(self.dir, asked, at_turn, request)

    def pause(self, now: bool = False, *, at_turn: Optional[int] = None, request: Optional[str] = None) -> Receipt:
        """Let it start nothing new. now: trials are called back, too."""
        return send(self.dir, {"pause": {"now": now}}, at_turn, request)

    def resume(self, *, request: Optional[str] = None) -> Receipt:
        """End a pause."""
        return send(self.dir, {"resume": True}, None, request)

    def ban(self, condition: str, *, at_turn: Optional[int] = None, request: Optional[str] = None) -> Receipt:
        """Propose no genomes of which a condition on genes holds: ``search.ban("kernel = 7 and not norm")``."""
        return send(self.dir, {"ban": condition}, at_turn, request)

    def unban(self, condition: str, *, at_turn: Optional[int] = None, request: Optional[str] = None) -> Receipt:
        """End a ban, given in the same words."""
        return send(self.dir, {"unban": condition}, at_turn, request)

    def withdraw(self, planned: str, *, request: Optional[str] = None) -> Receipt:
        """Take back what is planned for a later turn, by the name of its request."""
        return send(self.dir, {"withdraw": planned}, None, request)

    def add(self, *genomes: Union[str, Mapping[str, Any], Found, Trial], fidelity: int = 0, at_turn: Optional[int] = None,
            request: Optional[str] = None) -> Receipt:
        """Have genomes measured: texts such as ``"lr=0.01 units=64"``, or values by gene as
        in ``trial.genes``."""
        rows: List[Dict[str, Any]] = [{"genes": g} if isinstance(g, Mapping) else {"genome": steer.genome(g)} for g in genomes]
        if all("genome" in row for row in rows):
            return send(self.dir, {"add": {"genomes": [row["genome"] for row in rows], "fidelity": fidelity}}, at_turn, request)
        arguments = ["add", self.dir, "--from", "-", "--json", "--by", "python", *_options(fidelity=fidelity, at_turn=at_turn, request=request)]
        return Receipt(json.loads(_ask(*arguments, text=b"".join(encode(row, None) for row in rows))))

    def import_from(self, file: Union[str, "os.PathLike[str]"], *, map: Optional[Mapping[str, str]] = None, study: Optional[str] = None,
                    fidelity: Optional[int] = None, at_turn: Optional[int] = None, request: Optional[str] = None) -> Dict[str, Any]:
        """Let the search know results from elsewhere, as nascent import does; it is begun
        where it has not. file: an Optuna study, CSV, Parquet, JSON lines, or the directory
        of another search. map: what is called otherwise there, as in
        ``{"lr": "learning_rate", "accuracy": "1 - error"}``. Answers what nascent import
        --json says: imported, known, left_out, mapped, unused."""
        arguments = ["import", self.dir, os.fspath(file), "--json", "--by", "python", *_mapped(map),
                     *_options(study=study, fidelity=fidelity, at_turn=at_turn, request=request)]
        document = b""
        if self._document is not None:
            arguments, document = [*arguments, "--search", "-"], encode(self._document)
        return dict(json.loads(_ask(*arguments, text=document)))

    def cancel(self, *candidates: Candidate, at_turn: Optional[int] = None, request: Optional[str] = None) -> Receipt:
        """End candidates that have no result yet: they fail."""
        return send(self.dir, {"cancel": [steer.number(c) for c in candidates]}, at_turn, request)

    def pin(self, *candidates: Candidate, at_turn: Optional[int] = None, request: Optional[str] = None) -> Receipt:
        """Keep the files of candidates."""
        return send(self.dir, {"pin": [steer.number(c) for c in candidates]}, at_turn, request)

    def unpin(self, *candidates: Candidate, at_turn: Optional[int] = None, request: Optional[str] = None) -> Receipt:
        """Let the files of candidates go as if they had not been pinned."""
        return send(self.dir, {"unpin": [steer.number(c) for c in candidates]}, at_turn, request)

    def note(self, text: str, *, at_turn: Optional[int] = None, request: Optional[str] = None) -> Receipt:
        """Write a line into the search's log."""
        return send(self.dir, {"note": text}, at_turn, request)

    def label(self, label: str, *candidates: Candidate, at_turn: Optional[int] = None, request: Optional[str] = None) -> Receipt:
        """Give candidates a label."""
        return send(self.dir, {"label": {"ids": [steer.number(c) for c in candidates], "add": label}}, at_turn, request)

    def stop(self, *, at_turn: Optional[int] = None, request: Optional[str] = None) -> Dict[str, Any]:
        """Have whoever runs it finish cleanly, and wait until that is done. Answers what
        nascent stop --json says: stopped (it was running) and state. With at_turn it waits
        for nothing, and answers what came of the request."""
        return dict(json.loads(_ask("stop", self.dir, "--json", "--by", "python", *_options(at_turn=at_turn, request=request))))

    def branch(self, new: Union[str, "os.PathLike[str]"], *, turn: Optional[int] = None, seed: Optional[int] = None) -> Search:
        """A new search in the directory new that stands where this one stands, or stood
        before it decided a turn, and goes on as this one did, or draws from a seed of its
        own from there on. What is under way takes the results that this one has. Raises
        EngineError where it is refused."""
        _ask("branch", self.dir, _directory(new), "--by", "python", *_options(turn=turn, seed=seed))
        return Search(new)

    def rewind(self, turn: int) -> str:
        """Let it stand again where it stood before it decided a turn; who runs it is stopped
        first. What it was is kept whole beside it, in the directory that is answered."""
        self.close()
        self.stop()
        return str(json.loads(_ask("rewind", self.dir, "--json", "--by", "python", *_options(turn=turn)))["kept"])

    def merge(self, other: Union[Search, str, "os.PathLike[str]"], new: Union[str, "os.PathLike[str]"], *,
              map: Optional[Mapping[str, str]] = None) -> Search:
        """A new search in the directory new that is declared as this one is, and knows what
        both measured. map: what is called otherwise in the other, as in ``import_from``."""
        _ask("merge", self.dir, _directory(other), _directory(new), *_mapped(map))
        return Search(new)

    def diff(self, other: Union[Search, str, "os.PathLike[str]"]) -> Dict[str, Any]:
        """Where it parts from another search, and what each has alone, as nascent diff
        --json has it."""
        return dict(json.loads(_ask("diff", self.dir, _directory(other), "--json")))

    @property
    def log(self) -> List[Dict[str, Any]]:
        """What happened to the search, and who asked for it, as nascent log --json has it."""
        return [dict(json.loads(line)) for line in _ask("log", self.dir, "--json").splitlines()]

    def close(self) -> None:
        """End the connection to the engine. Trials that were not told go back. It is made
        again when something is asked or told."""
        self._left.clear()
        self._engine.close()

    def __enter__(self) -> Search:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Search {self.dir}>"

    def _repr_html_(self) -> str:
        return page.search(self.status, self._curve(), os.path.basename(self.dir))

    def _curve(self) -> List[float]:
        """The best so far after each evaluation, of the first objective."""
        objective: Mapping[str, Any] = next(iter(self.status.get("objectives") or []), {})
        better = min if objective.get("goal") == "minimize" else max
        out: List[float] = []
        for c in self._list():
            value = (c.get("metrics") or {}).get(objective.get("metric")) if c.get("phase") == "search" else None
            if value is not None:
                out.append(better(out[-1], value) if out else value)
        return out


def _directory(search: Union[Search, str, "os.PathLike[str]"]) -> str:
    return search.dir if isinstance(search, Search) else os.path.abspath(os.fspath(search))


def _mapped(named: Optional[Mapping[str, str]]) -> List[str]:
    return [f"--map={name}={source}" for name, source in (named or {}).items()]


def _options(**values: Union[None, int, str]) -> List[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items() if value is not None]


def _ask(*arguments: str, text: bytes = b"") -> bytes:
    """What a command prints. Raises EngineError where it is refused."""
    done = subprocess.run([program(), *arguments], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    refused(done)
    return done.stdout


def _goals(objectives: Union[None, Mapping[str, Any], Sequence[Mapping[str, Any]]]) -> Optional[List[Mapping[str, Any]]]:
    """Objectives as a search.yaml lists them."""
    if objectives is None or not isinstance(objectives, Mapping):
        return None if objectives is None else list(objectives)
    return [{"metric": metric, **(goal if isinstance(goal, Mapping) else {"goal": goal})} for metric, goal in objectives.items()]
