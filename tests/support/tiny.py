"""What the tests of the app work with: tiny models on disk with real tokenizers, and passages to ask about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from app.config.settings import Settings
from app.generation.logit_biases import LogitBiases
from app.generation.requests import RequestBuilder
from app.generation.templates import template_for
from app.generation.tokenizer import TextTokenizer
from app.loading.edit_proposer import EditProposer
from app.loading.search_models import SearchModels
from app.pipeline import Pipeline
from corpora.documents import Document, Passage
from decoding.drafters.medusa_heads import MedusaHeads
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.target.loading import load_target
from retrieval.interfaces import Hit
from tests.support.fakes import tiny_model

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
TEXTS = (
    "The finally clause is always executed on the way out of the try statement. The finally clause runs even when "
    "a return statement is executed in the try block. An else clause runs when no exception was raised.",
    "A lambda expression creates an anonymous function. The body of a lambda is a single expression, which is "
    "evaluated when the function is called. Default values are evaluated once, when the function is defined.",
    "The with statement wraps the execution of a block with methods defined by a context manager. The manager is "
    "entered before the block runs and left after it, whether or not an exception was raised.",
)
QUESTION = "When is a finally clause executed?"


def small_tokenizer(*, chat: bool = True) -> PreTrainedTokenizerFast:
    """A byte-level BPE of about 600 tokens. ``<think>`` is an added token, but not a special one."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(TEXTS, trainer=trainer)
    bpe.add_tokens(["<think>", "</think>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE if chat else None,
        clean_up_tokenization_spaces=False,
    )


def save_tiny(folder: Path, tokenizer: Any, architecture: str = "llama", *, context: int = 1024) -> Path:
    """A random model with its tokenizer, as a folder that Hugging Face loads."""
    model = tiny_model(architecture, vocab_size=len(tokenizer), context=context)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_heads(folder: Path, *, hidden: int = 32, heads: int = 3) -> Path:
    """Heads for a tiny model, each of which predicts what the target itself does."""
    MedusaHeads(hidden, heads).save(folder)
    return folder


def save_parallel(folder: Path, tokenizer: Any, *, masks: int = 3, context: int = 1024) -> Path:
    """A random parallel drafter for a tiny model with the same tokenizer."""
    size = len(tokenizer)
    tiny_model("llama", seed=1, vocab_size=size + masks, context=context).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    facts = {"format": "spandraft-parallel-1", "vocabulary": size, "masks": masks}
    (folder / "parallel.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def builder_of(folder: Path, settings: Settings, *, biases: LogitBiases | None = None) -> RequestBuilder:
    """Load a tiny target. Its budget takes every draft, so that the busy machine of a test does not decide."""
    tokens = TextTokenizer(AutoTokenizer.from_pretrained(folder))
    engine = Engine(load_target(str(folder)), budget=Budget(limit=32))
    return RequestBuilder(engine, tokens, template_for(tokens), settings, biases or LogitBiases())


def pipeline_of(folder: Path, settings: Settings, **options: Any) -> Pipeline:
    """A pipeline over a tiny target and the real encoder."""
    return Pipeline.of(
        builder_of(folder, settings, **options),
        SearchModels(settings),
        target_name="tiny",
        edit_proposer=EditProposer(),
    )


def hits_of(texts: Sequence[str] = TEXTS) -> list[Hit]:
    """Each text as a passage in the middle of a document of its own, best first."""
    hits = []
    for number, text in enumerate(texts):
        document = Document.of(f"doc{number}.txt", f"Before it.\n\n{text}\n\nBehind it.")
        start = len("Before it.\n\n")
        hits.append(Hit(Passage.of(document, start, start + len(text)), score=1.0 / (number + 1)))
    return hits
