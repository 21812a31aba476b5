"""A worker that decides: questions come in as lines of JSON, decisions go out.

docs/exec.md has the protocol.
"""

from __future__ import annotations

import base64
import collections
import sys

from .history import History
from .load import settle
from .pipe import Pipe, encode
from .space import Space
from .trouble import explain, leave, report, say
from .turn import Decision, Proposal, Strategy, StrategySetup, Turn, _id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Deque, List

    from .job import Message


class Orders:
    """What nascent says, one line after the other."""

    def __init__(self, pipe: Pipe, waiting: List[Message]) -> None:
        self._pipe = pipe
        self._waiting: Deque[Message] = collections.deque(waiting)

    def next(self) -> Message:
        """The next order. At the end of them the process ends."""
        while not self._waiting:
            messages = self._pipe.read()
            if messages is None:
                leave()
            self._waiting.extend(messages)
        return self._waiting.popleft()

    def ask(self, question: Message) -> Message:
        """What nascent answers to a question about the space."""
        self._pipe.write([question])
        return dict(self.next()["answer"])


class Decider:
    """Answers one question after the other."""

    def __init__(self, strategy: Strategy, path: str, order: Message, pipe: Pipe, waiting: List[Message]) -> None:
        """Open the strategy of the file at path."""
        self.strategy, self.pipe, self.orders = strategy, pipe, Orders(pipe, waiting)
        options = settle(strategy, order.get("options") or {})
        self.setup = StrategySetup(options, order, Space(order.get("space"), self.orders.ask))
        self.history = History(m["name"] for m in self.setup.metrics)
        strategy.open(self.setup)

    def serve(self) -> None:
        """Decide until nothing more is asked, which ends the process."""
        while True:
            order = self.orders.next()
            if "history" in order:
                self.history._cut(order["history"]["keep"])
                for row in order["history"].get("rows") or ():
                    self.history._add(row)
            elif "step" in order:
                self.pipe.send(self.step(order["step"]))

    def step(self, order: Message) -> str:
        """Call the strategy and make a line of whatever comes of it."""
        turn = Turn(order, self.setup, self.history)
        _steady(turn.seed)
        try:
            said = self.strategy.function(order.get("state"), turn)
            if not self.history._intact():
                raise RuntimeError("the step changed the history: work on a copy")
            decision = _decision(said, order.get("state"))
            try:
                return encode({"decision": decision})
            except (TypeError, ValueError) as error:
                raise TypeError(f"the decision cannot be sent: {error}") from None
        except (Exception, SystemExit) as error:
            say(f"turn {turn.n} failed:\n{report(error)}")
            return encode({"failed": explain(error, self.strategy.folders)})


def _steady(seed: int) -> None:
    """Seed what others draw from, so that equal questions have equal answers
    where somebody uses it."""
    if "random" in sys.modules:
        sys.modules["random"].seed(seed)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(seed % (1 << 32))


def _decision(said: Any, state: Any) -> Message:
    """A decision as it is sent."""
    if not isinstance(said, Decision):
        if isinstance(said, (str, bytes, dict)) or not hasattr(said, "__iter__"):
            raise TypeError(f"the step answered with a {type(said).__name__}: return nascent.Decision(state, proposals), or a list of proposals")
        said = Decision(state, said)
    out: Message = {"state": said.state, "proposals": [_proposal(p) for p in said.proposals]}
    if said.keep:
        out["keep"] = [_id(c) for c in said.keep]
    if said.note:
        out["note"] = str(said.note)
    if said.done:
        out["done"] = True
    if said.files:
        out["files"] = {name: str(path) for name, path in said.files.items()}
    return out


def _proposal(p: Any) -> Message:
    if isinstance(p, str):
        p = Proposal.given(p)
    if not isinstance(p, Proposal):
        raise TypeError(f"a proposal is a {type(p).__name__}: make it with nascent.Proposal, or give a genome's text")
    out: Message = {name: value for name, value in vars(p).items() if value}
    if p.input:
        out["input"] = base64.b64encode(p.input).decode()
    return out
