"""Calls in processes of this machine and on a real Dask cluster of two workers."""

from __future__ import annotations

import operator
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from joblib.externals.loky.process_executor import ShutdownExecutorError
from joblib.externals.loky.reusable_executor import _ReusablePoolExecutor as ReusableExecutor

from wsegs.datasets import open_dataset
from wsegs.errors import MissingError, OptionError
from wsegs.geometry.frame import Frame
from wsegs.io.processes.parallel import WorkerLostError, check_scheduler, run_in_workers
from wsegs.landmarks.find import find_landmarks
from wsegs.landmarks.table import read_landmarks
from wsegs.rules import load_rules
from wsegs.store.writing.build import build_store

FACES = Path(__file__).parents[3] / "examples" / "faces"


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory) -> Iterator[str]:
    """The address of a scheduler with two workers, on the loopback."""
    pytest.importorskip("distributed", reason="needs the extra 'dask'")
    folder = tmp_path_factory.mktemp("dask")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    dask = [sys.executable, "-m", "dask"]
    common = ["--no-dashboard", "--host", "127.0.0.1"]
    commands = [[*dask, "scheduler", "--port", address.rsplit(":", 1)[1], *common]]
    commands += [[*dask, "worker", address, "--nthreads", "1", "--local-directory", str(folder), *common]] * 2
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with (folder / "log").open("w") as log:
        running = [
            subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder) for command in commands
        ]
    deadline = time.monotonic() + 60
    while (folder / "log").read_text().count("Starting established connection") < 2 * 2:
        assert time.monotonic() < deadline, (folder / "log").read_text()
        assert all(process.poll() is None for process in running), (folder / "log").read_text()
        time.sleep(0.1)
    yield address
    for process in running[::-1]:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_calls(jobs):
    calls = ((number, number) for number in range(50))
    assert list(run_in_workers(operator.mul, calls, jobs=jobs)) == [number**2 for number in range(50)]


def test_unordered_gives_the_same_results():
    calls = ((number, 1) for number in range(50))
    assert sorted(run_in_workers(operator.add, calls, jobs=2, ordered=False)) == list(range(1, 51))


def test_calls_are_taken_as_results_are_fetched():
    taken = []
    calls = (taken.append(number) or (number, 1) for number in range(1000))
    results = run_in_workers(operator.add, calls, jobs=1, batch_size=1)
    assert next(results) == 1
    assert len(taken) < 10
    results.close()


def test_an_error_of_a_call_is_raised():
    with pytest.raises(ZeroDivisionError):
        list(run_in_workers(operator.truediv, [(1, 1), (1, 0)], jobs=2))


@pytest.mark.slow
def test_a_call_that_is_sent_while_all_is_closed_says_nothing(monkeypatch, caplog):
    """A drive that turned read-only in the middle of a run gave a traceback of joblib's beside its line."""
    submit = ReusableExecutor.submit
    late, sending, closing, refused = (threading.Event() for _ in range(4))

    def submit_late(self, *args, **kwargs):
        if late.is_set():
            sending.set()
            closing.wait(20)
        try:
            return submit(self, *args, **kwargs)
        except ShutdownExecutorError:
            refused.set()
            raise

    monkeypatch.setattr(ReusableExecutor, "submit", submit_late)
    results = run_in_workers(abs, ((i,) for i in range(100_000)), jobs=2, batch_size=1)
    next(results)
    late.set()  # of the next call that joblib sends, as soon as one is done
    assert sending.wait(20)
    threading.Timer(0.3, closing.set).start()
    results.close()
    assert refused.wait(20)
    time.sleep(0.3)  # in which it would be logged
    assert not caplog.records


def test_a_process_that_dies_is_one_error():
    with pytest.raises(WorkerLostError, match="a worker process died, perhaps for want of memory"):
        list(run_in_workers(os._exit, [(1,)] * 4, jobs=2))


