"""Markdown with all that people put into it: HTML, notes, tasks, terms, formulas, front matter."""

from __future__ import annotations

import pytest

from corpora.documents import Document
from corpora.loaders.sandboxed_loader import load_bytes


def read(source: str) -> str:
    return loaded(source).text


def loaded(source: str) -> Document:
    return load_bytes(source.encode(), "a.md")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("At nine.<br>At five.<br/>Never.", "At nine.\nAt five.\nNever."),
        ("| Day | Who |\n|--|--|\n| Mon | Ann<br>Bo |", "Day | Who\nDay: Mon | Who: Ann Bo"),
        ("<table><tr><th>Size<th>Price<tr><td>S<td>12</table>\n\nEnd", "Size | Price\nSize: S | Price: 12\n\nEnd"),
        ("<ul><li>Boots</li><li>Gloves</li></ul>", "- Boots\n- Gloves"),
        ("<details>\n<summary>Refunds</summary>\n\nTen **days**.\n\n</details>", "Refunds\n\nTen days."),
        ("The fee is ~~400~~ 350.", "The fee is 350."),
        ("<del>400</del> 350", "350"),
        ("- [x] done\n- [ ] open", "- ☑ done\n- ☐ open"),
        (
            "1. a\n\n   | A | B |\n   |--|--|\n   | 1 | 2 |\n\n   after\n2. b",
            "1. a\n\nA | B\nA: 1 | B: 2\n\nafter\n\n2. b",
        ),
        ("3. c\n4. d\n\n   7. e\n   8. f", "3. c\n4. d\n  7. e\n  8. f"),
        ("* Ring the bell\n\n  Liv has the key\n* Wait", "- Ring the bell; Liv has the key\n- Wait"),
        ("Term\n: Its meaning.", "Term: Its meaning."),
        ("$a_1 * b_2 * c$ costs $5 and $6", "$a_1 * b_2 * c$ costs $5 and $6"),
        ("$$\nx = \\frac{1}{24}\n$$", "$$x = \\frac{1}{24}$$"),
        ("> [!WARNING]\n> Hot.", "WARNING: Hot."),
        ("H~2~O, 10^6^ and x^2^", "H2O, 10^6 and x^2"),
        ("10<sup>6</sup>", "10^6"),
        ("Clone <url> into <your-folder>.", "Clone <url> into <your-folder>."),
        ("Use <title> and Vec<u8>.", "Use <title> and Vec<u8>."),
        ("<x-card>inside</x-card>, <script>never()</script>after", "inside, after"),
        ("a<!-- hidden -->b", "ab"),
        ("![A map](m.png) of it", "A map of it"),
    ],
)  # fmt: skip
def test_markup(source: str, text: str) -> None:
    assert read(source) == text


def test_notes_stand_where_they_were_written() -> None:
    source = (
        "Built in 1742.[^1] Repaired.[^rep] Old.^[By hand.]\n\n"
        "[^1]: Archive.\n[^rep]: By *Aurel*.\n\n    In 1801.\n[^x]: Unused\n"
    )
    assert read(source) == (
        "Built in 1742.[1] Repaired.[rep] Old. (By hand.)\n\n"
        "[1]: Archive.\n\n[rep]: By Aurel.\n\nIn 1801.\n\n[x]: Unused"
    )


def test_definitions_that_no_link_uses_are_text() -> None:
    source = (
        "[Deprecated]: Yes\n[Site]: https://example.org\n[used]: https://example.org/u\n[//]: # (remark)\n\nSee [used]."
    )
    assert read(source) == "[Deprecated]: Yes\n\n[Site]: https://example.org\n\nSee used."


@pytest.mark.parametrize(
    ("front", "lines", "title"),
    [
        ("---\ntitle: >-\n  Day of\n  May\nday: 2023-05-14\n---\n", "title: Day of May\nday: 2023-05-14", "Day of May"),
        ("---\nn: 00042\ntags: [a, b]\nby:\n  - name: Ilse\n---\n", "n: 00042\ntags: a, b\nby: name: Ilse", "a.md"),
        ('+++\ntitle = "Plan"\nsize = 1.50\n[by]\nname = "Bo"\n+++\n', "title: Plan\nsize: 1.50\nby: name: Bo", "Plan"),
        ("---\na: &x [1]\nb: *x\n---\n", "a: &x [1]\nb: *x", "a.md"),
        ("---\na: [broken\n---\n", "a: [broken", "a.md"),
    ],
)  # fmt: skip
def test_front_matter_becomes_lines(front: str, lines: str, title: str) -> None:
    document = loaded(f"{front}\nBody.")
    assert document.text == f"{lines}\n\nBody."
    assert document.metadata["title"] == title


def test_a_rule_at_the_start_is_no_front_matter() -> None:
    assert read("---\n\nSome text.\n\n---\n\nMore.") == "Some text.\n\nMore."


def test_what_is_nested_deeper_than_the_parser_goes_is_kept() -> None:
    assert read(">" * 400 + " deep\n\nafter").endswith("after")
    assert "deep" in read(">" * 400 + " deep\n\nafter")
    assert "item 299" in read("".join(f"{'  ' * i}- item {i}\n" for i in range(300)))
