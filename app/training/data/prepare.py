"""The training data, packed or unpacked -> one file of material.

Knows where each part of the material comes from. Must not know what training does with it.
"""

from __future__ import annotations

import lzma
import random
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from app.errors import no_file
from app.loading.bundled import TARGET, bundled_folder
from app.training.corruption import word_forms
from app.training.data import candidates, embeddings, material, prose, records, tokenizer
from app.training.errors import DataMissingError

FILES = (
    "squad_train_passages.jsonl", "squad_train_qa.jsonl", "qed_nq_train.jsonl", "prose_enwiki.jsonl",
    "prose_ms_cpp_docs.jsonl", "prose_novels_le1928.jsonl", "misspellings_codespell.jsonl",
)  # fmt: skip

_MEASURED_PASSAGES = 340


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is taken: `prose` times the usual shares, and passages that questions are asked over."""

    prose: float = 1.0
    passages: int = 6500
    qed_passages: int = 2000
    measured_sentences: int = 4000
    """Sentences of each split that is not trained on."""


def prepare(
    source: Path, cache: Path, out: Path, *, amounts: Amounts, tokenizer_file: Path | None, say: Callable[[str], None]
) -> int:
    """Write `out` from the data (a folder or its .tar.xz) and return its bytes; embeddings are cached in `cache`.

    Without `tokenizer_file` the tokenizer is trained anew. Raises DataMissingError, MaterialError.
    """
    with unpacked(source, say=say) as folder:
        if tokenizer_file is None:
            say("training the tokenizer")
            bpe = tokenizer.train(folder)
        else:
            bpe = read_tokenizer(tokenizer_file)
        answers = {split: _answers(folder, split, cache, amounts, say) for split in records.SPLITS}
        say("collecting clean sentences")
        texts = {split: _texts(folder, split, amounts) for split in records.SPLITS}
        parts = material.Parts(
            tokenizer=bpe,
            texts=texts,
            misspelt=records.misspellings(folder),
            forms=word_forms.learn(sentence for text in texts["train"] for sentence in text),
            answers=answers,
        )
    say("packing")
    return material.write(parts, out)


@contextmanager
def unpacked(source: Path, *, say: Callable[[str], None]) -> Iterator[Path]:
    """The folder of the data. From an archive only the known files are taken, by their base names.

    Raises DataMissingError.
    """
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise DataMissingError(
            f"there is no training data at {source}", hint="name its folder or its .tar.xz with --data"
        )
    say(f"unpacking {source.name}")
    with tempfile.TemporaryDirectory(prefix="spandraft-train-") as name:
        folder = Path(name)
        try:
            with tarfile.open(source) as archive:
                _take(archive, folder)
        except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
            raise DataMissingError(
                f"{source} cannot be unpacked: {error}", hint="fetch the archive again; it is a .tar.xz of JSON Lines"
            ) from error
        yield folder


def bundled_tokenizer() -> Path:
    """The tokenizer of the bundled models."""
    return bundled_folder(TARGET) / "tokenizer.json"


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json. Raises DataMissingError."""
    if not path.is_file():
        raise DataMissingError(f"the tokenizer {no_file(path)}", hint="name a tokenizer.json, or `new` to train one")
    return Tokenizer.from_file(str(path))


def _take(archive: tarfile.TarFile, folder: Path) -> None:
    for member in archive:
        name = Path(member.name).name
        content = archive.extractfile(member) if member.isfile() and name in FILES else None
        if content is not None:
            with (folder / name).open("wb") as out:
                shutil.copyfileobj(content, out)


def _answers(
    folder: Path, split: records.Split, cache: Path, amounts: Amounts, say: Callable[[str], None]
) -> candidates.Candidates:
    # Another amount is another file, so that a cache of another size is never used.
    usual = split != "train" or (amounts.passages, amounts.qed_passages) == (Amounts().passages, Amounts().qed_passages)
    path = cache / (f"{split}.npz" if usual else f"{split}-{amounts.passages}-{amounts.qed_passages}.npz")
    if not path.is_file():
        say(f"embedding the {split} questions and their passages")
        cache.mkdir(parents=True, exist_ok=True)
        squad, qed = (
            (amounts.passages, amounts.qed_passages)
            if split == "train"
            else (_MEASURED_PASSAGES, _MEASURED_PASSAGES // 6)
        )
        embeddings.build(folder, split, path, passages=squad, qed_passages=qed)
    say(f"choosing the {split} questions' candidates")
    return candidates.collect(embeddings.load(path), random.Random(f"candidates:{split}"))


def _texts(folder: Path, split: records.Split, amounts: Amounts) -> list[list[str]]:
    rng = random.Random(f"texts:{split}")
    if split == "train":
        return prose.clean_texts(folder, split, rng, more=amounts.prose)
    texts = prose.clean_texts(folder, split, rng)
    rng.shuffle(texts)
    chosen, total = [], 0
    for text in texts:
        chosen.append(text)
        total += len(text)
        if total >= amounts.measured_sentences:
            break
    return chosen
