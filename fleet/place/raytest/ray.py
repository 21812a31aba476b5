"""What hosts.py asks of Ray, carried out by a server of raytest."""

import importlib
import json
import os
import sys
import urllib.request

SERVER = os.environ["RAYTEST"]
space = None


def ask(what, **fields):
    body = json.dumps({"namespace": space, **fields}).encode()
    with urllib.request.urlopen(urllib.request.Request(SERVER + "/python/" + what, body)) as answer:
        return json.load(answer)


def init(namespace):
    global space
    space = namespace


class Actor:
    def __init__(self, id):
        self.id = id
        self.stop = self

    def remote(self):
        ask("stop", id=self.id)
        return self.id


class Class:
    def __init__(self, options, of):
        self.given, self.of = options, of

    def options(self, **more):
        return Class({**self.given, **more}, self.of)

    def remote(self, *args):
        assert self.given["lifetime"] == "detached" and self.given["max_restarts"] == -1
        return Actor(ask("start", options=self.given, name=self.of.__name__, args=args, dir=os.getcwd(), env=dict(os.environ))["id"])


def remote(**options):
    return lambda of: Class(options, of)


def get_actor(name):
    id = ask("find", name=name)["id"]
    if not id:
        raise ValueError("Failed to look up actor")
    return Actor(id)


def wait(calls, num_returns, timeout):
    return calls, []


def kill(actor, no_restart):
    assert no_restart
    ask("kill", id=actor.id)


class Context:
    current_actor = Actor(os.environ.get("RAYTEST_ACTOR"))


def get_runtime_context():
    return Context


if __name__ == "__main__":  # an actor
    sys.modules["ray"] = sys.modules["__main__"]
    host = importlib.import_module("hosts").Host(*json.loads(sys.argv[1]))
    for line in sys.stdin:
        getattr(host, line.strip())()
    os._exit(1)
