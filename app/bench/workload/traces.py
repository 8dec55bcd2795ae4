"""Recorded outputs as token ids, and how a target is forced to write them.

A record has one of three forms, told apart by their fields: an answer from passages, an output of a prompt, a
correction. Forced decoding (Yang et al. 2023, LLMA): the target computes everything, and a processor on its side lets
it choose nothing but the recorded token, alike for every method; so random weights or another model's answer can be
timed and counted. Knows files and tokenizers; must not know methods.

Shapes: V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.bench.workload.records import is_texts, read_records
from app.errors import InputError, no_file
from app.generation.tokenizer import Encoded
from app.loading.edit_proposer import EditProposer
from decoding.interfaces import Reference, Request

BUNDLED_TOKENIZER = Path(__file__).parents[2] / "models" / "target" / "tokenizer.json"
TRACES = tuple(Path(__file__).parents[1] / "traces" / name for name in ("answers.jsonl", "corrections.jsonl"))
"""Records of the bundled target; ``spandraft bench record`` makes them again."""
SCOPE = "bench"
"""The scope of all records: a record may be drafted from the outputs of the records before it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded generation in token ids; the output ends with the end token.

    ``passages`` are the part of this record that the datastore of other records may hold.
    """

    request: Request
    output: tuple[int, ...]
    passages: tuple[tuple[int, ...], ...] = ()


def read_traces(file: Path, tokenizer: Tokenizer, *, end: int | None = None) -> list[Trace]:
    """The records of a file: answers from passages, outputs of a prompt, corrections (first reference).

    ``end`` is the end token, by default one that the tokenizer does not have. Raises InputError.
    """
    encoder = _Encoder(tokenizer, tokenizer.get_vocab_size() if end is None else end)

    def parse(record: dict[str, Any]) -> Trace | None:
        match record:
            case {"source": str(source), "references": [str(target), *_]}:
                return encoder.correction(source, target)
            case {"prompt": str(prompt), "output": str(output)}:
                passages = record.get("passages", [])
                return encoder.output_of_prompt(prompt, passages, output) if is_texts(passages) else None
            case {"question": str(question), "passages": passages, "output": str(output)} if is_texts(passages):
                return encoder.answer_from_passages(question, passages, output)
        return None

    return read_records(file, parse, form="question, passages, output; or prompt, output; or source, references")


@dataclass(frozen=True, slots=True)
class _Encoder:
    tokenizer: Tokenizer
    end: int
    proposer: EditProposer = field(default_factory=EditProposer)

    def correction(self, source: str, target: str) -> Trace:
        ids = self._ids(source)
        prompt = self._ids(f"Correct the text.\n{source}\n")
        reference = Reference(ids, cursor=True, edits=self.proposer.edits(source, ids, self._encoded))
        return self._trace(prompt, (reference,), target, "correct")

    def output_of_prompt(self, prompt: str, passages: Sequence[str], output: str) -> Trace:
        encoded = self.tokenizer.encode(prompt, add_special_tokens=False)
        references = []
        for passage in passages:
            start = prompt.find(passage)
            inside = [
                i for i, (low, high) in enumerate(encoded.offsets) if start <= low and high <= start + len(passage)
            ]
            if start >= 0 and inside:
                references.append(Reference(tuple(encoded.ids[inside[0] : inside[-1] + 1]), inside[0]))
            else:
                references.append(Reference(self._ids(passage)))
        return self._trace(tuple(encoded.ids), references, output, "answer")

    def answer_from_passages(self, question: str, passages: Sequence[str], output: str) -> Trace:
        prompt: list[int] = []
        references = []
        for passage in passages:
            ids = self._ids(f"{passage}\n")
            references.append(Reference(ids, len(prompt)))
            prompt += ids
        prompt += self._ids(f"Question: {question}\nAnswer:")
        return self._trace(tuple(prompt), references, f" {output}", "answer")

    def _trace(self, prompt: tuple[int, ...], references: Iterable[Reference], output: str, task: str) -> Trace:
        ids = (*self._ids(output), self.end)
        packed = tuple(references)
        request = Request(prompt, len(ids), references=packed, eos_ids=frozenset({self.end}), scope=SCOPE, task=task)
        return Trace(request, ids, tuple(reference.ids for reference in packed))

    def _encoded(self, text: str) -> Encoded:
        encoded = self.tokenizer.encode(text, add_special_tokens=False)
        starts, ends = zip(*encoded.offsets, strict=True) if encoded.offsets else ((), ())
        return Encoded(tuple(encoded.ids), tuple(starts), tuple(ends))

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False).ids)


def load_tokenizer(file: Path) -> Tokenizer:
    """Read a tokenizer.json. Raises InputError."""
    if not file.is_file():
        raise InputError(f"the tokenizer {no_file(file)}", hint="give the path of a tokenizer.json")
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises bare Exception
        raise InputError(f"{file} is no tokenizer: {error}", hint="give the path of a tokenizer.json") from error


@dataclass(frozen=True, slots=True)
class Forced:
    """Allows the recorded token at each output position, and anything behind the last. The state is the position."""

    tokens: tuple[int, ...]

    def start(self) -> int:
        """The first output position."""
        return 0

    def advance(self, state: object, token: int) -> int:
        """The next position, whatever the token."""
        assert isinstance(state, int)
        return state + 1

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Forbid all tokens but the recorded one."""
        assert isinstance(state, int)
        if state < len(self.tokens):
            logits_V[:] = -np.inf
            logits_V[self.tokens[state]] = 0.0


def forced_request(trace: Trace) -> Request:
    """The request that writes the recorded output of ``trace``."""
    return replace(trace.request, max_new_tokens=len(trace.output), processors=(Forced(trace.output),))
