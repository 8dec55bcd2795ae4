"""The search that looks at everything: it decides most orders, and leaves open those that hang on rounding."""

from __future__ import annotations

import random

from corpora.documents import Document, Passage
from corpora.text.chunking import passages
from retrieval.lexical import LexicalIndex
from tests.crash import brute_force
from tests.crash.acts import TARGET_CHARS, document_of

QUERY = "copper thistle quarry"


def whole(*texts: str) -> list[Passage]:
    """Each text as one passage."""
    return [Passage.of(Document.of(f"{number}", text), 0, len(text)) for number, text in enumerate(texts)]


def test_equal_sums_of_other_parts_are_left_open() -> None:
    """The first two score the same by the formula; in float32, where terms are added in turn, the second is ahead."""
    texts = (
        "copper copper thistle thistle thistle quarry quarry quarry",
        "copper copper copper thistle thistle thistle quarry quarry",
        "thistle willow thistle willow thistle",
        "thistle meadow meadow willow meadow meadow meadow",
    )
    index = LexicalIndex()
    index.add(range(len(texts)), texts)
    ((first, ahead), (second, behind)) = index.search([QUERY], 2)[0]
    assert (first, second) == (1, 0)
    assert 0 < ahead - behind < brute_force.NEAR
    assert brute_force.hits(whole(*texts), QUERY, 2) is None


def test_equal_sums_of_the_same_parts_are_decided() -> None:
    """Two terms that are as rare as each other add the same in either order."""
    added = brute_force.bm25(whole("copper copper quarry", "quarry quarry copper", "willow willow willow"), QUERY)
    assert added[0] != added[1]
    assert sum(added[0]) == sum(added[1])
    assert not brute_force.equal_sums(added)


def test_most_orders_are_decided() -> None:
    """What always left the order open would find no fault in any search."""
    chance = random.Random(1)
    worlds = [
        [
            passage
            for number in range(chance.randrange(3, 20))
            for passage in passages(document_of(f"doc{number}.txt", chance.randrange(1000)), target_chars=TARGET_CHARS)
        ]
        for _ in range(20)
    ]
    decided = [brute_force.hits(world, query, 5) is not None for world in worlds for query in (QUERY, "the harbour")]
    assert sum(decided) > len(decided) / 2
