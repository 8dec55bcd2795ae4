"""The encoder's layers, read and computed here, against the same layers in transformers; words as pieces."""

from __future__ import annotations

import pytest
import torch
from transformers import BertModel

from app.errors import MissingPartError
from app.likely_edits import encoder
from app.likely_edits.encoder import pieces_of, word_vectors

SENTENCES = (["The", "teachers", "do", "n't", "answer", "unbelievably", "."], ["I", "recieve", "letters"], [""])


def test_layers_are_those_of_the_package() -> None:
    found = pieces_of(SENTENCES, encoder.piece_tokenizer())
    lower = encoder.stored_lower(encoder.LAYERS)
    bert = BertModel.from_pretrained(encoder.folder(), add_pooling_layer=False)
    ours_BND = lower(found.ids_BN, found.mask_B11N)
    with torch.inference_mode():
        theirs_BND = bert(found.ids_BN, attention_mask=(found.ids_BN != 0).long()).last_hidden_state
    kept_BN = found.ids_BN != 0
    assert torch.allclose(ours_BND[kept_BN], theirs_BND[kept_BN], atol=1e-4)


def test_each_word_has_its_first_and_last_piece_and_each_sentence_its_end() -> None:
    tokenizer = encoder.piece_tokenizer()
    found = pieces_of(SENTENCES, tokenizer)
    flat = [tokenizer.id_to_token(at) for at in found.ids_BN.flatten().tolist()]
    firsts = [flat[at] for at in found.first_W.tolist()]
    lasts = [flat[at] for at in found.last_W.tolist()]
    assert len(firsts) == sum(len(one) + 1 for one in SENTENCES)
    assert firsts[:3] == ["the", "teachers", "do"] and firsts[6:8] == [".", "[SEP]"]
    assert firsts[0] == lasts[0] == "the"
    assert (firsts[3], lasts[3]) == ("n", "t")
    assert firsts[-2:] == ["[SEP]", "[SEP]"]


def test_a_word_beyond_the_longest_text_stands_at_its_end() -> None:
    found = pieces_of([["letters"] * 600], encoder.piece_tokenizer())
    assert found.ids_BN.shape == (1, encoder.LONGEST)
    assert set(found.first_W[-80:].tolist()) == {encoder.LONGEST - 1}


def test_vectors_are_means_of_pieces() -> None:
    tokenizer = encoder.piece_tokenizer()
    pieces_D = torch.arange(30522.0)[:, None].expand(-1, 2).contiguous()
    words = ["garden", "recieve", "the"]
    pieces = [tokenizer.encode(word, add_special_tokens=False).ids for word in words]
    expected = [sum(ids) / len(ids) for ids in pieces]
    assert word_vectors(words, pieces_D, tokenizer)[:, 0].tolist() == pytest.approx(expected)


def test_a_missing_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "PACKAGE", "no_such_encoder")
    with pytest.raises(MissingPartError, match="no_such_encoder"):
        encoder.stored_layer(0)
