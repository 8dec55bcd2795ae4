"""A target without some of its layers, as its own draft model: nothing is trained, and no weight is copied.

After Draft & Verify (Zhang et al. 2024), with whole layers. The view has a cache of its own; its modules are twins of
the target's that share their parameters and differ in which layer of the cache they write to. Knows no sources.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from decoding.drafting.cost_model import measure
from decoding.errors import InvalidRequest, UnsupportedModel
from decoding.target.capability import Verification
from decoding.target.target import Target

_LONGEST_CHAIN: Final = 8


def skipping(target: Target, layers: Collection[int]) -> Target:
    """``target`` without the ``layers`` (from 0), which shares the weights of all others and stays as it is.

    Raises InvalidRequest for layers that are not there, or for all of them; UnsupportedModel for a model whose layers
    cannot be found, or that verifies no trees, as the self-check of the view finds.
    """
    return Target.of(_view(target, layers), name=f"{target.name} without layers {', '.join(map(str, sorted(layers)))}")


@dataclass(frozen=True, slots=True)
class LayerChoice:
    """Layers to skip; how often the rest chose what the whole target did, and how many tokens a target forward's time
    then gives, as expected from that and from the time of a layer. 1 is plain decoding.
    """

    skipped: tuple[int, ...]
    agreement: float
    speed_up: float


def choose_layers(
    target: Target,
    sequences: Sequence[Sequence[int]],
    *,
    most: int | None = None,
    least: int = 0,
    starts: Sequence[int] | None = None,
    layers_share: float | None = None,
) -> LayerChoice:
    """Which layers to skip, at most ``most``, by agreement on ``sequences`` beside the time that is saved; none where
    that would not be faster, unless there must be at ``least`` some.

    Greedy: at each turn the layer without which drafting would be fastest. ``starts``: where in each sequence the part
    begins that counts, such as the answer behind its prompt. ``layers_share``: the share of all layers in the time of
    a forward; measured if it is not given. Raises what ``skipping`` raises, and InvalidRequest without a sequence.
    """
    if not any(map(len, sequences)):
        raise InvalidRequest(
            "There is no text to choose layers by.", hint="Give token ids that the target has written."
        )
    count = layer_count(target)
    share = layers_share if layers_share is not None else _layers_share(target, count)
    froms = starts if starts is not None else [0] * len(sequences)
    texts = [(ids, start) for ids, start in zip(sequences, froms, strict=True) if len(ids) > start]
    expected = _choices(target.model, texts, target.device)
    skipped: tuple[int, ...] = ()
    found = [LayerChoice((), 1.0, 1.0)]
    while len(skipped) < min(most if most is not None else count, count - 1):
        tried = []
        for layer in sorted(set(range(count)) - set(skipped)):
            chosen = (*skipped, layer)
            chose = _choices(_view(target, chosen), texts, target.device)
            agreement = float((chose == expected).double().mean())
            cost = 1 - share * len(chosen) / count
            tried.append(LayerChoice(tuple(sorted(chosen)), agreement, _speed_up(agreement, cost)))
        fastest = max(tried, key=lambda one: (one.speed_up, one.agreement))
        skipped = fastest.skipped
        found.append(fastest)
    enough = [one for one in found if len(one.skipped) >= least]
    return max(enough or found[-1:], key=lambda one: one.speed_up)


def layer_count(target: Target) -> int:
    """How many layers there are to skip. Raises UnsupportedModel where they cannot be found."""
    return len(_layers(target)[1])


def _view(target: Target, layers: Collection[int]) -> Any:
    """The model without ``layers``: twins of every module that knows its layer's number or the configuration."""
    path, all_layers = _layers(target)
    kept = [layer for layer in range(len(all_layers)) if layer not in set(layers)]
    if not kept or len(kept) + len(set(layers)) != len(all_layers):
        raise InvalidRequest(
            f"Layers {', '.join(map(str, sorted(layers)))} cannot be skipped of {len(all_layers)}.",
            hint=f"Name some of 0 to {len(all_layers) - 1}, not all.",
        )
    root = target.model
    config, text = copy.deepcopy(root.config), root.config.get_text_config()
    _cut(config.get_text_config(), kept, len(all_layers))
    configs = {id(root.config): config, id(text): config.get_text_config()}
    stack = torch.nn.ModuleList()
    for number, layer in enumerate(kept):
        stack.append(_twin(all_layers[layer], configs, number=number))
    return _twin(root, configs, replaced={path: stack})


