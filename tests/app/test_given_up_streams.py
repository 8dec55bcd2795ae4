"""Streams of the pipeline that are broken off, dropped or collected while documents are removed: nothing ever hangs.

The four ways in which a process once hung for good; rounds of break, answer and remove from one thread and from four,
with a collection at every allocation; readers that are cancelled tasks or threads that end; two processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import Corpus
from app.answering.stream import AnswerStream
from app.config.settings import Settings
from app.generation.events import Done, TextDelta
from app.generation.logit_biases import LogitBiases
from app.library.deletion_signal import signal_deletion
from app.pipeline import Pipeline
from decoding.target.target import Target
from tests.support.giving_up import Hang, Knot, collecting_everywhere, collecting_never, in_time
from tests.support.tiny import QUESTION, TEXTS, hits_of, pipeline_of

DOCUMENTS = 16
MANY = 1000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def pipeline(tiny_bundled: Path, home: Path) -> Pipeline:
    settings = Settings(home=home, max_new_tokens=24)
    pipeline = pipeline_of(tiny_bundled, settings, biases=LogitBiases(least_odds=-1000.0))
    pipeline.answer_from(QUESTION, hits_of())  # Whatever is made at the first request is there.
    return pipeline


@pytest.fixture
def corpus(home: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Corpus:
    return corpus_of(DOCUMENTS, home, tmp_path, request.node.name)


def corpus_of(documents: int, home: Path, folder: Path, name: str) -> Corpus:
    for number in range(documents):
        (folder / f"{number}.txt").write_text(f"The warden of post {number} is called Ada{number}. {TEXTS[number % 3]}")
    corpus = Corpus.create("".join(filter(str.isalnum, name)), settings=Settings(home=home))
    corpus.add(folder)
    return corpus


def broken_off(pipeline: Pipeline, **options: Any) -> AnswerStream:
    """A stream of which some text was read, and no more."""
    stream = pipeline.stream_from(QUESTION, hits_of(), speculate=False, **options)
    next(event for event in stream if isinstance(event, TextDelta))
    return stream


def is_empty(pipeline: Pipeline) -> bool:
    """Whether the scheduler holds nothing of any session, once those that were given up have been freed."""
    gc.collect()
    pipeline.forget()
    scheduler = pipeline.engine._scheduler
    return not (scheduler._rows or scheduler._reading or scheduler._parked or scheduler._queue.waiting)


@contextlib.contextmanager
def collecting_inside_forwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Garbage is collected where a prompt is read and where trees are verified, under the scheduler's lock, only."""

    def collecting(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Target, *args: Any, **options: Any) -> Any:
            gc.collect()
            return method(self, *args, **options)

        return call

    with monkeypatch.context() as patch, collecting_never():
        patch.setattr(Target, "prefill", collecting(Target.prefill))
        patch.setattr(Target, "verify_rows", collecting(Target.verify_rows))
        yield