ASK = """
import os, time
from wsegs.io.processes.parallel import run_in_workers
if __name__ == "__main__":
    for pid in run_in_workers(os.getpid, [()] * 4, jobs=2):
        print(pid, flush=True)
    for _ in run_in_workers(time.sleep, [(600,)] * 4, jobs=2):
        pass
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")
def test_workers_end_with_a_killed_caller(tmp_path):
    (tmp_path / "ask.py").write_text(ASK)
    caller = subprocess.Popen([sys.executable, str(tmp_path / "ask.py")], stdout=subprocess.PIPE, text=True)
    assert caller.stdout is not None
    workers = {int(caller.stdout.readline()) for _ in range(4)}
    assert caller.pid not in workers
    assert all(Path(f"/proc/{worker}").exists() for worker in workers)
    time.sleep(0.5)  # into the calls that take long
    caller.kill()
    caller.wait()
    limit = time.monotonic() + 30
    while time.monotonic() < limit and any(_runs(worker) for worker in workers):
        time.sleep(0.05)
    assert not any(_runs(worker) for worker in workers)
    caller.stdout.close()


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_ctrl_c_is_the_callers(monkeypatch):
    """Workers ignore it, the process that asks does not: also with one process for one core."""
    ignored = list(run_in_workers(signal.getsignal, [(signal.SIGINT,)] * 4, jobs=2))
    assert ignored == [signal.SIG_IGN] * 4
    monkeypatch.setattr("joblib._parallel_backends.cpu_count", lambda *_, **__: 1)
    monkeypatch.setattr("joblib.parallel.cpu_count", lambda *_, **__: 1)
    (pid,) = run_in_workers(os.getpid, [()], jobs=-1)
    assert pid == os.getpid()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to count threads")
@pytest.mark.parametrize("command", ["landmarks", "masks"])
def test_a_worker_has_one_thread(command, tmp_path, tiny_predictor, truth_folder):
    """Whatever the libraries would start: none of their variables is set here."""
    if command == "landmarks":
        for number in range(60):
            (tmp_path / f"{number}.jpg").symlink_to(FACES / "astronaut.jpg")
        arguments = ["landmarks", "--data", tmp_path, "--predictor", tiny_predictor]
    else:
        arguments = ["masks", truth_folder / "landmarks.h5"]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "-m", "wsegs.cli.main", *map(str, arguments), "-j", "2", "-o", str(tmp_path / "out.h5")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    threads: dict[str, int] = {}
    while process.poll() is None:
        for task in Path(f"/proc/{process.pid}/task").glob("*/children"):
            for child in _read(task).split():
                if "loky" in _read(Path(f"/proc/{child}/cmdline")):
                    count = _read(Path(f"/proc/{child}/status")).partition("Threads:")[2].split()[:1]
                    threads[child] = max(threads.get(child, 0), *map(int, count), 0)
        time.sleep(0.02)
    assert process.returncode == 0
    assert threads
    assert set(threads.values()) == {1}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has just ended
        return ""


@pytest.mark.slow
def test_dask_gives_the_results_of_one_process(scheduler):
    calls = [(number, number) for number in range(50)]
    assert list(run_in_workers(operator.mul, calls, scheduler=scheduler)) == [number**2 for number in range(50)]
    pids = set(run_in_workers(os.getpid, [()] * 50, scheduler=scheduler, ordered=False, batch_size=1))
    assert os.getpid() not in pids


@pytest.mark.slow
def test_dask_finds_the_same_landmarks_and_draws_the_same_masks(scheduler, tmp_path, tiny_predictor):
    for number in range(6):
        shutil.copy(FACES / ("astronaut.jpg", "grace_hopper.jpg")[number % 2], tmp_path / f"{number}.jpg")
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    data = open_dataset(tmp_path)
    for name, where in (("one", {"jobs": 1}), ("dask", {"scheduler": scheduler})):
        table = find_landmarks(data, tmp_path / name / "l.h5", predictor=tiny_predictor, **where)
        assert table.found.sum() == 6
        build_store(table, load_rules("celeba"), Frame("face", (54, 44)), tmp_path / name / "m.h5", **where)
    for name in ("l.h5", "m.h5", "l.missing.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "dask" / name).read_bytes()
    assert len(read_landmarks(tmp_path / "dask" / "l.h5")) == 7


@pytest.mark.slow
def test_an_error_of_a_call_on_dask_is_raised(scheduler):
    with pytest.raises(ZeroDivisionError):
        list(run_in_workers(operator.truediv, [(1, 1), (1, 0)], scheduler=scheduler))


@pytest.mark.slow
def test_a_task_that_kills_dasks_workers_is_one_error(scheduler):
    with pytest.raises(WorkerLostError, match=r"^a worker process died, perhaps for want of memory$"):
        list(run_in_workers(os._exit, [(1,)], scheduler=scheduler))


@pytest.mark.slow
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "foo://x:1"])
def test_no_scheduler_there(address, monkeypatch):
    dask_backend = pytest.importorskip("wsegs.io.processes.dask_backend", reason="needs the extra 'dask'")
    monkeypatch.setattr(dask_backend, "SECONDS_TO_CONNECT", 1)
    with pytest.raises(OptionError, match=f"^--scheduler {address}: no Dask scheduler answers there") as caught:
        check_scheduler("dask", address)
    assert "\n" not in str(caught.value)


def test_options_that_do_not_fit():
    assert check_scheduler("loky", None) is None
    with pytest.raises(OptionError, match=r"--scheduler tcp://x:1: expected --backend dask beside it"):
        check_scheduler("loky", "tcp://x:1")
    with pytest.raises(OptionError, match=r"--backend dask: expected --scheduler ADDRESS beside it"):
        check_scheduler("dask", None)


def test_without_the_package(monkeypatch):
    monkeypatch.delitem(sys.modules, "wsegs.io.processes.dask_backend", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingError, match=r"--backend dask: .*distributed.* pip install 'wsegs\[dask\]'"):
        check_scheduler("dask", "tcp://127.0.0.1:9")
