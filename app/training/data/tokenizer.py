"""The bundled models' tokenizer: byte-level BPE of 8,192 entries, trained on the prose of the training split.

Knows the special tokens and their order. Must not know prompts or models.

Any text encodes and decodes back unchanged, because every byte is in the alphabet; digits stand alone, so numbers are
copied digit by digit and no number is rare.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from app.training.data import records

VOCABULARY = 8192
PAD, EOS, QUESTION, EVIDENCE, ANSWER, GRAMMAR, CORRECTED = range(7)
SCORE_0 = 7
"""Id of `<|s0|>`; `<|sK|>` is SCORE_0 + K, K = 0..9."""

SPECIALS = (
    "<|pad|>", "<|eos|>", "<|q|>", "<|e|>", "<|a|>", "<|g|>", "<|c|>",
    *(f"<|s{k}|>" for k in range(10)),
    *(f"<|r{k}|>" for k in range(8)),
)  # fmt: skip

_SPACE_BEFORE_PUNCTUATION = re.compile(r"(?<=\w)([.,;:?!])(?=\s|$)")


def train(folder: Path, *, seed: int = 0) -> Tokenizer:
    """Train on the data in `folder`, in a minute or two; the same data and seed give the same result."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(s, special=True, normalized=False) for s in SPECIALS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(_corpus(folder, random.Random(seed)), trainer=trainer)
    return bpe


def save(bpe: Tokenizer, target: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json for transformers: no token is added, no space cleaned away."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": SPECIALS[PAD],
        "eos_token": SPECIALS[EOS],
        "extra_special_tokens": [s for i, s in enumerate(SPECIALS) if i not in (PAD, EOS)],
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
    }
    target.mkdir(parents=True, exist_ok=True)
    bpe.save(str(target / "tokenizer.json"))
    (target / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def encode(bpe: Tokenizer, text: str) -> list[int]:
    """Token ids of a text; special tokens written in it are ordinary characters."""
    bpe.encode_special_tokens = True
    ids: list[int] = bpe.encode(text, add_special_tokens=False).ids
    return ids


def _corpus(folder: Path, rng: random.Random) -> Iterator[str]:
    """About 25 MB: all SQuAD, samples of the rest, each piece after one space as prompts have it."""
    for record in records.squad_passages(folder):
        if records.split_of(record.title) == "train":
            yield " " + _sometimes_spaced(record.text, rng)
    for question in records.squad_questions(folder):
        if records.split_of(question.title) == "train" and rng.random() < 0.3:
            yield " " + question.question
    for source, share in (("enwiki", 0.15), ("novels_le1928", 0.06), ("ms_cpp_docs", 0.12)):
        for title, text in records.paragraphs(folder, source):
            if rng.random() < share and records.split_of(title) == "train":
                yield " " + _sometimes_spaced(text, rng)


def _sometimes_spaced(text: str, rng: random.Random) -> str:
    """One text in ten gets learners' spacing ("text ."), so that a lone mark after a space is one token."""
    return _SPACE_BEFORE_PUNCTUATION.sub(r" \1", text) if rng.random() < 0.1 else text
