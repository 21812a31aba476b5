"""Places and stops hosts of a search of nascent: detached actors in a namespace of its own."""

import ctypes
import json
import os
import signal
import subprocess
import threading
import time

import ray

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def end_with_parent():
    """Has this process get SIGTERM when the thread that started it is no more."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Host:
    """Runs a host until that ends by itself. One that was killed is started again."""

    def __init__(self, command):
        self.command, self.process, self.stopping, self.lock = command, None, False, threading.Lock()
        self.actor = ray.get_runtime_context().current_actor
        threading.Thread(target=self.run).start()

    def run(self):
        try:
            failures = 0
            while failures < 5 and self.start():
                begin = time.monotonic()
                if self.process.wait() >= 0:
                    break
                failures = failures + 1 if time.monotonic() - begin < 60 else 1
                time.sleep(1)
        finally:
            ray.kill(self.actor, no_restart=True)

    def start(self):
        with self.lock:
            if not self.stopping:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True, preexec_fn=end_with_parent
                )
            return not self.stopping

    def stop(self):
        """Has the host end; its jobs save their progress first."""
        with self.lock:
            self.stopping = True
            if self.process:
                self.process.terminate()


def place(names, command, resources):
    actor = ray.remote(**{"num_cpus": 0, "max_restarts": -1, **resources})(Host)
    for name in names:
        actor.options(name=name, lifetime="detached", scheduling_strategy="SPREAD").remote(command)


def stop(names, patience=20):
    """Hosts that run are asked to end; those that wait for room, or do not answer, are no more."""
    asked = {}
    for name in names:
        try:
            actor = ray.get_actor(name)
            asked[actor.stop.remote()] = actor
        except ValueError:  # it has ended
            pass
    calls = list(asked)
    done, late = ray.wait(calls, num_returns=len(calls), timeout=patience) if calls else ([], [])
    for call in late:
        ray.kill(asked[call], no_restart=True)


def main():
    order = json.loads(os.environ["NASCENT_ORDER"])
    ray.init(namespace=order["search"])
    if "stop" in order:
        stop(order["stop"])
    if "kill" in order:
        for name in order["kill"]:
            try:
                ray.kill(ray.get_actor(name), no_restart=True)
            except ValueError:
                pass
    if "names" in order:
        place(order["names"], order["command"], order["resources"])
