"""What can be quoted and what leads to it, over the forms that documents have: each case an own small document."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.documents import Document, Passage
from corpora.loaders.formats import txt
from corpora.loaders.formats.markup import html, md
from corpora.loaders.formats.tables import jsonl
from corpora.text.chunking import passages
from retrieval.evidence.units import TextUnit, units_of
from tests.support import word_files
from tests.support.word_files import paragraph

Pairs = list[tuple[str, str]]


def units_in(document: Document) -> list[tuple[str, TextUnit]]:
    return [(passage.text[unit.start : unit.end], unit) for passage in passages(document) for unit in units_of(passage)]


def answers(document: Document) -> Pairs:
    """Each unit that is no list with its innermost lead that is not its own label."""
    return [(text, unit.near[-1]) for text, unit in units_in(document) if not unit.parts]


def lists(document: Document) -> list[str]:
    return [text for text, unit in units_in(document) if unit.parts]


def read(text: str, name: str = "faq.txt") -> Document:
    return {"txt": txt.load, "md": md.load, "html": html.load}[name.rpartition(".")[2]](text.encode(), name)


CLOSES: Final = ("At nine in the evening.", "When does the pool close?")
CAP: Final = ("Yes, in the deep basin.", "Do I need a cap?")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("faq.md", "# Pool\n\n## When does the pool close?\n\nAt nine in the evening.\n\n"
         "## Do I need a cap?\n\nYes, in the deep basin.\n"),
        ("faq.md", "# Pool\n\n**When does the pool close?**\n\nAt nine in the evening.\n\n"
         "**Do I need a cap?**\nYes, in the deep basin.\n"),
        ("faq.md", "# Pool\n\n- **When does the pool close?** At nine in the evening.\n"
         "- **Do I need a cap?** Yes, in the deep basin.\n"),
        ("faq.txt", "Pool\n\nQ: When does the pool close?\nA: At nine in the evening.\n\n"
         "Q: Do I need a cap?\nA: Yes, in the deep basin.\n"),
        ("faq.txt", "Pool\n\nQ: When does the pool close? A: At nine in the evening.\n\n"
         "Q: Do I need a cap? A: Yes, in the deep basin.\n"),
        ("faq.txt", "Pool\n\nQuestion 1: When does the pool close?\nAnswer: At nine in the evening.\n\n"
         "Question 2: Do I need a cap?\nAnswer: Yes, in the deep basin.\n"),
        ("faq.txt", "Pool\n\n1. When does the pool close?\nAt nine in the evening.\n\n"
         "2. Do I need a cap?\nYes, in the deep basin.\n"),
        ("faq.txt", "Pool\n\nWhen does the pool close?\n\nAt nine in the evening.\n\n"
         "Do I need a cap?\n\nYes, in the deep basin.\n"),
        ("faq.html", "<h1>Pool</h1><dl><dt>When does the pool close?</dt><dd>At nine in the evening.</dd>"
         "<dt>Do I need a cap?</dt><dd>Yes, in the deep basin.</dd></dl>"),
        ("faq.html", "<h1>Pool</h1><details><summary>When does the pool close?</summary>At nine in the evening."
         "</details><details><summary>Do I need a cap?</summary><p>Yes, in the deep basin.</p></details>"),
        ("faq.html", "<h1>Pool</h1><p><b>When does the pool close?</b><br>At nine in the evening.</p>"
         "<p>Q: Do I need a cap?<br>A: Yes, in the deep basin.</p>"),
        ("faq.html", "<h1>Pool</h1><h3>When does the pool close?</h3><p>At nine in the evening.</p>"
         "<h3>Do I need a cap?</h3><p>Yes, in the deep basin.</p>"),
    ],
)  # fmt: skip
def test_a_question_leads_to_its_answer_and_is_none(name: str, text: str) -> None:
    found = answers(read(text, name))
    assert [(said.removeprefix("- "), lead) for said, lead in found] == [CLOSES, CAP]


def test_questions_of_word_documents_lead_to_their_answers() -> None:
    bold = '<w:b w:val="1"/>'
    body = "".join(
        [
            paragraph("When does the pool close?", f"<w:rPr>{bold}</w:rPr>"),
            paragraph("At nine in the evening."),
            paragraph("Q: Do I need a cap?"),
            paragraph("A: Yes, in the deep basin."),
        ]
    )
    assert answers(word_files.read(body)) == [CLOSES, CAP]


def test_who_speaks_in_a_transcript_stays_and_the_question_leads() -> None:
    chat = "Anna: When does the train leave?\nBen: At ten past nine.\n[10:31] Anna: Who buys the tickets?\nBen: I do.\n"
    assert answers(read(chat, "chat.txt")) == [
        ("Ben: At ten past nine.", "When does the train leave?"),
        ("Ben: I do.", "Who buys the tickets?"),
    ]


def test_a_curt_answer_is_quoted_with_the_sentence_after_it() -> None:
    faq = "## May I bring a dog?\n\nNo. Only guide dogs are let in. They need no ticket.\n"
    assert answers(read(faq, "faq.md")) == [
        ("No. Only guide dogs are let in.", "May I bring a dog?"),
        ("They need no ticket.", "May I bring a dog?"),
    ]


def test_an_answer_in_small_letters_is_apart_from_its_question() -> None:
    assert answers(read("Pool\n\nDo I need a cap? yes, in the deep basin.\n")) == [
        ("yes, in the deep basin.", "Do I need a cap?")
    ]
    said = '"Who is there?" asked the ferryman and raised his lamp.'
    assert [text for text, _ in answers(read(f"Night\n\n{said}\n"))] == [said]


def test_a_question_that_was_answered_does_not_lead_further() -> None:
    text = "Pool\n\nQ: Do I need a cap?\nA: Yes, in the deep basin.\n\nThe pool was built in 1931 by the town.\n"
    assert answers(read(text))[-1] == ("The pool was built in 1931 by the town.", "Pool")


def test_answers_of_several_paragraphs_keep_a_question_that_stands_alone() -> None:
    text = "Pool\n\nDo I need a cap?\n\nYes, in the deep basin.\n\nIt can be bought at the till for two euros.\n"
    assert [lead for _, lead in answers(read(text))] == ["Do I need a cap?"] * 2


def test_headings_lead_to_all_below_them_also_from_an_earlier_passage() -> None:
    filling = " ".join(f"Somebody who is ill for {n} days tells the office on the first." for n in range(2, 40))
    document = read(f"# Handbook\n\n## Sick leave\n\n{filling}\n", "staff-handbook.md")
    cut = passages(document)
    assert len(cut) > 2
    for passage in cut:
        assert {unit.leads for unit in units_of(passage)} == {("staff handbook", "Handbook", "Sick leave")}
        assert not any("Sick leave" in passage.text[unit.start : unit.end] for unit in units_of(passage))


@pytest.mark.parametrize(
    "text",
    [
        "Handbook\n\nSick leave\n\nTell the office on the first day.\n",
        "Handbook\n\n3. Sick leave\nTell the office on the very first day of your illness.\n",
        "Handbook\n\nChapter 3: Sick leave\n\nTell the office on the first day.\n",
    ],
)
def test_unmarked_headings_lead_by_their_form(text: str) -> None:
    ((said, lead),) = answers(read(text))
    assert said.startswith("Tell the office on the") and lead.endswith("Sick leave")


def test_a_label_leads_to_its_lines_and_the_line_is_quoted_with_its_own() -> None:
    text = (
        "Pool\n\nOpening hours:\nMonday to Friday 9 to 17\nSaturday 10 to 14\n\n"
        "Entrance: 8 euros, children 3\nTreasurer: Ann Berg\n"
    )
    found = units_in(read(text))
    by_text = {said: unit.leads[1:] for said, unit in found}
    assert by_text["Saturday 10 to 14"] == ("Pool", "Opening hours")
    assert by_text["Treasurer: Ann Berg"] == ("Pool", "Treasurer")
    assert "Opening hours:" not in by_text and "Pool" not in by_text
    assert "Opening hours:\nMonday to Friday 9 to 17\nSaturday 10 to 14" in lists(read(text))


def test_a_label_leads_to_the_later_sentences_of_its_line() -> None:
    page = "<h2>Settings</h2><dl><dt>margin</dt><dd>Margin in millimetres. Default: 12.</dd></dl>"
    found = {said: unit.leads[-2:] for said, unit in units_in(read(page, "page.html"))}
    assert found["Default: 12."] == ("margin", "Default")


def test_a_signature_leads_to_what_is_said_of_it() -> None:
    text = "Basic customization\n\nobject.__new__(cls[, ...])\n\nCalled to create a new instance of the class cls.\n"
    (pair,) = answers(read(text))
    assert pair == ("Called to create a new instance of the class cls.", "object.__new__(cls[, ...])")


def test_short_lines_that_say_something_are_quoted_beside_prose() -> None:
    text = (
        "Sailing club\n\nThe club was founded by six fishermen and a teacher.\n\n"
        "Phone: 030 555 123\nMill Lane 4, 10115 Berlin\nPrice 12 euros\n\nWith kind regards,\n\nAnn Berg\n"
    )
    said = [text for text, _ in answers(read(text))]
    assert {"Phone: 030 555 123", "Mill Lane 4, 10115 Berlin", "Price 12 euros", "Ann Berg"} <= set(said)
    assert "With kind regards," not in said


def test_a_list_is_one_span_with_its_lead_in_and_its_items_are_units_too() -> None:
    text = "# Pancakes\n\nMix the batter. To clean the pan you need:\n\n* hot water\n* a brush\n\nThen let it dry.\n"
    document = read(text, "recipe.md")
    assert lists(document) == ["To clean the pan you need:\n\n- hot water\n- a brush"]
    assert ("- a brush", "To clean the pan you need") in answers(document)
    assert ("Then let it dry.", "Pancakes") in answers(document)


def test_lists_without_lead_in_are_led_by_their_heading() -> None:
    text = "# Pancakes\n\n## Ingredients\n\n- 200 g flour\n- 3 eggs\n\n## Steps\n\n1. Whisk.\n2. Bake in butter.\n"
    found = {said: unit.near[-1] for said, unit in units_in(read(text, "recipe.md")) if unit.parts}
    assert found == {
        "- 200 g flour\n- 3 eggs": "Ingredients",
        "1. Whisk.\n2. Bake in butter.": "Steps",
    }


def test_labels_in_blocks_of_their_own_make_a_list() -> None:
    page = "<h2>Opening hours</h2><dl><dt>Monday</dt><dd>9 to 17</dd><dt>Sunday</dt><dd>closed</dd></dl>"
    assert lists(read(page, "page.html")) == ["Monday: 9 to 17\n\nSunday: closed"]


def test_a_list_that_is_too_long_to_quote_has_items_only() -> None:
    items = "\n".join(f"* item number {n} of a list that goes on for much too long to be quoted" for n in range(30))
    assert lists(read(f"# Things\n\nYou need:\n\n{items}\n", "things.md")) == []


@pytest.mark.parametrize(
    "scrap",
    [
        "See chapter 4.",
        "See also the manual of the pump.",
        "For more information ask at the desk.",
        "Changed in version 3.2: the argument became optional for everybody.",
        "Introduction ............ 4",
        "Home | Next | Search",
        "This section describes sick leave.",
    ],
)
def test_what_answers_nothing_is_passed_over(scrap: str) -> None:
    text = f"# Handbook\n\n## Sick leave\n\nTell the office on the first day.\n\n{scrap}\n"
    assert [said for said, _ in answers(read(text, "handbook.md"))] == ["Tell the office on the first day."]
    alone = answers(read(f"# Handbook\n\n## Sick leave\n\n{scrap}\n", "handbook.md")) if "Home" not in scrap else []
    assert all(said == scrap for said, _ in alone)


def test_an_answer_that_repeats_its_question_is_an_answer() -> None:
    assert ("You can pay by card.", "Can I pay by card?") in answers(
        read("# Till\n\n## Can I pay by card?\n\nYou can pay by card.\n", "till.md")
    )


def test_rows_are_whole_and_their_caption_leads_to_them() -> None:
    page = (
        "<h1>Lunch</h1><table><caption>Prices of food</caption><tr><th>Dish</th><th>Note</th></tr>"
        "<tr><td>Soup</td><td>Hot. With bread.</td></tr></table>"
    )
    found = units_in(read(page, "lunch.html"))
    assert [(said, unit.kind, unit.near[-1]) for said, unit in found] == [
        ("Dish: Soup | Note: Hot. With bread.", "row", "Prices of food")
    ]


def test_a_record_of_several_lines_is_one_row() -> None:
    lines = b'{"name": "Ada", "town": "Bonn"}\n{"name": "Cy", "town": "Ulm"}\n'
    found = units_in(jsonl.load(lines, "people.jsonl"))
    assert [(said, unit.kind) for said, unit in found] == [
        ("name: Ada\ntown: Bonn", "row"),
        ("name: Cy\ntown: Ulm", "row"),
    ]


def test_lines_of_logs_are_neither_headings_nor_lists() -> None:
    log = "2024-03-14 00:10 pump started\n2024-03-14 03:05 pump stopped\n2024-03-14 03:06 alarm sent\n"
    found = units_in(txt.load(log.encode(), "pump.log"))
    assert [said for said, _ in found] == log.splitlines() and not any(unit.parts for _, unit in found)


@pytest.mark.parametrize(
    ("name", "words"),
    [("pool-rules_2024.txt", ("pool rules 2024",)), ("2024.txt", ()), ("archive/x1y.md", ("x1y",))],
)
def test_the_words_of_a_file_name_lead(name: str, words: tuple[str, ...]) -> None:
    document = Document.of(name, "The gate is shut at night.")
    (unit,) = units_of(Passage.of(document, 0, len(document.text)))
    assert unit.leads == words


def test_a_passage_of_headings_has_scraps_but_no_question() -> None:
    document = Document.of("a.txt", "Handbook\n\nWhat is it?\n\nSick leave")
    found = units_of(Passage.of(document, 0, len(document.text)))
    assert {document.text[unit.start : unit.end] for unit in found} <= {"Handbook", "Sick leave"} and found


LINES: Final = (
    "Who pays?",
    "A: Ann does.",
    "Label:",
    "- an item",
    "x: y",
    "Heading",
    "1. One.",
    "Yes.",
    "",
    "    code()",
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_whatever_the_lines_spans_are_inside_in_order_and_apart(lines: list[str]) -> None:
    document = Document.of("some.txt", "\n".join(lines))
    if not document.text.strip():
        return
    found = units_of(Passage.of(document, 0, len(document.text)))
    single = [unit for unit in found if not unit.parts]
    for unit in found:
        said = document.text[unit.start : unit.end]
        assert said == said.rstrip() != "" and not said.endswith("?")
        assert all(part < len(single) for part in unit.parts)
        assert set(unit.near) <= set(unit.leads) | {""} or unit.parts
        for part in unit.parts:
            assert unit.start <= single[part].start < single[part].end <= unit.end
    for before, after in pairwise(single):
        assert before.end <= after.start
