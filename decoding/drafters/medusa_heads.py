"""Medusa heads: small networks on the target's last hidden state that predict the tokens after its next one.

Blockwise parallel decoding (Stern et al. 2018), in the residual form of Medusa-1 (Cai et al. 2024); the logits come
from the target's own output matrix. Knows neither drafts nor how heads are trained.
P positions, K heads, D hidden size, V vocabulary.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import silu

from decoding.drafters.draft_cost import average_cost
from decoding.errors import DecodingError, ModelNotFound, UnsupportedModel
from decoding.verification.logits import TreeLogits

if TYPE_CHECKING:
    from decoding.target.target import Target

FORMAT: Final = "spandraft-heads-1"
WEIGHTS: Final = "heads.safetensors"
_FACTS: Final = "heads.json"

Ranked = tuple[tuple[tuple[int, float], ...], ...]
"""For each head the likeliest tokens with their probabilities, best first; the nearest position first."""


class MedusaHeads(nn.Module):
    """K residual heads: head k (from 1) predicts the token k positions after the one that the target itself predicts.

    New heads predict the target's own token at every position: what each adds to the hidden state begins at zero.
    ``cost_s`` is a moving average of the seconds that ``likely`` takes.
    """

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.hidden, self.heads, self.cost_s = hidden, heads, 0.0
        self.up = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(heads))
        self.down = nn.ModuleList(nn.Linear(hidden, hidden, bias=False) for _ in range(heads))
        for down in self.down:
            nn.init.zeros_(down.get_parameter("weight"))
        self._output: Callable[[torch.Tensor], torch.Tensor] | None = None

    def hidden_after(self, hidden_PD: torch.Tensor) -> torch.Tensor:
        """(P, K, D) hidden states of the heads: the output matrix makes logits of them."""
        return torch.stack([self.one_after(hidden_PD, k) for k in range(1, self.heads + 1)], dim=-2)

    def one_after(self, hidden_PD: torch.Tensor, k: int) -> torch.Tensor:
        """(P, D) hidden states of head ``k``, counted from 1."""
        up, down = self.up[k - 1], self.down[k - 1]
        after_PD: torch.Tensor = hidden_PD + down(silu(up(hidden_PD)))
        return after_PD

    def forward(self, hidden_PD: torch.Tensor) -> torch.Tensor:
        """(P, K, D) hidden states of the heads."""
        return self.hidden_after(hidden_PD)

    def bind(self, target: Target) -> MedusaHeads:
        """Move to the device where ``target`` computes its logits, and use its output matrix.

        The heads guess only where the target keeps its hidden states: an engine sees to that if they are in its
        ``Shared``, anybody else with ``keeping_hidden_states``.

        Raises UnsupportedModel for a target of another hidden size.
        """
        output = target.model.get_output_embeddings()
        size = getattr(output, "in_features", None) or output.weight.shape[1]
        if size != self.hidden:
            raise UnsupportedModel(
                f"the heads were made for a hidden size of {self.hidden}, {target.name} has {size}",
                hint="use heads that were trained for this target; `spandraft train` makes them",
            )
        device = next((weight.device for weight in output.parameters()), target.device)
        self.to(device=device, dtype=target.dtype)
        self.eval().requires_grad_(False)
        self._output = output.__call__  # Bound method of the target's module, which must not become a part of this one.
        return self

    @torch.inference_mode()
    def likely(self, hidden_D: torch.Tensor, *, k: int) -> Ranked:
        """The ``k`` likeliest tokens of each head, the nearest position first. The heads must be bound to a target."""
        assert self._output is not None, "heads draft for the target that they are bound to"
        started = time.perf_counter()
        logits_KV = self._output(self.hidden_after(hidden_D[None])[0])
        heads = range(self.heads)
        best = TreeLogits(logits_KV, heads).chances(heads, [0] * self.heads, k=k).best
        self.cost_s = average_cost(self.cost_s, time.perf_counter() - started)
        return best

    def save(self, folder: Path) -> None:
        """Write ``heads.safetensors`` and ``heads.json``, each atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: weight.detach().cpu().contiguous() for name, weight in self.state_dict().items()}
        _replace(folder / WEIGHTS, lambda path: save_file(weights, path))
        facts = json.dumps({"format": FORMAT, "hidden": self.hidden, "heads": self.heads}) + "\n"
        _replace(folder / _FACTS, lambda path: path.write_text(facts, encoding="utf-8"))

    @classmethod
    def load(cls, folder: Path, *, target: Target) -> MedusaHeads:
        """The heads of ``folder``, bound to ``target``. Raises ModelNotFound, UnsupportedModel."""
        facts, weights = _read(folder)
        if facts.get("format") != FORMAT:
            raise UnsupportedModel(
                f"{folder / _FACTS} is of format {facts.get('format')!r}, not {FORMAT!r}",
                hint="make the heads with this version of `spandraft train`, or take those that came with it",
            )
        try:
            heads = cls(int(facts["hidden"]), int(facts["heads"]))
            heads.load_state_dict(dict(weights))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise _broken(folder, error) from error
        return heads.bind(target)


def _read(folder: Path) -> tuple[Mapping[str, Any], Mapping[str, torch.Tensor]]:
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        weights = load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise ModelNotFound(
            f"there are no heads in {folder}: {Path(error.filename or WEIGHTS).name} is missing",
            hint=f"give a folder with {_FACTS} and {WEIGHTS}; `spandraft train` makes it",
        ) from error
    except (OSError, ValueError, SafetensorError) as error:
        raise _broken(folder, error) from error
    if not isinstance(facts, dict):
        raise _broken(folder, TypeError(f"{_FACTS} is no object"))
    return facts, weights


def _broken(folder: Path, error: Exception) -> DecodingError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
    return ModelNotFound(
        f"the heads in {folder} could not be loaded: {reason}", hint="copy the folder again, or train the heads anew"
    )


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside ``path``, then put it in its place."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
