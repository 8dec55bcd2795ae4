"""The doctor: finds what is broken, says what to do, and never breaks itself."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from app.config.settings import TINY, Settings
from app.doctor import examine as checks
from app.doctor.drafting import examine_drafting
from app.doctor.installation import (
    PACKAGES,
    Finding,
    examine_disk,
    examine_faiss,
    examine_memory,
    examine_names,
    find_chromium,
)
from app.doctor.models import examine_bundled_target, examine_helpers, examine_models
from app.loading.bundled import EDITS, HELPERS, MODELS, RELEVANCE, SUMS, strangers, write_sums
from tests.support.forward_faults import SEEN, spoil
from tests.support.tiny import save_heads


def test_two_faiss_are_a_failure_with_the_remedy() -> None:
    found = examine_faiss({"faiss": ["faiss-gpu", "faiss-cpu"]})
    assert found.status == "fail"
    assert found.hint.endswith("pip uninstall -y faiss-cpu faiss-gpu, then pip install --no-deps faiss-gpu")
    assert examine_faiss({"faiss": ["faiss-cpu", "faiss-cpu"]}).status == "ok"
    assert examine_faiss({}).status == "fail"


@pytest.mark.parametrize("package", PACKAGES)
def test_another_owner_of_a_package_name_is_a_failure(package: str) -> None:
    found = examine_names({package: ["spandraft", "somebody-else"]})
    assert found.status == "fail"
    assert "somebody-else" in found.detail
    assert package in found.detail


def test_our_own_packages_are_no_failure() -> None:
    assert examine_names({package: ["spandraft"] for package in PACKAGES}).status == "ok"


def test_disk_is_looked_at_where_the_library_will_be(tmp_path: Path) -> None:
    assert str(tmp_path / "not" / "yet") in examine_disk(tmp_path / "not" / "yet").detail
    file = tmp_path / "file"
    file.touch()
    assert examine_disk(file / "home").status == "fail"


def test_memory_is_a_number() -> None:
    assert "GiB free" in examine_memory().detail


def test_a_damaged_bundled_target_is_found(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        assert examine_bundled_target(tmp_path).status == "fail"
        (tmp_path / name).write_bytes(name.encode())
    digest = hashlib.sha256(b"model.safetensors").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  model.safetensors\n")
    assert examine_bundled_target(tmp_path).status == "ok"
    (tmp_path / "model.safetensors").write_bytes(b"other")
    found = examine_bundled_target(tmp_path)
    assert found.status == "fail"
    assert "model.safetensors" in found.detail


def test_a_damaged_bundled_drafter_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.doctor.models.bundled_folder", lambda part: tmp_path / part)

    def found() -> Finding | None:
        return next((one for one in examine_models(Settings(target=TINY)) if one.check == "heads"), None)

    assert found() is None, "a part that does not come with this installation is none that is broken"
    folder = tmp_path / "heads"
    folder.mkdir()
    for content, status in ((None, "fail"), (b"right", "ok"), (b"other", "fail")):
        if content is not None:
            (folder / "heads.safetensors").write_bytes(content)
        one = found()
        assert one is not None and one.status == status and (one.hint or status == "ok")
        (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(b'right').hexdigest()}  heads.safetensors\n")


def copied_helpers(to: Path) -> Path:
    """The helpers' files and their list, as they are shipped."""
    models = to / "models"
    for name in (*HELPERS, SUMS):
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(MODELS / name, models / name)
    return models


def test_the_shipped_checksums_are_those_of_the_shipped_files() -> None:
    assert list(strangers()) == [], (
        "a file was made again: run `make sums` (python -m app.loading.bundled) and commit the list"
    )
    loose = {file.name for file in MODELS.iterdir() if file.is_file()} - {"LICENSE", SUMS}
    assert loose <= set(HELPERS), "a new file beside the models belongs into app.loading.bundled.HELPERS"


