"""Hard-wrapped text becomes reading text; what was broken on purpose stays broken."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.text.reflow import reflowed

PROSE = (
    "The harbour was built in 1842 by the town itself. It froze twice, once for eleven weeks, and the boats "
    "lay in the ice. Nobody could leave. In spring the fishermen went out again and came back with little."
)


def test_wrapped_paragraphs_are_joined_at_any_width() -> None:
    for width in (40, 55, 72, 79, 100):
        wrapped = textwrap.fill(PROSE, width) + "\n\n" + textwrap.fill(PROSE[::1].upper(), width)
        assert reflowed(wrapped) == f"{PROSE}\n\n{PROSE.upper()}", width


def test_hyphens_at_line_ends() -> None:
    text = (
        "This is an exam-\nple of a word that was broken, and well-\nknown is one that was not. The co\N{SOFT HYPHEN}\n"
        "operation of the years 1999-\n2001 is kept, and a self-\nmade thing too, and also re-\n"
        "entry here since re-entry is\nwritten so."
    )
    assert reflowed(text) == (
        "This is an example of a word that was broken, and well-known is one that was not. The "
        "cooperation of the years 1999-2001 is kept, and a self-made thing too, and also re-entry here since "
        "re-entry is written so."
    )


def test_lists_keep_their_lines_and_join_their_own() -> None:
    text = "Things to do:\n\n- first thing that goes on\n  over the line\n- second\n    - inner\n1. one\n2. two\n"
    assert reflowed(text) == (
        "Things to do:\n\n- first thing that goes on over the line\n- second\n    - inner\n1. one\n2. two"
    )


def test_paragraphs_in_a_wide_margin_are_no_code() -> None:
    block = textwrap.indent(textwrap.fill(PROSE, 60), " " * 8)
    assert reflowed(f"{block}\n\n{block}") == f"{PROSE}\n\n{PROSE}"


def test_code_is_kept() -> None:
    indented = "Call it:\n\n    for x in y:\n        print(x)\n\nDone."
    assert reflowed(indented) == indented
    fenced = "Call it:\n\n```python\nx = 1\n\ny = [\n  2]\n```\nDone."
    assert reflowed(fenced) == "Call it:\n\n    x = 1\n\n    y = [\n      2]\n\nDone."


def test_headings_lose_their_underline_and_rules_go() -> None:
    assert reflowed("Title\n=====\n\nText.\n\n-----\n\nPart\n----\nMore.") == "Title\n\nText.\n\nPart\n\nMore."


def test_tables_stay_line_by_line() -> None:
    assert reflowed("Name     Age\nAda      36\nGrace    85") == "Name Age\nAda 36\nGrace 85"
    grid = "\n".join(
        [
            "+---+-----+",
            "| a | b c |",
            "|===|=====|",
            "| d | e   |",
            "|   | f   |",
            "+---+-----+",
            "| g | h   |",
            "+---+-----+",
        ]
    )
    assert reflowed(grid) == "a | b c\nd | e f\ng | h"


def test_verse_is_not_joined() -> None:
    verse = (
        "The fog comes\non little cat feet.\n\n"
        "It sits looking\nover harbor and city\non silent haunches\nand then moves on."
    )
    assert reflowed(verse).count("\n") >= 1
    address = "Ada Lovelace\n12 St James's Square\nLondon"
    letter = f"{address}\n\n{textwrap.fill(PROSE, 72)}\n\n{textwrap.fill(PROSE, 72)}"
    assert reflowed(letter).startswith(address + "\n\n")


def test_long_lines_were_not_wrapped() -> None:
    text = f"{PROSE} {PROSE}\n{PROSE}\nShort one."
    assert reflowed(text) == text


def test_scripts_without_spaces_are_joined_without() -> None:
    assert reflowed("今天天气很好我们去公园散步\n然后回家吃饭看书睡觉休息吧\n再见") == (
        "今天天气很好我们去公园散步然后回家吃饭看书睡觉休息吧再见"
    )


@given(st.text(st.sampled_from("ab.-* \t\n#|+=`1)A\N{SOFT HYPHEN}\u3002漢"), max_size=200) | st.text(max_size=200))
def test_no_letter_or_digit_is_lost(text: str) -> None:
    def count(which: str) -> int:
        return sum(ch.isalpha() for ch in which)

    assert count(reflowed(text)) <= count(text)
    if "```" not in text and "~~~" not in text:  # the info string of a fence is markup
        assert count(reflowed(text)) == count(text)


ROWS = {
    "log": "2024-03-01 07:10:02 INFO  boiler 4 lit by Dahl\n2024-03-01 07:55:40 WARN  boiler 4 at 8.1 bar\n"
    "2024-03-01 07:56:13 ERROR boiler 4 shut, gasket 9 gone",
    "journal": "Mar  1 07:10:02 mill sshd[311]: accepted key for dahl from 10.0.0.7\n"
    "Mar  1 07:10:09 mill sudo[312]: dahl became root for the backup",
    "log without dates": "INFO boiler lit\nWARN pressure rises in boiler four\nERROR gasket gone\nINFO boiler shut",
    "budget": "Hay 220 EUR\nOats 80 EUR\nSalt lick 12 EUR\nVet 95 EUR",
    "sums": "Coffee 4.20\nBread with cheese 6.80\nTea 2.90",
    "chat": "[18:40] Maja: Who has the key?\n[18:41] Per: It hangs behind the stove\n[18:44] Maja: Found it, thanks",
    "chat without times": "Maja: Who has the key to the shed?\nPer: It hangs behind the stove\nMaja: thanks",
    "contacts": "Maja Dahl, +46 70 311 20 20, maja@dahl.example\nPer Vik, +46 70 988 10 10, per@vik.example",
    "card": "Maja Dahl\nMill Lane 3\nTorsby\n+46 70 311 20 20\nmaja@dahl.example",
    "list": "hay\noats\nsalt lick\nhorse shoes",
    "List": "Hay\nOats\nSalt lick\nHorse shoes",
    "recipe": "200 g flour\n2 dl milk\n1 pinch of salt\n3 eggs",
    "todo": "call the farrier about the grey mare and her shoes\nbuy oats\npaint the gate before it rains\nask Per",
    "fields": "Name: Maja Dahl\nBorn in: Torsby\nTrade: farrier and smith",
    "settings": "width=80\nheight=25\ntitle=Mill",
    "table of values": "name,age,town\nMaja Dahl,36,Torsby\nPer Vik,41,Lindby",
    "subtitles": "7\n00:01:02,000 --> 00:01:04,500\nThe mill is on fire!\nRun for the water!",
    "timetable": "07:10 Torsby platform 2\n07:55 Lindby platform 1\n08:20 Sandvik platform 1",
    "poem": "The mill wheel turns, the water sings,\nA heron waits beside the weir,\n"
    "The miller mends his leather wings\nAnd tells his geese that spring is near.",
    "names": "Maja Dahl\nPer Vik\nOlaf Rein",
    "scores": "Torsby - Lindby 2:1\nSandvik - Norre 0:0\nEkby - Vik 3:3",
}


@pytest.mark.parametrize("kind", ROWS)
def test_lines_made_on_purpose_stay_alone_and_among_prose(kind: str) -> None:
    rows = [" ".join(line.split()) for line in ROWS[kind].split("\n")]
    assert reflowed(ROWS[kind]).split("\n") == rows
    wrapped = textwrap.fill(PROSE, 72)
    assert reflowed(f"{wrapped}\n\n{ROWS[kind]}\n\n{wrapped}").split("\n\n")[1].split("\n") == rows


NAMES = (
    "The Norre Mill near Torsby belonged to Maja Dahl until Friday, when Per Vik of Lindby Savings Bank came with Olaf "
    "Rein. They sold it to Sandvik Grain. Nobody knew what Arvid Lund of the Ekby Council would say."
)


@pytest.mark.parametrize("width", [34, 50, 66, 72, 90])
@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        NAMES,
        "Der Hafen wurde 1842 von der Stadt gebaut. Er fror zweimal zu, einmal für elf Wochen, und die Boote lagen im "
        "Eis. Niemand konnte fort. Im Frühling fuhren die Fischer wieder hinaus und kamen mit wenig zurück.",
        "Порт был построен городом в 1842 году. Он замерзал дважды, один раз на одиннадцать недель, и лодки стояли во "
        "льду. Никто не мог уехать. Весной рыбаки снова вышли в море и вернулись почти ни с чем.",
    ],
)
def test_wrapped_prose_is_joined_in_any_width_whatever_its_names(text: str, width: int) -> None:
    wrapped = textwrap.fill(text, width, break_on_hyphens=False)
    assert reflowed(f"{wrapped}\n\n{wrapped}") == f"{text}\n\n{text}"


def test_an_indent_begins_a_paragraph_and_is_no_code() -> None:
    one = "The mill at Torsby burned down in 1871. Nobody was hurt."
    two = "Its wheel was sold to a school in Lindby for 80 crowns."
    for begin in ("\t", "     ", " " * 8, "\u3000\u3000"):
        assert reflowed(f"Torsby\n\n{begin}{one}\n\n{begin}{two}") == f"Torsby\n\n{one}\n\n{two}"
        assert reflowed(f"{begin}{one}\n{begin}{two}") == f"{one}\n\n{two}"
    wrapped = [textwrap.fill(text, 58, initial_indent=" " * 5) for text in (PROSE, NAMES)]
    for between in ("\n", "\n\n"):
        assert reflowed(between.join(wrapped)) == f"{PROSE}\n\n{NAMES}"


def test_a_letterhead_keeps_its_lines_and_is_no_code() -> None:
    head = textwrap.indent("Mill Office\nMill Lane 3\nTorsby", " " * 30)
    body = textwrap.indent(textwrap.fill(PROSE, 60), " " * 4)
    end = textwrap.indent("Yours sincerely,\nMaja Dahl", " " * 30)
    read = f"Mill Office\nMill Lane 3\nTorsby\n\nDear Per,\n\n{PROSE}\n\nYours sincerely,\nMaja Dahl"
    assert reflowed(f"{head}\n\nDear Per,\n\n{body}\n\n{end}") == read


@pytest.mark.parametrize(
    "code",
    [
        "    pip install mill",
        "    make install\n    make test",
        "\tfor (i = 0; i < 3; i++) {\n\t\tturn();\n\t}",
        "    SELECT name\n    FROM mills\n    WHERE town = 'Torsby';",
        "    import mill\n    from mill import wheel\n    wheel.turn()",
        "    name: mill\n    town: torsby",
        "    if wheel:\n        return wheel.speed",
    ],
)
def test_indented_code_is_code(code: str) -> None:
    lines = reflowed(f"Do this:\n\n{code}\n\nThen wait.").split("\n\n")[1].split("\n")
    assert [line.strip() for line in lines] == [line.strip() for line in code.split("\n")]
    assert all(line.startswith("    ") for line in lines)


def test_a_quoted_letter_is_read_and_keeps_its_marks() -> None:
    assert reflowed("> The mill at Torsby burned down in the\n> night. Nobody was hurt.") == (
        "> The mill at Torsby burned down in the night. Nobody was hurt."
    )
    assert reflowed("Per wrote:\n>> Is it red?\n> It is red.\n>\n> - so Ek says\n> - and I\nNo, blue.") == (
        "Per wrote:\n\n>> Is it red?\n\n> It is red.\n> - so Ek says\n> - and I\n\nNo, blue."
    )


def test_a_quoted_letter_right_below_its_writer_is_no_code() -> None:
    assert reflowed("On Monday Per wrote:\n> The mill is red and it was\n> broken on Friday.\n\nNo.") == (
        "On Monday Per wrote:\n\n> The mill is red and it was broken on Friday.\n\nNo."
    )


def test_an_initial_begins_no_list() -> None:
    text = (
        "The mill at Torsby was built by the smith\nJ. Dahl, who had come from the town of Lindby\nin the year before."
    )
    assert reflowed(text) == " ".join(text.split("\n"))


LISTS = {
    "Roman": "I. Of the mill\nII. Of the weir\nIII. Of the geese\nXIV. Of the miller",
    "Roman in brackets": "(i) one wheel\n(ii) two wheels\n(iii) three wheels",
    "of several kinds": "1) oil\n2) tar\n1.1 rope\n1.2 sail\n#1 mast\n#2 keel",
    "of several bullets": "- oats\n* hay\n\u2022 tar\n\u2013 oil\na) red\n(i) one\n(ii) two\n[ ] buy rope\n[x] sell it",
    "boxes": "\u2610 buy rope\n\u2611 sell mast",
    "hours": "- oats\n- hay\nMon 9-17\nTue 9-17\nSat closed",
    "minutes": "1. Budget\nThe budget is 400 crowns.\n2. Trees\nTwo trees are bought.\n3. Any other business\nNone",
}


@pytest.mark.parametrize("kind", LISTS)
def test_every_item_has_a_line_of_its_own(kind: str) -> None:
    wrapped = textwrap.fill(PROSE, 72)
    assert reflowed(LISTS[kind]) == LISTS[kind]
    assert reflowed(f"{wrapped}\n\n{LISTS[kind]}\n\n{wrapped}") == f"{PROSE}\n\n{LISTS[kind]}\n\n{PROSE}"


@pytest.mark.parametrize("marker", ["{}.", "({})"])
@pytest.mark.parametrize("indent", ["", "   "])
@pytest.mark.parametrize("width", [50, 72])
def test_a_wrapped_item_is_joined(marker: str, indent: str, width: int) -> None:
    items = [
        f"{marker.format(number)} {text}"
        for number, text in zip(("i", "ii", "iii"), (PROSE, NAMES, PROSE), strict=True)
    ]
    wrapped = "\n".join(textwrap.fill(item, width, subsequent_indent=indent) for item in items)
    assert reflowed(wrapped) == "\n".join(items)


@pytest.mark.parametrize("width", range(40, 90, 5))
def test_dashes_and_numbers_in_wrapped_prose_make_no_list(width: int) -> None:
    text = (
        "The mill – it is the one of King Olaf II. at Torsby – has turned 1.5 million times – so Per says – and is "
        "3.5 m high, with wheel #3 of type XIV. and with 2.5 m of oak – no more – below it, as the geese know."
    )
    assert reflowed(textwrap.fill(text, width)) == text


def test_short_lines_of_one_text_are_joined() -> None:
    lines = [
        "Alle Mühlen",
        "sind alt. Der Preis betrug",
        "80 Kronen im Jahr und wird",
        "am 5. eines Monats",
        "bezahlt.",
    ]
    assert reflowed("\n".join(lines)) == " ".join(lines)
    verse = "The mill wheel\nturns in the night.\nA heron waits\nbeside the weir."
    assert reflowed(verse) == verse


def test_ranges_and_initials_are_broken_at_their_hyphens() -> None:
    assert reflowed("See pages 12-\n15 of the book and the U.S.-\nled union.") == (
        "See pages 12-15 of the book and the U.S.-led union."
    )


@pytest.mark.parametrize("width", [50, 66, 72, 80])
@pytest.mark.parametrize(
    ("heading", "text"),
    [
        ("The ice", PROSE),
        ("Why did nobody leave?", PROSE),
        ("WHO PAID FOR THE HARBOUR", PROSE),
        ("What the town had to pay for", PROSE),
        (
            "La baignade",
            "Le lac est gardé de dix heures à dix-huit heures. Les enfants de moins de huit ans ne se baignent "
            "qu'avec un adulte. Une bouée coûte trois euros. Quand le drapeau est rouge, tout le monde sort de l'eau.",
        ),
        (
            "Der Schlüssel zum Bootshaus",
            "Wer rudern will, holt den Schlüssel bei Frau Ek. Das Bootshaus ist von Mai bis Oktober offen, im Juni "
            "auch nachts. Ein Boot kostet vier Kronen, und wer eines verliert, zahlt den neuen Anstrich der anderen.",
        ),
    ],
)
def test_a_heading_right_above_its_paragraph_keeps_its_line(heading: str, text: str, width: int) -> None:
    wrapped = textwrap.fill(text, width, break_on_hyphens=False)
    assert reflowed(f"{heading}\n{wrapped}") == f"{heading}\n{text}"
    assert reflowed(f"{heading}\n{wrapped}\n\n{wrapped}\n{heading}\n{wrapped}") == (
        f"{heading}\n{text}\n\n{text}\n{heading}\n{text}"
    )


def test_a_long_heading_keeps_its_line_where_a_program_broke_the_others() -> None:
    heading = "What the harbour master told the boats in the ice"  # with another word as long as the lines
    wrapped = textwrap.fill(PROSE, 60)
    for number in ("", "2. "):
        text = "\n\n".join([f"{number}{heading}\n{wrapped}", wrapped, wrapped])
        assert reflowed(text) == "\n\n".join([f"{number}{heading}\n{PROSE}", PROSE, PROSE])
    title = "Of Geese and Herons and the Millers Below Torsby Weir"
    assert reflowed(f"{title}\n{textwrap.fill(PROSE, 52)}") == f"{title}\n{PROSE}"


def test_a_first_line_that_a_person_broke_early_is_no_heading() -> None:
    lines = [
        "The mill at Torsby was bought in 1871 by the sisters Maja and Elin of",
        "Lindby, who had the wheel taken out and sold the stones to a school. It has been a house",
        "since then, and whoever lives in it hears the water in each of its",
        "rooms. In spring it is louder.",
    ]
    assert reflowed("\n".join(lines)) == " ".join(lines)
    lines[0] = "The mill at Torsby was bought in 1871 by two sisters called Maja and Elin"
    assert reflowed("\n".join(lines)) == " ".join(lines)


def test_capitals_stand_above_small_letters() -> None:
    assert reflowed("EEL SOUP FROM THE WEIR\nas it is cooked in Torsby") == (
        "EEL SOUP FROM THE WEIR\nas it is cooked in Torsby"
    )


SHORT_LINES = {
    "what goes into a soup": "900 g eel\n3 turnips\nhalf a cabbage\n40 g butter\ndill, salt\n1 onion with its skin",
    "hours": "Tuesday 9 to 12\nThursday 13 to 19, with a guide\nin winter by appointment\nSunday closed",
    "address": "Maja Dahl\nc/o Vik\n3 Mill Lane\nfloor 2\nTorsby",
    "boats": "06:10 Torsby\n06:40 Lindby (on request)\nfrom June on also at night\n07:05 Sandvik",
}


@pytest.mark.parametrize("kind", SHORT_LINES)
def test_short_lines_without_marks_keep_their_lines_below_what_leads_to_them(kind: str) -> None:
    lines, wrapped = SHORT_LINES[kind], textwrap.fill(PROSE, 72)
    for lead in ("What it is", "As follows:"):
        assert reflowed(f"{wrapped}\n\n{lead}\n{lines}\n\n{wrapped}") == f"{PROSE}\n\n{lead}\n{lines}\n\n{PROSE}"
    text = f"{PROSE} This is what they had:"
    assert reflowed(f"{textwrap.fill(text, 72)}\n{lines}") == f"{text}\n{lines}"


def test_a_row_that_a_margin_broke_is_joined() -> None:
    rows = [
        "18:40 Maja: Who has the key to the shed where the boats are kept in the winter months",
        "18:41 Per: It hangs behind the stove",
        "18:44 Maja: thanks",
    ]
    broken = textwrap.fill(rows[0], 60)
    assert reflowed("\n".join([broken, *rows[1:]])) == "\n".join(rows)
