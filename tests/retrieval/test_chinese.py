"""A question in a script without spaces finds its passage: read from a file, cut, indexed by words."""

from __future__ import annotations

import pytest

from corpora.loaders.sandboxed_loader import load_bytes
from corpora.text.chunking import passages
from retrieval.lexical import LexicalIndex

CHINESE = """港口的历史

这座港口由城镇在1842年自行建造。它是附近最深的港口。冬天港口结过两次冰，其中一次长达十一周，渔船都停在冰里。

面包店

码头旁边的面包店每天早上五点开门。店主最有名的是黑麦面包，外地人也常常专程来买。

灯塔

灯塔高四十二米，由看守人一家三代照看。1971年灯塔改为自动，看守人退休后开了一间小博物馆。
"""
JAPANESE = """港の歴史

港は1842年に町自身によって建設された。冬には二度凍り、一度は十一週間も続いた。漁船は氷の中に閉じ込められた。

パン屋

埠頭のそばのパン屋は毎朝五時に開く。ライ麦パンが有名で、遠くから買いに来る人々もいる。

灯台

灯台の高さは四十二メートルで、守り人の一家が三代にわたって世話をしてきた。
"""


@pytest.mark.parametrize(
    ("text", "encoding", "question", "expected"),
    [
        (CHINESE, "utf-8", "港口是什么时候建造的？", "1842年"),
        (CHINESE, "gb18030", "面包店几点开门？", "五点"),
        (CHINESE, "utf-16", "灯塔有多高？", "四十二米"),
        (CHINESE, "gb18030", "渔船", "渔船"),
        (JAPANESE, "shift_jis", "パン屋は何時に開きますか。", "五時"),
        (JAPANESE, "euc_jp", "灯台の高さ", "四十二メートル"),
    ],
)
def test_a_question_finds_its_passage(text: str, encoding: str, question: str, expected: str) -> None:
    document = load_bytes(text.encode(encoding), "port.txt")
    found = passages(document, target_chars=100)
    assert len(found) >= 3
    index = LexicalIndex()
    index.add(range(len(found)), [passage.text for passage in found])
    (((best, _), *_),) = index.search([question], 3)
    assert expected in found[best].text


def test_other_characters_are_no_match() -> None:
    index = LexicalIndex()
    index.add([0, 1], ["面包店每天开门。", "灯塔高四十二米。"])
    assert index.search(["潜水艇"], 2) == [[]]
    assert [row for row, _ in index.search(["米"], 2)[0]] == [1]
