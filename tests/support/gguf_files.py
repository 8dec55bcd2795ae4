"""Small GGUF files: a whole Llama with a tokenizer, as llama.cpp writes them, and what may be wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind

VOCABULARY, HIDDEN, INNER, LAYERS, HEADS = 320, 64, 96, 2, 4
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def write_gguf(
    path: Path,
    *,
    architecture: str = "llama",
    kind: Kind = Kind.Q8_0,
    licence: str | None = "mit",
    tokenizer: bool = True,
    without: str | None = None,
    extra: dict[str, int | str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Write a random model of two layers, whose matrices are of ``kind``. Gives its tensors as they were written, by
    GGUF's names, unpacked; ``without`` leaves out the tensor of that name.
    """
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("Small")
    if licence is not None:
        writer.add_license(licence)
    writer.add_context_length(256)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(VOCABULARY)
    for key, value in (extra or {}).items():
        (writer.add_string if isinstance(value, str) else writer.add_uint32)(key, value)  # type: ignore[operator]
    if tokenizer:
        _add_tokenizer(writer)
    unpacked = {}
    rng = np.random.default_rng(seed)
    for name, shape in _shapes().items():
        if name == without:
            continue
        values = rng.standard_normal(shape, dtype=np.float32) * 0.2
        packed = Kind.F32 if len(shape) == 1 else kind
        data = gguf.quants.quantize(values, packed) if packed is not Kind.F32 else values
        writer.add_tensor(name, data, raw_dtype=packed)
        unpacked[name] = gguf.quants.dequantize(data, packed) if packed is not Kind.F32 else values
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return unpacked


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (VOCABULARY, HIDDEN), "output_norm.weight": (HIDDEN,)}
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.{name}.weight": shape
            for name, shape in {
                "attn_norm": (HIDDEN,),
                "ffn_norm": (HIDDEN,),
                "attn_q": (HIDDEN, HIDDEN),
                "attn_k": (HIDDEN // 2, HIDDEN),
                "attn_v": (HIDDEN // 2, HIDDEN),
                "attn_output": (HIDDEN, HIDDEN),
                "ffn_gate": (INNER, HIDDEN),
                "ffn_up": (INNER, HIDDEN),
                "ffn_down": (HIDDEN, INNER),
            }.items()
        }
    return shapes


def _add_tokenizer(writer: Any) -> None:
    """Bytes, a few merges and the control tokens of a chat."""
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("i", "n"), ("a", "n"), ("an", "d")]
    words = letters + ["".join(pair) for pair in merges]
    words += [f"<unused{number}>" for number in range(VOCABULARY - len(words) - len(_SPECIALS))] + _SPECIALS
    control = {*_SPECIALS}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(words)
    writer.add_token_types([gguf.TokenType.CONTROL if word in control else gguf.TokenType.NORMAL for word in words])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(VOCABULARY - 2)
    writer.add_eos_token_id(VOCABULARY - 1)
    writer.add_chat_template(CHAT_TEMPLATE)