def test_a_finished_answer_and_a_removal_leave_nothing_that_waits(
    pipeline: Pipeline, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting_inside_forwards(monkeypatch):
        answered = Knot(pipeline.stream_from(QUESTION, hits_of()))
        assert any(isinstance(event, Done) for event in answered.held), "it stands at its last event"
        corrected = Knot(pipeline.stream_correct("He go to school. It are so."))
        next(corrected.held)
        signal_deletion(home)
        del answered, corrected
        assert in_time(lambda: pipeline.answer_from("And lambda?", hits_of())).text
    assert is_empty(pipeline)


def test_a_broken_off_stream_is_collected_inside_a_forward(
    pipeline: Pipeline, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pipeline.answer_from("And lambda?", hits_of()).text
    for removes in (False, True):
        with collecting_inside_forwards(monkeypatch):
            Knot(broken_off(pipeline))
            if removes:
                signal_deletion(home)
            assert in_time(lambda: pipeline.answer_from("And lambda?", hits_of())).text == expected
    assert is_empty(pipeline)


def test_a_generator_of_the_user_around_a_stream_is_collected_inside_a_forward(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def texts() -> Iterator[str]:
        with pipeline.stream_from(QUESTION, hits_of()) as stream:
            for event in stream:
                if isinstance(event, TextDelta):
                    yield event.text

    with collecting_inside_forwards(monkeypatch):
        for _ in range(3):
            mine = texts()
            next(mine)
            Knot(mine)
        del mine
        assert in_time(lambda: pipeline.answer_from("And lambda?", hits_of())).text
    assert is_empty(pipeline)


def test_a_stream_is_given_up_as_soon_as_nobody_reads_it(pipeline: Pipeline) -> None:
    with collecting_never():
        stream = weakref.ref(broken_off(pipeline))
        assert stream() is None
        assert len(pipeline.engine._scheduler._given_up) == 1, "without waiting for the collector"
    answer = pipeline.stream_from(QUESTION, hits_of())
    for event in answer:
        if isinstance(event, TextDelta):
            break
    answer.close()
    assert not [*answer], "closed is closed"
    assert is_empty(pipeline)


def test_closing_what_another_thread_reads_waits_for_nothing(pipeline: Pipeline) -> None:
    stream = pipeline.stream_from(QUESTION, hits_of())
    next(stream)
    with pipeline.engine._scheduler._lock.turn():
        reader = threading.Thread(target=lambda: [*stream], daemon=True)
        reader.start()
        while len(pipeline.engine._scheduler._lock._tickets) < 2:
            reader.join(0.01)
        in_time(stream.close, within_s=30)
    reader.join(60)
    assert not reader.is_alive()
    assert is_empty(pipeline)


def rounds(pipeline: Pipeline, corpus: Corpus, count: int, threads: int) -> None:
    """Break a stream off, answer, correct now and then, remove a document; in so many threads beside each other.

    When all but two are gone, each round tells of a removal by somebody else.
    """
    names = iter([document.id for document in corpus.documents()][2:])
    lock = threading.Lock()

    def work(share: int) -> None:
        for number in range(share):
            question = f"Who is the warden of post {number}?"
            for event in pipeline.stream(question, corpus=corpus, speculate=bool(number % 2), max_new_tokens=12):
                if isinstance(event, TextDelta):
                    break
            Knot(broken_off(pipeline, max_new_tokens=8))
            assert pipeline.answer(question, corpus=corpus, max_new_tokens=6).text
            if number % 5 == 0:
                pipeline.correct("He go to post.", max_new_tokens=4)
            with lock:
                name = next(names, None)
            if name is not None:
                corpus.remove(name)
            else:
                signal_deletion(pipeline.settings.home)

    share = -(-count // threads)
    problems: list[BaseException] = []

    def watched() -> None:
        try:
            work(share)
        except BaseException as error:  # noqa: BLE001  # the test's own thread raises it
            problems.append(error)

    workers = [threading.Thread(target=watched, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if problems:
        raise problems[0]


@pytest.mark.parametrize("threads", [1, 4])
def test_rounds_of_break_answer_and_remove(pipeline: Pipeline, corpus: Corpus, threads: int) -> None:
    with collecting_everywhere():
        in_time(lambda: rounds(pipeline, corpus, 8, threads), within_s=300)
    assert is_empty(pipeline)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 4])
def test_a_thousand_rounds(pipeline: Pipeline, home: Path, tmp_path: Path, threads: int) -> None:
    corpus = corpus_of(150, home, tmp_path, f"many{threads}")
    rounds(pipeline, corpus, threads, threads)  # What stays in memory from then on is not looked through each time.
    with collecting_everywhere():
        in_time(lambda: rounds(pipeline, corpus, MANY, threads), within_s=3600)
    assert is_empty(pipeline)


@pytest.mark.slow
def test_one_process_asks_while_another_removes(pipeline: Pipeline, home: Path, tmp_path: Path) -> None:
    corpus = corpus_of(40, home, tmp_path, "shared")
    argv = [sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())", "corpus", "remove"]
    env = {**os.environ, "SPANDRAFT_HOME": str(home)}
    removals = (subprocess.Popen([*argv, corpus.name, f"{number}.txt", "--yes"], env=env) for number in range(12))
    in_time(lambda: [rounds_beside(pipeline, corpus, other) for other in removals], within_s=1200)
    assert len(corpus.documents()) == 40 - 12
    assert is_empty(pipeline)


def rounds_beside(pipeline: Pipeline, corpus: Corpus, other: subprocess.Popen[bytes]) -> None:
    """Ask until the other process has ended."""
    for number in itertools.count():
        Knot(broken_off(pipeline, max_new_tokens=8))
        assert pipeline.answer(f"Who is the warden of post {number}?", corpus=corpus, max_new_tokens=6).text
        if other.poll() is not None:
            assert other.returncode == 0
            return


def test_cancelled_tasks_and_threads_that_end_leave_nothing(pipeline: Pipeline, home: Path) -> None:
    async def read(stream: AnswerStream) -> None:
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, lambda: next(stream, None)) is not None:
            pass

    async def give_up() -> None:
        tasks = [asyncio.create_task(read(pipeline.stream_from(QUESTION, hits_of()))) for _ in range(6)]
        await asyncio.sleep(0.05)
        for task in tasks[:4]:
            task.cancel()
        signal_deletion(home)
        await asyncio.gather(*tasks, return_exceptions=True)

    def end_early() -> None:
        threads = [threading.Thread(target=broken_off, args=(pipeline,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with collecting_everywhere():
        in_time(lambda: asyncio.run(give_up()))
        in_time(end_early)
    assert in_time(lambda: pipeline.answer_from(QUESTION, hits_of())).text
    assert is_empty(pipeline)


def test_a_clean_up_that_forgets_at_once_is_seen_to_hang(
    pipeline: Pipeline, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The null control: the end of a stream as it was, which took the scheduler's lock after a removal."""
    monkeypatch.setattr(Pipeline, "_mark_of_removals", lambda self: self.forget)
    done = threading.Event()

    def ask() -> None:
        pipeline.answer_from("And lambda?", hits_of())
        done.set()

    lock = pipeline.engine._scheduler._lock
    with collecting_inside_forwards(monkeypatch):
        Knot(broken_off(pipeline))
        with pytest.raises(Hang, match="turn"):
            in_time(ask, within_s=2.0)
    for _ in range(100):  # Let the thread go that waits for itself.
        with lock._changed:
            if lock._tickets:
                lock._tickets.popleft()
                lock._changed.notify_all()
        if done.wait(0.1):
            break
    assert done.is_set()
