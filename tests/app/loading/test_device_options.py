"""Where the target goes, from settings to transformers; and how people are told what its drafts can do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from app.commands.options import MODEL
from app.config.settings import Settings
from app.doctor.drafting import examine_drafting
from app.doctor.examine import examine
from app.errors import SettingError
from app.loading.models import loading_options
from app.pipeline import Pipeline
from app.ui.views.chrome import header_view
from decoding.errors import InvalidRequest, MissingLibrary
from tests.support.state_models import state_model


@pytest.mark.parametrize(
    ("key", "said", "means"),
    [
        ("device_map", "auto", "auto"),
        ("device_map", '{"": "cpu"}', {"": "cpu"}),
        ("device_map", {"model": 0, "lm_head": "cpu"}, {"model": 0, "lm_head": "cpu"}),
        ("quantization_config", "4bit", {"load_in_4bit": True}),
        ("quantization_config", "8bit", {"load_in_8bit": True}),
        ("quantization_config", '{"quant_method": "hqq", "nbits": 4}', {"quant_method": "hqq", "nbits": 4}),
    ],
)
def test_what_is_said_is_what_transformers_gets(key: str, said: object, means: object) -> None:
    settings = Settings.load({key: said}, {})
    assert loading_options(settings) == {key: means}
    shown = {row.key: row.text for row in settings}
    assert loading_options(Settings.load(shown, {})) == {key: means}
    assert key in MODEL


def test_nothing_is_placed_unless_somebody_says_so() -> None:
    assert loading_options(Settings()) == {}


@pytest.mark.parametrize(
    ("key", "said"), [("device_map", '{"": '), ("device_map", ""), ("quantization_config", "5bit")]
)
def test_what_means_nothing_is_refused(key: str, said: str) -> None:
    with pytest.raises(SettingError, match=key):
        Settings.load({key: said}, {})


def test_a_table_of_the_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[device_map]\n"" = "cpu"\n', encoding="utf-8")
    settings = Settings.load({}, {"SPANDRAFT_HOME": str(tmp_path)})
    assert loading_options(settings) == {"device_map": {"": "cpu"}}


def test_the_pipeline_takes_the_options_of_settings_and_of_the_call(tiny_chat: Path, settings: Settings) -> None:
    spread = Pipeline.from_pretrained(str(tiny_chat), settings=settings.replace(device_map='{"": "cpu"}'), corpus=None)
    assert spread.engine.target.device == torch.device("cpu")
    assert spread.target_note == ""
    with pytest.raises(InvalidRequest, match="both set"):
        Pipeline.from_pretrained(
            str(tiny_chat), settings=settings.replace(device="cpu"), corpus=None, device_map="auto"
        )
    with pytest.raises(InvalidRequest, match="both set"):
        Pipeline.from_pretrained(
            str(tiny_chat), settings=settings.replace(device="cpu", device_map="auto"), corpus=None
        )


def test_a_library_that_is_not_there_is_named(
    tiny_chat: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.quantizers.quantizer_bnb_4bit.is_bitsandbytes_available", lambda: False)
    with pytest.raises(MissingLibrary, match="bitsandbytes"):
        Pipeline.from_pretrained(str(tiny_chat), settings=settings.replace(quantization_config="4bit"), corpus=None)


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("lfm2", "warn", "one chain at a time"),
        ("mamba", "warn", "without drafts"),
        ("minimax", "fail", "cache of its own"),
    ],
)
def test_the_doctor_says_how_drafts_are_verified(tmp_path: Path, name: str, status: str, says: str) -> None:
    state_model(name).float().save_pretrained(tmp_path / name)
    dtype, finding, *_ = examine_drafting(Settings(home=tmp_path, target=str(tmp_path / name)))
    assert (dtype.check, finding.check, finding.status) == ("dtype", "drafting", status)
    assert says in finding.detail
    assert finding.hint


def test_the_doctor_loads_no_large_model_and_no_absent_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path, target=str(tmp_path))
    assert list(examine_drafting(settings)) == []
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    monkeypatch.setattr("app.doctor.drafting._MOST_BYTES", 5)
    finding, *_ = examine_drafting(settings)
    assert "when this large target is loaded" in finding.detail


def test_trees_are_nothing_to_worry_about(tiny_chat: Path, tmp_path: Path) -> None:
    findings = [one for one in examine(Settings(home=tmp_path, target=str(tiny_chat))) if one.check == "drafting"]
    assert [(one.status, one.hint) for one in findings] == [("ok", "")]


def test_the_page_shows_what_is_particular_about_the_model() -> None:
    assert "no drafts" in header_view("mamba", "no drafts")
    assert "note" not in header_view("llama")
    assert "<b>" not in header_view("llama", "<b>")
