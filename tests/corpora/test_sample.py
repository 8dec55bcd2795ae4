"""The sample corpus reads well: no wrapped lines, no markup, nothing twice, and what people ask for is in it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from corpora.documents import Document
from corpora.errors import LibraryError
from corpora.sample import documents_of, sample_documents
from corpora.text.chunking import passages

TOPIC = """The "for" statement
*******************

The "for" statement is used to iterate over the elements of a *se-
quence* or a built-
in type. [1]  See also **PEP 448**:

   for_stmt ::= "for" target_list

   for i in range(10):
       print(*i*)


Methods
=======

str.count(sub[, start[, end]])

   Return the number of "'ß'" occurrences (see
   below).

   * If *x* is negative,
     nothing.

     * Inner.

   New in version 3.3.

Note:

  Mind the gap in this paragraph, which is long enough to be told apart.

Integers ("int")
   These represent numbers.

+---------+-----------+
| Op      | Result    |
|=========|===========|
| "x | y" | bitwise   |
|         | or        |
+---------+-----------+
| "x"     | *x*       |
+---------+-----------+

-[ Footnotes ]-

[1] A footnote that nobody
    needs.
"""
READ = """The "for" statement

The "for" statement is used to iterate over the elements of a se-quence or a built-in type. See also PEP 448:

    for_stmt ::= "for" target_list

    for i in range(10):
        print(*i*)

Methods

str.count(sub[, start[, end]])

Return the number of 'ß' occurrences (see below).

- If x is negative, nothing.
  - Inner.

New in version 3.3.

Note: Mind the gap in this paragraph, which is long enough to be told apart.

Integers ("int"): These represent numbers.

Op | Result
"x | y" | bitwise or
"x" | x"""


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return sample_documents()


def test_one_topic_reads_as_it_should() -> None:
    (document,) = documents_of({"for": TOPIC})
    assert document.name == "Language reference: for"
    assert document.metadata == {"title": 'The "for" statement', "topic": "for"}
    assert document.text == READ


def test_paragraphs_stay_in_the_shortest_topic_that_has_them() -> None:
    shared = "This paragraph stands in two topics, and it is long enough for everybody to know it again at sight."
    own = (
        "This paragraph stands only in the longer one of the two topics, which is why it has to stay in there as it is."
    )
    short = f"Short\n*****\n\n{shared}\n\nNew in version 3.3.\n\n{shared[::-1]}\n"
    long = f"Long\n****\n\n{own}\n\nNew in version 3.3.\n\n{own[::-1]}\n\n"
    long += f"Empty\n=====\n\n{shared}\n\nNew in version 3.3.\n"
    by_name = {document.name: document.text for document in documents_of({"a": long, "b": short})}
    assert by_name["Language reference: Short"] == short.replace("*****\n", "").strip().replace(
        "Short\n\n", "Short\n\n"
    )
    assert by_name["Language reference: Long"] == f"Long\n\n{own}\n\nNew in version 3.3.\n\n{own[::-1]}"


def test_names_are_readable_and_apart(documents: list[Document]) -> None:
    names = [document.name for document in documents]
    assert len(set(names)) == len(names) >= 60
    assert names == sorted(names, key=str.casefold)
    for wanted in ("for", "with", "try", "if", "while", "return", "String Methods", "Operator precedence"):
        assert f"Language reference: {wanted}" in names


def test_known_sentences_are_there_as_one_piece(documents: list[Document]) -> None:
    by_name = {document.name.removeprefix("Language reference: "): document.text for document in documents}
    assert (
        'The "for" statement is used to iterate over the elements of a sequence (such as a string, tuple or list) '
        "or other iterable object:"
    ) in by_name["for"]
    assert "str.split(sep=None, maxsplit=-1)\n\nReturn a list of the words in the string" in by_name["String Methods"]


def test_nothing_is_left_of_markup_and_wrapping(documents: list[Document]) -> None:
    for document in documents:
        for block in document.text.split("\n\n"):
            if block.startswith("    "):
                continue
            assert not re.search(r"^[*=~^]{3,}$", block, re.MULTILINE), block
            assert not re.search(r"\*\*\w+\*\*|^\[\d+\] |Footnotes|Source code:", block), block
            assert all("  " not in line.lstrip() for line in block.split("\n")), block
            if not re.match(r"\s*(-|\d+\.) |.* \| ", block):
                assert block.count("\n") == 0 or "(" in block or "[" in block, block  # only signatures share a block


def test_no_long_paragraph_stands_twice(documents: list[Document]) -> None:
    blocks = Counter(block for document in documents for block in document.text.split("\n\n") if len(block) > 100)
    assert [block for block, count in blocks.items() if count > 1 and not block.startswith("    ")] == []


def test_passages_are_of_a_good_length(documents: list[Document]) -> None:
    lengths = [len(passage.text) for document in documents for passage in passages(document)]
    assert sum(300 <= length <= 910 for length in lengths) > 0.9 * len(lengths)
    assert max(lengths) <= 910


def test_a_python_without_topics_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydoc_data.topics", None)
    with pytest.raises(LibraryError) as caught:
        sample_documents()
    assert caught.value.hint
