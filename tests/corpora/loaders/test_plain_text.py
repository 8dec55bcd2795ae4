"""Plain texts that are something else: records, logs, subtitles."""

from __future__ import annotations

import pytest

from corpora.loaders.sandboxed_loader import load_bytes

RECORDS = '{"mill": "Torsby", "wheels": 2}\n{"mill": "Lindby", "wheels": 3}\n'


@pytest.mark.parametrize("suffix", ["txt", "log"])
def test_lines_of_json_are_records(suffix: str) -> None:
    document = load_bytes(RECORDS.encode(), f"mills.{suffix}")
    assert document.text == "mill: Torsby\nwheels: 2\n\nmill: Lindby\nwheels: 3"
    assert [(mark.kind, mark.label) for mark in document.marks] == [("record", "1"), ("record", "2")]


def test_a_line_that_is_no_record_is_said() -> None:
    document = load_bytes(RECORDS.replace("\n", "\nlost\n", 1).encode(), "mills.txt")
    assert document.text.count("mill: ") == 2
    assert document.notes == "line 2 is no JSON and was not read"


@pytest.mark.parametrize("text", ["{mill} is a name.\n{wheel} too.", '{"mill": 1}\nIt turns.\nIt stands.'])
def test_braces_make_no_records(text: str) -> None:
    assert not load_bytes(text.encode(), "mills.txt").marks


def test_a_log_keeps_every_line() -> None:
    lines = [
        '10.0.0.7 - - "GET /mill HTTP/1.1" 200',
        '::1 - - "GET /weir HTTP/1.1" 404',
        "wheel stopped, and the",
        "geese",
    ]
    assert load_bytes("\n".join(lines).encode(), "mill.log").text == "\n".join(lines)


def test_subtitles_are_read_with_their_times_and_without_their_marks() -> None:
    film = "1\n00:00:01,000 --> 00:00:03,500\n<i>The mill</i>\nis red.\n\n"
    film += "2\n00:00:04,000 --> 00:00:06,000\n{\\an8}- Who?\n- Ek &amp; I."
    assert load_bytes(film.encode(), "film.srt").text == (
        "00:00:01,000 --> 00:00:03,500\nThe mill\nis red.\n\n00:00:04,000 --> 00:00:06,000\n- Who?\n- Ek & I."
    )
    talk = "WEBVTT\n\nNOTE by Ek\n\n"
    talk += "first\n00:01.000 --> 00:04.000 align:start\n<v Per>Nobody <00:02.000>was\n<c.loud>there.</c>"
    assert load_bytes(talk.encode(), "talk.vtt").text == "00:01.000 --> 00:04.000\nPer: Nobody was\nthere."


def test_a_line_above_a_sentence_is_the_title() -> None:
    above = (
        "The mill at Torsby\nIt burned down in the spring of 1871, and nobody\nwas hurt. Its wheel is at a school now."
    )
    assert load_bytes(above.encode(), "a.txt").metadata["title"] == "The mill at Torsby"
    for text in ("Maja Dahl\n3 Mill Lane\nTorsby", "Who has it?\nIt hangs behind the stove of the mill.", "Two.\n\nA."):
        assert load_bytes(text.encode(), "a.txt").metadata["title"] == "a.txt"
