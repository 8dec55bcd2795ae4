"""Settings: precedence, origins, ranges, and that nothing misspelt goes unnoticed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.settings import BUNDLED, Settings, about, keys
from app.errors import SettingError
from retrieval.encoder_files import DEFAULT_ENCODER


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    file = home / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_are_valid_and_say_so(home: Path) -> None:
    settings = Settings.load({}, {"SPANDRAFT_HOME": str(home)})
    assert settings.home == home
    assert (settings.k, settings.corpus, settings.do_sample, settings.dtype) == (5, "sample", False, None)
    assert {row.key for row in settings if row.origin != "default"} == {"home"}


def test_command_line_beats_environment_beats_file_beats_default(home: Path) -> None:
    file = write(home, "k = 2\nport = 2000\nbudget = 2\n")
    environ = {"SPANDRAFT_HOME": str(home), "SPANDRAFT_K": "3", "SPANDRAFT_PORT": "3000"}
    settings = Settings.load({"k": "4"}, environ)
    assert (settings.k, settings.port, settings.budget, settings.top_p) == (4, 3000, 2, 1.0)
    assert settings.origin("k") == "command line"
    assert settings.origin("port") == "SPANDRAFT_PORT"
    assert settings.origin("budget") == str(file)
    assert settings.origin("top_p") == "default"


def test_a_named_file_is_read_instead_of_the_usual_one(home: Path, tmp_path: Path) -> None:
    write(home, "k = 2\n")
    other = tmp_path / "other.toml"
    other.write_text("port = 2000\n", encoding="utf-8")
    settings = Settings.load({}, {"SPANDRAFT_HOME": str(home), "SPANDRAFT_CONFIG": str(other)})
    assert (settings.k, settings.port) == (5, 2000)
    assert Settings.load({}, {"SPANDRAFT_HOME": str(home)}, other).port == 2000


@pytest.mark.parametrize("place", ["command line", "environment", "file"])
def test_an_unknown_key_names_the_nearest(home: Path, place: str) -> None:
    environ = {"SPANDRAFT_HOME": str(home)}
    if place == "file":
        write(home, "max_new_token = 3\n")
    if place == "environment":
        environ["SPANDRAFT_MAX_NEW_TOKEN"] = "3"
    overrides = {"max_new_token": "3"} if place == "command line" else {}
    with pytest.raises(SettingError) as caught:
        Settings.load(overrides, environ)
    assert "unknown setting" in caught.value.cause
    assert "max_new_tokens" in caught.value.hint.lower()


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("k", "0"),
        ("k", "101"),
        ("k", "3.5"),
        ("k", "five"),
        ("k", "True"),
        ("port", "0"),
        ("port", "65536"),
        ("temperature", "0"),
        ("temperature", "nan"),
        ("temperature", "inf"),
        ("top_p", "0"),
        ("top_p", "1.01"),
        ("top_k", "-1"),
        ("max_new_tokens", "0"),
        ("dtype", "float8"),
        ("do_sample", "maybe"),
        ("corpus", " "),
        ("home", ""),
        ("quote", "sometimes"),
        ("copy_bias", "-1"),
        ("min_p", "1.1"),
        ("repetition_penalty", "0"),
        ("repetition_penalty", "inf"),
        ("frequency_penalty", "2.5"),
        ("presence_penalty", "nan"),
        ("no_repeat_ngram_size", "-1"),
        ("min_new_tokens", "-1"),
        ("bad_words", "a,,b"),
        ("bad_words", '["a"'),
        ("bad_words", "[1]"),
        ("logit_bias", "5"),
        ("logit_bias", "5:x"),
        ("logit_bias", "-1:2"),
        ("logit_bias", "5:101"),
        ("logit_bias", "5:nan"),
        ("logit_bias", "5:1,5:2"),
        ("logit_bias", "2.5:1"),
        ("criterion", "best"),
        ("typical_epsilon", "0"),
        ("top_beta", "0"),
        ("top_tau", "-1"),
        ("draft_model", " "),
        ("heads", ""),
        ("parallel_model", ""),
        ("skipped_layers", "one"),
        ("skipped_layers", "1,,3"),
        ("skipped_layers", "1,1"),
        ("skipped_layers", "-1"),
        ("skipped_layers", "1.5"),
        ("skipped_layers", "[1"),
        ("skipped_layers", "true"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(key: str, bad: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.load({key: bad}, {})
    assert key in caught.value.cause
    assert caught.value.hint.startswith(f"{key} must be ")


def test_a_bad_value_says_where_it_stands(home: Path) -> None:
    file = write(home, 'k = "many"\n')
    with pytest.raises(SettingError, match=str(file)):
        Settings.load({}, {"SPANDRAFT_HOME": str(home)})
    with pytest.raises(SettingError, match="SPANDRAFT_PORT"):
        Settings.load({}, {"SPANDRAFT_PORT": "http"})


def test_toml_types_count(home: Path) -> None:
    write(home, 'do_sample = true\ntemperature = 1\nquote = "auto"\ncopy_bias = 2.5\nthreads = 2\n')
    settings = Settings.load({}, {"SPANDRAFT_HOME": str(home)})
    assert (settings.do_sample, settings.quote, settings.copy_bias, settings.threads) == (True, None, 2.5, 2)
    assert isinstance(settings.temperature, float)
    write(home, "k = true\n")
    with pytest.raises(SettingError):
        Settings.load({}, {"SPANDRAFT_HOME": str(home)})


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        ('bad_words = ["a, b", "c"]', "bad_words", ("a, b", "c")),
        ('bad_words = "a, b"', "bad_words", ("a", "b")),
        ("bad_words = []", "bad_words", ()),
        ("logit_bias = { 5 = 1.5, 3 = -2 }", "logit_bias", ((3, -2.0), (5, 1.5))),
        ('logit_bias = "5:1.5, 3:-2"', "logit_bias", ((3, -2.0), (5, 1.5))),
        ("logit_bias = [[5, 1.5]]", "logit_bias", ((5, 1.5),)),
        ('repetition_penalty = "auto"', "repetition_penalty", None),
        ("skipped_layers = [3, 1]", "skipped_layers", (1, 3)),
        ('skipped_layers = "1, 3"', "skipped_layers", (1, 3)),
        ('skipped_layers = ""', "skipped_layers", ()),
        ('heads = "auto"', "heads", None),
        ('parallel_model = "none"', "parallel_model", "none"),
    ],
)
def test_lists_and_tables_can_be_written_in_several_ways(home: Path, line: str, key: str, expected: object) -> None:
    write(home, line + "\n")
    assert getattr(Settings.load({}, {"SPANDRAFT_HOME": str(home)}), key) == expected


@pytest.mark.parametrize("text", ["k = \n", "\xff", "home = '/elsewhere'\n", "[table]\nk = 3\n"])
def test_a_bad_file_is_refused_by_name(home: Path, text: str) -> None:
    home.mkdir()
    (home / "config.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingError, match=r"config\.toml") as caught:
        Settings.load({}, {"SPANDRAFT_HOME": str(home)})
    assert "codec" not in caught.value.cause and "Expected" not in caught.value.cause


def test_a_named_file_must_exist(home: Path) -> None:
    with pytest.raises(SettingError, match=r"the configuration file .* does not exist"):
        Settings.load({}, {}, home / "absent.toml")


def test_settings_are_checked_however_they_are_made() -> None:
    with pytest.raises(SettingError):
        Settings(k=0)
    settings = Settings(k=7)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.k = 8  # type: ignore[misc]
    changed = settings.replace(k=9)
    assert (settings.k, changed.k, changed.origin("k")) == (7, 9, "program")
    # What a program gives is as set as a flag, which `max_new_tokens` asks about.
    assert [row.key for row in settings if row.origin != "default"] == ["k"]
    assert Settings().origins == {}
    with pytest.raises(SettingError, match="unknown setting"):
        settings.replace(kk=1)


@given(
    st.integers(1, 100),
    st.floats(1e-6, 1),
    st.booleans(),
    st.lists(st.text(min_size=1).filter(str.strip)),
    st.dictionaries(st.integers(0, 200_000), st.floats(-100, 100)),
    st.sets(st.integers(0, 1000)),
)
def test_what_is_shown_can_be_said_again(
    k: int, top_p: float, quote: bool, words: list[str], biases: dict[int, float], layers: set[int]
) -> None:
    settings = Settings(k=k, top_p=top_p, quote=quote, bad_words=words, logit_bias=biases, skipped_layers=tuple(layers))
    said = {row.key: row.text for row in settings}
    assert Settings.load(said, {}) == settings


def test_every_setting_has_a_line_about_it() -> None:
    assert all(about(key) for key in keys())
    assert all(row.about == about(row.key) for row in Settings())


def test_what_is_lossy_says_so() -> None:
    assert "LOSSY" in about("criterion")
    assert all("lossy" in about(key) for key in ("typical_epsilon", "typical_delta", "top_beta", "top_tau"))


def test_the_default_encoder_is_the_bundled_one() -> None:
    assert Settings().encoder == BUNDLED == DEFAULT_ENCODER