def _layers(target: Target) -> tuple[str, torch.nn.ModuleList]:
    """The list of layers and its path in the model: the one as long as the configuration says, whose members know their
    numbers.
    """
    count = target.model.config.get_text_config().num_hidden_layers
    found = [
        (path, module)
        for path, module in target.model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == count and all(map(_is_numbered, module))
    ]
    outer = [one for one in found if not any(one[0].startswith(f"{path}.") for path, _ in found)]
    why = ""
    if target.verification is not Verification.TREE:
        why = "they keep states that drafts cannot be taken back from"
    elif any("forward" in vars(module) for module in target.model.modules()):
        why = "another library has put forwards of its own in their place, as where a model is spread over devices"
    elif len(outer) != 1:
        why = f"{len(outer)} lists of {count} attention layers were found"
    if why:
        raise UnsupportedModel(
            f"Layers of {target.name} cannot be skipped: {why}.",
            hint="Use a target with one stack of attention layers on one device, such as Llama, Qwen3 or GPT-2.",
        )
    return outer[0]


def _is_numbered(layer: torch.nn.Module) -> bool:
    return any(isinstance(getattr(module, "layer_idx", None), int) for module in layer.modules())


def _cut(text: Any, kept: Sequence[int], count: int) -> None:
    """Make a configuration that of the kept layers. Set at once: between two settings it would not be valid."""
    names = text.attribute_map
    values = {
        name: type(value)(value[layer] for layer in kept)
        for name, value in vars(text).items()
        if "layer" in name and isinstance(value, (list, tuple)) and len(value) == count
    }
    vars(text).update(values, **{names.get("num_hidden_layers", "num_hidden_layers"): len(kept)})


def _twin(
    module: torch.nn.Module,
    configs: Mapping[int, Any],
    *,
    number: int | None = None,
    replaced: Mapping[str, torch.nn.Module] | None = None,
    path: str = "",
) -> torch.nn.Module:
    """A module of the same class with the same parameters, which has the configuration and the layer's number of the
    view, and hooks of its own from now on; the module itself where there is nothing to change. ``replaced`` are
    modules given by their path.
    """
    if replaced and path in replaced:
        return replaced[path]
    changed = dict(_changed(module, configs, number))
    inner = {
        name: child and _twin(child, configs, number=number, replaced=replaced, path=f"{path}.{name}".lstrip("."))
        for name, child in module._modules.items()
    }
    if not changed and all(inner[name] is child for name, child in module._modules.items()):
        return module
    twin: torch.nn.Module = object.__new__(type(module))
    hooks = {
        name: copy.copy(held) for name, held in vars(module).items() if "_hooks" in name and isinstance(held, dict)
    }
    vars(twin).update({**vars(module), **hooks, **changed, "_modules": inner})
    return twin


def _changed(module: torch.nn.Module, configs: Mapping[int, Any], number: int | None) -> Iterator[tuple[str, Any]]:
    held = vars(module)
    if id(held.get("config")) in configs:
        yield "config", configs[id(held["config"])]
    if number is not None and isinstance(held.get("layer_idx"), int):
        yield "layer_idx", number


@torch.inference_mode()
def _choices(model: Any, texts: Sequence[tuple[Sequence[int], int]], device: torch.device) -> torch.Tensor:
    """What a model holds likeliest after each counted token of all texts, one after the other."""
    found = []
    for ids, start in texts:
        logits_1NV = model(input_ids=torch.tensor([[*ids]], device=device), use_cache=False).logits
        found.append(logits_1NV[0, start:].argmax(-1))
    return torch.cat(found)


def _layers_share(target: Target, count: int) -> float:
    """Of the time of a forward over one token, from that of all layers and that of one."""
    if count == 1:
        return 0.0
    whole_s, one_s = (measure(one, [1])[1] for one in (target, skipping(target, range(1, count))))
    return min(max((whole_s - one_s) / whole_s * count / (count - 1), 0.0), 1.0)


def _speed_up(agreement: float, cost: float) -> float:
    """Tokens in the time of a target forward, of which a drafted one takes ``cost``, with chains of the best length."""
    tokens, chance, fastest = 1.0, 1.0, 1.0
    for length in range(1, _LONGEST_CHAIN + 1):
        chance *= agreement
        tokens += chance
        fastest = max(fastest, tokens / (1 + length * cost))
    return fastest