@pytest.mark.parametrize("name", HELPERS)
def test_a_damaged_exchanged_or_missing_helper_is_one_line_with_a_remedy(tmp_path: Path, name: str) -> None:
    models = copied_helpers(tmp_path)
    assert examine_helpers(models).status == "ok"
    content = bytearray((models / name).read_bytes())
    content[len(content) // 2] ^= 1
    for damaged in (bytes(content), b"", None):
        (models / name).unlink()
        if damaged is not None:
            (models / name).write_bytes(damaged)
        found = examine_helpers(models)
        assert found.status == "fail" and Path(name).name in found.detail and "install" in found.hint
        assert "\n" not in found.detail + found.hint


def test_new_helpers_get_new_checksums(tmp_path: Path) -> None:
    models = copied_helpers(tmp_path)
    (models / "relevance.npz").write_bytes(b"learned again")
    assert examine_helpers(models).status == "fail"
    write_sums(models)
    assert examine_helpers(models).status == "ok"
    (models / SUMS).unlink()
    assert SUMS in examine_helpers(models).detail


def test_the_helpers_are_looked_at_whatever_the_target() -> None:
    checks = [found.check for found in examine_models(Settings(target="owner/model"))]
    assert checks[-1] == "helpers"


def test_drafters_are_tried_on_the_target(tmp_path: Path, tiny_chat: Path, tiny_bundled: Path) -> None:
    def found(**changes: object) -> dict[str, Finding]:
        settings = Settings(home=tmp_path, target=str(tiny_chat)).replace(**changes)
        return {one.check: one for one in examine_drafting(settings)}

    assert found()["drafters"].detail == "sources: blend, edits, evidence, corpus"
    assert found()["biases"].detail.startswith("none")
    fitting = save_heads(tmp_path / "heads")
    one = found(heads=str(fitting), skipped_layers="1")["drafters"]
    assert one.status == "ok" and "heads, layer-skip" in one.detail and str(fitting) in one.detail
    assert "skipped_layers 1" in one.detail
    hub = found(draft_model="owner/model", heads=str(fitting))
    assert hub["draft_model"].status == "ok" and "does not look it up" in hub["draft_model"].detail
    for wrong in (
        {"heads": str(save_heads(tmp_path / "wide", hidden=64))},
        {"heads": str(tmp_path / "absent")},
        {"draft_model": str(tiny_bundled)},
        {"skipped_layers": "5"},
        {"sources": "heads"},
    ):
        one = found(**wrong)["drafters"]
        assert one.status == "fail" and one.hint, wrong
    assert found(draft_model="../nowhere")["draft_model"].status == "fail"


def test_drafts_that_are_limited_or_off_have_their_true_cause(
    tmp_path: Path, tiny_chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, target=str(tiny_chat))

    def found(settings: Settings) -> Finding:
        return next(one for one in examine_drafting(settings) if one.check == "drafting")

    assert found(settings).status == "ok"
    off = found(settings.replace(speculate=False))
    assert off.status == "warn" and "switched off" in off.detail and "--origin" in off.hint
    spoil(SEEN, 0, monkeypatch)
    chains = found(settings)
    assert chains.status == "warn"
    assert "one chain at a time" in chains.detail and "differ by" in chains.detail and "--dtype" in chains.hint


def test_models_that_cannot_be_used_are_found(tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "pytorch_model.bin").touch()
    target, encoder, *_ = examine_models(
        Settings(home=tmp_path / "home", target=str(pickled), encoder=str(tmp_path / "absent"))
    )
    assert (target.status, encoder.status) == ("fail", "fail")
    assert all(finding.hint for finding in (target, encoder))
    target, *_ = examine_models(Settings(home=tmp_path / "home", target="owner/model"))
    assert target.status == "ok"


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(settings: Settings) -> None:
        raise RuntimeError("no such luck")

    monkeypatch.setattr(checks, "examine_models", broken)
    findings = list(checks.examine(Settings(home=tmp_path, target=TINY)))
    assert [finding.detail for finding in findings if finding.check == "models"] == ["RuntimeError: no such luck"]
    assert findings[-1].check == "corpora"


def test_every_failure_or_warning_has_a_remedy(tmp_path: Path) -> None:
    for finding in checks.examine(Settings(home=tmp_path, target=TINY)):
        assert finding.detail
        assert finding.status == "ok" or finding.hint, finding


def test_a_chromium_on_the_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "browsers"))
    assert find_chromium() is None
    program = tmp_path / "chromium"
    program.touch(mode=0o755)
    assert find_chromium() == program


def test_named_helpers_are_looked_at(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, relevance=str(tmp_path / "no.npz"), edit_proposer=str(tmp_path / "none.npz"))
    findings = {finding.check: finding for finding in examine_models(settings)}
    assert findings["relevance"].status == findings["edit_proposer"].status == "fail"
    named = examine_models(Settings(home=tmp_path, target=TINY, relevance=str(RELEVANCE), edit_proposer=str(EDITS)))
    statuses = {finding.check: finding.status for finding in named}
    assert statuses["relevance"] == statuses["edit_proposer"] == "ok"
    assert "relevance" not in {finding.check for finding in examine_models(Settings(home=tmp_path, target=TINY))}
