"""A target without some of its layers, as its own draft model: nothing is trained, and no weight is copied.

Self-speculative decoding after Draft & Verify (Zhang et al. 2024), with whole layers. The view has a cache of its own;
its modules are twins of the target's that share their parameters and differ in which layer of the cache they write to.
Knows no sources.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import torch

from decoding.errors import InvalidRequest, UnsupportedModel
from decoding.target.capability import Capability
from decoding.target.loading import target_of
from decoding.target.target import Target


def skipping(target: Target, layers: Collection[int]) -> Target:
    """``target`` without the ``layers`` (from 0), which shares the weights of all others and stays as it is.

    Raises InvalidRequest for layers that are not there, or for all of them; UnsupportedModel for a model whose layers
    cannot be found, or that verifies no trees, as the self-check of the view finds.
    """
    return target_of(_view(target, layers), name=f"{target.name} without layers {', '.join(map(str, sorted(layers)))}")


def _view(target: Target, layers: Collection[int]) -> Any:
    """The model without ``layers``: twins of every module that knows its layer's number or the configuration."""
    path, all_layers = _layers(target)
    kept = [layer for layer in range(len(all_layers)) if layer not in set(layers)]
    if not kept or len(kept) + len(set(layers)) != len(all_layers):
        raise InvalidRequest(
            f"layers {', '.join(map(str, sorted(layers)))} cannot be skipped of {len(all_layers)}",
            hint=f"name some of 0 to {len(all_layers) - 1}, not all",
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
    stacks = [
        (path, module)
        for path, module in target.model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == count and all(map(_is_numbered, module))
    ]
    outer = [stack for stack in stacks if not any(stack[0].startswith(f"{path}.") for path, _ in stacks)]
    why = ""
    if target.capability is not Capability.TREE:
        why = "they keep states that drafts cannot be taken back from"
    elif any("forward" in vars(module) for module in target.model.modules()):
        why = "another library has put forwards of its own in their place, as where a model is spread over devices"
    elif len(outer) != 1:
        why = f"{len(outer)} lists of {count} attention layers were found"
    if why:
        raise UnsupportedModel(
            f"layers of {target.name} cannot be skipped: {why}",
            hint="use a target with one stack of attention layers on one device, such as Llama, Qwen3 or GPT-2",
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
