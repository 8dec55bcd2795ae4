"""The fork server: many files at a time, each in a sandboxed worker. It ends when we end; a dead one is replaced."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from corpora import errors
from corpora.loaders.isolation.client import ForkServerDied, shared_fork_server
from corpora.loaders.isolation.sandbox import landlock_version
from corpora.loaders.isolation.spawn_fallback import ask_spawned
from corpora.loaders.isolation.wire_format import Task
from corpora.loaders.registry import LOADERS, Limits
from corpora.loaders.sandboxed_loader import load_bytes, run_loader

HOSTILE = "tests.support.hostile"
ROOT = Path(__file__).parents[3]


def run(function: str, data: bytes = b"data", limits: Limits | None = None) -> str:
    return run_loader(f"{HOSTILE}:{function}", data, "file.txt", limits=limits or Limits()).text


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid: int, within_s: float = 10.0) -> bool:
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_each_file_has_a_worker_of_one_fork_server() -> None:
    told = [list(map(int, run("tells_ids").split())) for _ in range(5)]
    assert len({own for own, _, _ in told}) == 5
    assert {parent for _, parent, _ in told} == {shared_fork_server().pid()}
    assert all(own == group for own, _, group in told)


def test_many_at_a_time_get_their_own_answers() -> None:
    def one(i: int) -> bool:
        text = f"This is file {i}. " * (1 + 50 * (i % 40))
        return load_bytes(text.encode(), f"{i}.txt").text == text.strip()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(200)))
    server = shared_fork_server().pid()
    assert server is not None and children_of(server) == []


@pytest.mark.timed
def test_a_slow_file_holds_up_nobody() -> None:
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(run, "sleeps", limits=Limits(wall_s=3))
        time.sleep(0.2)
        started_s = time.monotonic()
        for i in range(10):
            load_bytes(b"Quick words.", f"{i}.txt")
        assert time.monotonic() - started_s < 2
        assert isinstance(slow.exception(), errors.LoaderTimeout)


def test_a_fork_server_that_died_is_replaced_and_the_file_in_it_is_read() -> None:
    load_bytes(b"Some words.", "a.txt")
    with ThreadPoolExecutor(1) as pool:
        for delay_s in (0.0, 0.1):
            first = shared_fork_server().pid()
            assert first is not None
            reading = pool.submit(run, "waits_a_little")
            time.sleep(delay_s)
            os.kill(first, signal.SIGKILL)
            assert reading.result() == "in the end"
            assert load_bytes(b"Some words.", "a.txt").text == "Some words."
            assert shared_fork_server().pid() not in (None, first)


def test_a_fork_server_that_is_stuck_is_replaced() -> None:
    load_bytes(b"Some words.", "a.txt")
    first = shared_fork_server().pid()
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(ForkServerDied):
        shared_fork_server().ask(Task("document", f"{HOSTILE}:tells_ids", "a.txt", Limits(wall_s=-29.0)), b"data")
    assert gone(first)
    assert load_bytes(b"Some words.", "a.txt").text == "Some words."


def test_a_worker_cannot_end_the_fork_server() -> None:
    load_bytes(b"Some words.", "a.txt")
    before = shared_fork_server().pid()
    with pytest.raises(errors.LoaderCrashed, match="PermissionError"):
        run("kills_its_parent")
    if landlock_version() >= 6:
        with subprocess.Popen(["sleep", "60"]) as bystander:
            assert run("kills_past_python", str(bystander.pid).encode()) == "refused"
            assert bystander.poll() is None
            bystander.kill()
    assert shared_fork_server().pid() == before


def test_nothing_of_ours_is_open_in_a_child(tmp_path: Path) -> None:
    with (tmp_path / "database").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        shared_fork_server().close()
        character, channel = "20000", "140000"
        assert run("tells_open_files") == f"0:{character} 1:{character} 2:{character} 3:{channel}"


def test_what_native_code_could_do_is_refused_by_the_kernel(tmp_path: Path) -> None:
    if landlock_version() >= 1:
        (tmp_path / "secret").write_text("secret")
        with pytest.raises(errors.LoaderCrashed, match="PermissionError"):
            run("reads_a_file", str(tmp_path / "secret").encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0.2)
        said = run("sends_past_python", str(listening.getsockname()[1]).encode())
        asked = "from corpora.loaders.isolation import sandbox; print(sandbox.leave_network())"
        answer = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
        if answer.stdout.strip() == "True":  # not every machine lets us have a network of our own
            assert said == "sent -1 with ENETUNREACH"
            with pytest.raises(TimeoutError):
                listening.recv(6)


def test_what_a_worker_started_ends_with_it() -> None:
    load_bytes(b"Some words.", "a.txt")
    server = shared_fork_server().pid()
    assert server is not None
    assert run("forks_past_python") == "forked"
    load_bytes(b"Some words.", "a.txt")
    assert sleepers() == []


def sleepers() -> list[int]:
    """Children of a fork server of ours that go on though nobody waits for them, wherever they hang."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            group = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[2])
            command = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if (
            b"corpora.loaders.isolation.fork_server" in command
            and group != int(folder.name)
            and not gone(int(folder.name), 2)
        ):
            found.append(int(folder.name))
    return found


SERVICE = """
import sys, threading, time
from corpora.loaders.registry import Limits
from corpora.loaders.sandboxed_loader import load_bytes, run_loader
from corpora.loaders.isolation.client import shared_fork_server
load_bytes(b"Some words.", "a.txt")
slow = ("tests.support.hostile:sleeps", b"data", "b.txt")
threading.Thread(target=run_loader, args=slow, kwargs={"limits": Limits()}, daemon=True).start()
print(shared_fork_server().pid(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_fork_server_goes_when_its_service_goes(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as service:
        assert service.stdout is not None
        server = int(service.stdout.readline())
        deadline_s = time.monotonic() + 20
        while not (children := children_of(server)) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert len(children) == 1
        service.send_signal(how)
        service.wait()
    assert gone(server) and gone(children[0])


def test_the_loaders_leave_the_fork_server_one_thread() -> None:
    """A process of several threads must not fork."""
    for suffix in LOADERS:
        try:
            load_bytes(b"Some words.", f"a{suffix}")
        except errors.LoaderError:
            continue
    status = Path(f"/proc/{shared_fork_server().pid()}/status").read_text()
    assert "Threads:\t1\n" in status


def test_a_spawned_process_answers_as_the_fork_server_does() -> None:
    for name, data in {
        "a.md": b"# Title\n\nWords *of* text.",
        "b.html": b"<h1>T</h1><p>x",
        "c.txt": b"\x00\x01",
    }.items():
        task = Task("document", LOADERS[name[1:]], name, Limits())
        warm, _ = shared_fork_server().ask(task, data)
        cold, ended = ask_spawned(task, data)
        assert warm == cold and ended.status == 0
    task = Task("document", f"{HOSTILE}:prints", "a.txt", Limits())
    assert ask_spawned(task, b"data")[0] == shared_fork_server().ask(task, b"data")[0]
    assert ask_spawned(Task("document", f"{HOSTILE}:sleeps", "a.txt", Limits(wall_s=0.5)), b"data")[1].is_late


def test_a_worker_tells_what_it_cost() -> None:
    _, ended = shared_fork_server().ask(Task("document", f"{HOSTILE}:eats_a_little", "a.txt", Limits()), b"data")
    assert 100 * 2**20 < ended.peak_bytes < 600 * 2**20
    assert 0.2 < ended.cpu_s < 5 and ended.wall_s > 0.2
