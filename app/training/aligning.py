"""What all alignment stages begin with: the outputs of the target they learn from, made once for each target of a run.

Knows stages, the material and where a run keeps its outputs. Must not know the objectives.
"""

from __future__ import annotations

import hashlib
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from app.bundled import TARGET, bundled_folder
from app.training.answers import AnswerItems
from app.training.config import Stage
from app.training.data import Split
from app.training.errors import DataMissingError
from app.training.errors_synth import Corruptor
from app.training.grammar import GrammarPairs, plain_texts
from app.training.material import Material
from app.training.outputs import SOURCES, ServedPrompts, tuning_of, write_outputs
from app.training.places import result_of
from app.training.written import Outputs, RowBatches
from app.tuning import Tuning
from decoding.engine import Engine
from decoding.target import Target

_ROWS_AT_ONCE = 48
"""Requests that share a GPU's forwards. On a CPU reading the prompts is the work, and one does."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What every alignment stage may set under `options`: how many outputs, and of what.

    Stages with the same values share one file. `outputs_file`: take these outputs, whatever target wrote them.
    """

    outputs: int = 4000
    answers: float = 0.65
    """The share of questions; the rest is text to correct."""
    processed: bool = True
    """As served: with the quote processor and the target's biases."""
    outputs_file: str = ""


def row_batches(
    stage: Stage, material: Material, run: Path, device: torch.device, options: OutputOptions
) -> RowBatches:
    """Batches of the target's outputs, which are made first if they are not there."""
    path = Path(options.outputs_file) if options.outputs_file else outputs_path(stage.target, run, options)
    if not options.outputs_file and not path.is_file():
        make_outputs(stage.target, material, run, device, options)
    return RowBatches(Outputs.load(path), seed=stage.plan.seed, tokens=stage.plan.tokens)


def outputs_path(target: str, run: Path, options: OutputOptions) -> Path:
    """Where a run keeps the outputs of this target: another target, or other options, mean another file."""
    folder = result_of(target, run)
    found = hashlib.sha256(f"{options.answers}:{options.processed}:{_tuning(folder)}".encode())
    for file in sorted(folder.glob("*.safetensors")):
        found.update(file.read_bytes())
    return run / "outputs" / f"{Path(target).name}-{options.outputs}-{found.hexdigest()[:12]}.npz"


def make_outputs(
    target: str, material: Material, run: Path, device: torch.device, options: OutputOptions, *, split: Split = "train"
) -> Path:
    """Let the target write over prompts of `split`, and keep it; parts of an earlier call are taken over."""
    folder, path = result_of(target, run), outputs_path(target, run, options)
    if not (folder / "config.json").is_file():
        raise DataMissingError(
            f"there is no target at {folder}", hint="train it first, or name its folder as the stage's target"
        )
    prompts = served_prompts(material, folder, split=split, options=options)
    loaded = Target.from_pretrained(str(folder), dtype="bfloat16", device=str(device))
    at_once = _ROWS_AT_ONCE if device.type == "cuda" else 1
    engine = Engine(loaded, sources=SOURCES, max_rows=at_once, max_waiting=2 * at_once)
    write_outputs(engine, prompts, path, count=options.outputs, at_once=at_once, show=_show)
    return path


def served_prompts(
    material: Material, target: Path, *, split: Split, options: OutputOptions, seed: int = 0
) -> ServedPrompts:
    """Questions and texts to correct of one split, asked as this target is served."""
    items = AnswerItems(material.answers(split), material.tokenizer) if options.answers > 0 else None
    pairs = None
    if options.answers < 1:
        texts = material.texts(split)
        # Half of the texts are short sentences of common words, as those are that people have corrected.
        plain = plain_texts(texts) or texts
        mixed = random.Random(seed).sample(texts, min(len(texts), len(plain)))
        pairs = GrammarPairs([*plain, *mixed], Corruptor(material.forms, material.misspelt), material.tokenizer)
    return ServedPrompts(
        bpe=material.tokenizer,
        items=items,
        pairs=pairs,
        tuning=_tuning(target),
        seed=seed,
        answers_share=options.answers,
        processed=options.processed,
    )


def _tuning(target: Path) -> Tuning:
    """A target fresh from training has no biases yet: then the bundled one's are the best guess, of a like recipe."""
    own = tuning_of(target)
    return own if own is not None else tuning_of(bundled_folder(TARGET)) or Tuning()


def _show(line: str) -> None:
    sys.stderr.write(line + "\n")
