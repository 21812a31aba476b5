"""Does what its gene says."""
import ctypes
import os
import signal
import sys
import threading
import time

import nascent


@nascent.evaluator(metrics={"accuracy": "maximize", "extra": {"optional": True}})
def evaluate(job):
    return globals()[job.genes["do"]](job)


def good(job):
    return {"accuracy": 0.5}


def scalars(job):
    class Scalar:
        def item(self):
            return 0.25
    return {"accuracy": Scalar(), "extra": True}


def error(job):
    values = []
    return values[3]


def nan(job):
    return {"accuracy": float("nan")}


def text(job):
    return {"accuracy": "high"}


def nothing(job):
    pass


def leave(job):
    sys.exit(7)


def crash(job):
    print("that is it", flush=True)
    os._exit(3)


def segfault(job):
    ctypes.string_at(0)


def daemon(job):
    """Crashes, and leaves a process behind that holds its standard error."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(2)
        os._exit(0)
    time.sleep(0.1)
    os._exit(4)


def deaf(job):
    """Leaves a thread behind and hears nothing more."""
    threading.Thread(target=time.sleep, args=(3600,)).start()
    os.closerange(3, 100)
    return good(job)


def hidden(job):
    sys.stderr.close()
    raise ValueError("nobody sees this")


def returns(job):
    """Forks children that come back."""
    ends = []
    for status in (0, 1, 5):
        child = os.fork()
        if child == 0:
            if status == 1:
                raise ValueError("in a child")
            return sys.exit(status) if status else good(job)
        ends.append(os.waitpid(child, 0)[1] >> 8)
    job.remark = ends
    return good(job)


def sleep(job):
    job.remark = "never"
    time.sleep(3600)
    return good(job)


def gil(job):
    job.report(accuracy=0.1)
    ctypes.PyDLL(None).sleep(3600)
    return good(job)


def stubborn(job):
    job.report(accuracy=0.1)
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass


def reports(job):
    while True:
        job.report(accuracy=0.1)
        time.sleep(0.001)


def saves(job):
    if job.resumed_own:
        return {"accuracy": float(job.resume.read_text())}
    try:
        while True:
            job.report(accuracy=0.1)
            time.sleep(0.001)
    except nascent.Cancelled:
        if job.saving:
            file = job.scratch / "progress"
            file.write_text("0.75")
            job.save(file)
        raise


def keeps(job):
    file = job.scratch / "weights"
    file.write_text("kept")
    job.keep(file)
    job.output = b"for the strategy"
    return good(job)


def stops(job):
    for epoch in range(1, 100):
        job.report(epoch=epoch, accuracy=0.01 * epoch)
    return good(job)


def long(job):
    print("p" * (1 << 20))
    sys.stderr.write("e" * (1 << 20))
    job.remark = "r" * (1 << 20)
    return good(job)


def endless(job):
    job.remark = "r" * (17 << 20)
    return good(job)


def descendants(job):
    """Forks a child in its own process group, and says who everybody is."""
    child = os.fork()
    if child == 0:
        time.sleep(3600)
    job.report(accuracy=0.1)
    job.output = f"{os.getppid()} {os.getpid()} {child}".encode()
    return good(job)


def orphans(job):
    descendants(job)
    (job.scratch / "pids").write_bytes(job.output)
    job.save(job.scratch / "pids")
    os._exit(3)


def shares(job):
    """Makes shared memory as PyTorch does, with a child, and names both."""
    child = os.fork()
    file = f"/dev/shm/torch_{os.getpid()}_test"
    with open(file, "w"):
        if child == 0:
            time.sleep(3600)
    made = f"/dev/shm/torch_{child}_test"
    while not os.path.exists(made):
        time.sleep(0.001)
    (job.scratch / "made").write_text(f"{file} {made}")
    job.save(job.scratch / "made")
    while True:
        ctypes.PyDLL(None).sleep(3600)


def work(pool):
    return pool * pool


def children(job):
    import multiprocessing
    total = 0
    for method in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context(method).Pool(2) as pool:
            total += sum(pool.map(work, range(3)))
    return {"accuracy": total}


class Samples:
    def __len__(self):
        return 64

    def __getitem__(self, n):
        time.sleep(0.005)
        return float(n)


def loads(job):
    """Reads all samples with the forked workers of a DataLoader."""
    from torch.utils.data import DataLoader
    return {"accuracy": sum(float(batch.sum()) for batch in DataLoader(Samples(), batch_size=8, num_workers=2))}


def keeps_loading(job):
    """Does so for ever, and says who everybody is."""
    from torch.utils.data import DataLoader
    loader = iter(DataLoader(Samples(), batch_size=1, num_workers=2, sampler=iter(lambda: 1, 2)))
    next(loader)
    (job.scratch / "pids").write_text(" ".join(map(str, (os.getpid(), *(w.pid for w in loader._workers)))))
    job.save(job.scratch / "pids")
    for batch in loader:
        pass


def leaves_file(job):
    """Leaves a temporary file behind."""
    import tempfile
    job.output = tempfile.mkstemp()[1].encode()
    return good(job)


def heavily(job):
    """Says which process has imported what is heavy."""
    import heavy
    job.output = heavy.PROCESS.encode()
    return good(job)
