"""What all alignment stages begin with: the outputs of the target they learn from, made once for each target of a run.

Knows stages, the material and where a run keeps its outputs. Must not know the objectives.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from app.generation.logit_biases import LogitBiases
from app.loading.bundled import TARGET, bundled_folder
from app.loading.checksums import MODELS, read_sums
from app.training.config import Stage, result_of
from app.training.corruption.synthetic import Corruptor
from app.training.data.material import Material
from app.training.data.records import Split
from app.training.errors import ConfigError, DataMissingError
from app.training.examples.answers import AnswerItems
from app.training.examples.grammar import GrammarPairs, plain_texts
from app.training.outputs.prompts import (
    SOURCES,
    GivenPrompts,
    Prompts,
    ServedPrompts,
    likely_edits_for,
    tuning_of,
    write_outputs,
)
from app.training.outputs.target_outputs import RowBatches, TargetOutputs
from decoding.engine import Engine
from decoding.target.target import Target

_ROWS_AT_ONCE = 48
"""Requests that share a GPU's forwards. On a CPU reading the prompts is the work, and one does."""


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What every alignment stage may set under `options`: how many outputs, and of what.

    Stages with the same values share one file. `outputs_file`: take these outputs, whoever wrote them.
    """

    outputs: int = 4000
    answers: float = 0.65
    """The share of questions; the rest is text to correct."""
    processed: bool = True
    """As served: with the quote processor and the target's biases."""
    outputs_file: str = ""
    prompts_file: str = ""
    """For a target of one's own: a JSON Lines file of {"prompt": "..."}, answered as they stand, without processors."""
    longest_output: int = 256


def row_batches(
    stage: Stage, material: Material, run: Path, device: torch.device, options: OutputOptions
) -> RowBatches:
    """Batches of the target's outputs, which are made first if they are not there."""
    path = Path(options.outputs_file) if options.outputs_file else outputs_path(stage.target, run, options)
    if not options.outputs_file and not path.is_file():
        make_outputs(stage.target, material, run, device, options)
    outputs = TargetOutputs.load(path)
    largest = int(outputs.tokens_T.max(initial=0))
    if stage.shape is not None and largest >= stage.shape.vocabulary:
        raise ConfigError(
            f"the target of the stage {stage.name} writes token {largest}, its model knows {stage.shape.vocabulary}",
            hint="give the model in the configuration the vocabulary of the target",
        )
    return RowBatches(outputs, seed=stage.plan.seed, tokens=stage.plan.tokens)


def prepare(stage: Stage, material: Material, run: Path, device: torch.device, *, stopped: Callable[[], bool]) -> bool:
    """Have the outputs made that a stage needs; False if `stopped` said so first: then parts of them are there."""
    given = {key: value for key, value in stage.options.items() if key in OutputOptions.__dataclass_fields__}
    options = dataclasses.replace(stage, options=given).read_options(OutputOptions)
    if options.outputs_file or outputs_path(stage.target, run, options).is_file():
        return True
    return make_outputs(stage.target, material, run, device, options, stopped=stopped).is_file()


def outputs_path(target: str, run: Path, options: OutputOptions) -> Path:
    """Where a run keeps the outputs of this target: another target, other options, or others of the bundled files that
    serving adds to its logits, mean another file.
    """
    folder = result_of(target, run)
    asked = (options.answers, options.processed, options.prompts_file, options.longest_output, _tuning(folder))
    served_with = sorted(read_sums(MODELS).items()) if options.processed else ()
    found = hashlib.sha256(repr((asked, served_with)).encode())
    for file in sorted(folder.glob("*.safetensors")):
        found.update(file.read_bytes())
    return run / "outputs" / f"{Path(target).name}-{options.outputs}-{found.hexdigest()[:12]}.npz"


def make_outputs(
    target: str,
    material: Material,
    run: Path,
    device: torch.device,
    options: OutputOptions,
    *,
    split: Split = "train",
    stopped: Callable[[], bool] = lambda: False,
) -> Path:
    """Let the target write over prompts of `split`, and keep it; parts of an earlier call are taken over."""
    folder, path = result_of(target, run), outputs_path(target, run, options)
    if not (folder / "config.json").is_file():
        raise DataMissingError(
            f"there is no target at {folder}", hint="train it first, or name its folder as the stage's target"
        )
    prompts: Prompts
    loaded = Target.from_pretrained(str(folder), dtype="bfloat16", device=str(device))
    if options.prompts_file:
        given = given_prompts(Path(options.prompts_file), folder, longest=options.longest_output)
        # A chat model ends with tokens that its tokenizer does not name.
        prompts = replace(given, eos_ids=given.eos_ids | loaded.eos_ids)
    else:
        prompts = served_prompts(material, folder, split=split, options=options)
    at_once = _ROWS_AT_ONCE if device.type == "cuda" else 1
    # No two prompts begin alike: nothing is kept of finished ones.
    engine = Engine(loaded, sources=SOURCES, max_rows=at_once, max_waiting=2 * at_once, prefix_bytes=0)
    write_outputs(engine, prompts, path, count=options.outputs, at_once=at_once, show=_show, stopped=stopped)
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
    tuning = _tuning(target)
    return ServedPrompts(
        bpe=material.tokenizer,
        items=items,
        pairs=pairs,
        tuning=tuning,
        seed=seed,
        answers_share=options.answers,
        processed=options.processed,
        likely_edits=likely_edits_for(target) if pairs is not None and tuning.edit_weight else None,
    )


def given_prompts(file: Path, target: Path, *, longest: int) -> GivenPrompts:
    """The prompts of a file in the target's own tokens. Raises DataMissingError."""
    from transformers import AutoTokenizer

    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # text may hold other line ends
        texts = [str(json.loads(line)["prompt"]) for line in lines if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataMissingError(
            f"the prompts in {file} cannot be read: {error}", hint='write one {"prompt": "..."} a line'
        ) from error
    tokens = AutoTokenizer.from_pretrained(target)
    prompts = tuple(ids for text in texts if (ids := tuple(tokens(text, add_special_tokens=False)["input_ids"])))
    if not prompts:
        raise DataMissingError(f"there are no prompts in {file}", hint='write one {"prompt": "..."} a line')
    ends = frozenset(() if tokens.eos_token_id is None else (int(tokens.eos_token_id),))
    return GivenPrompts(prompts, eos_ids=ends, max_new_tokens=longest)


def keep_tokenizer(target: str, folder: Path) -> None:
    """A drafter for a target that was named by its folder has that target's tokenizer."""
    for file in Path(target).glob("tokenizer*.json"):
        shutil.copyfile(file, folder / file.name)


def _tuning(target: Path) -> LogitBiases:
    """A target fresh from training has no biases yet: then the bundled one's are the best guess, of a like recipe."""
    own = tuning_of(target)
    return own if own is not None else tuning_of(bundled_folder(TARGET)) or LogitBiases()


def _show(line: str) -> None:
    sys.stderr.write(line + "\n")
