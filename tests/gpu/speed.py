"""T(n) of a Llama-3-8B shape in bfloat16 with random weights: what a verify step costs beside a one-token step.

Run as ``python -m tests.gpu.speed``; prints one JSON document. Needs about 20 GiB of GPU memory.
"""

from __future__ import annotations

import json
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from decoding.budget import SIZES, measure
from decoding.target import Target


def main() -> None:
    """Measure and print."""
    config = LlamaConfig(
        vocab_size=128_256, hidden_size=4096, intermediate_size=14_336, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=8, max_position_embeddings=8192, rope_theta=500_000.0,
    )  # fmt: skip
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(config)
    costs = measure(Target.of(model), SIZES, time_limit_s=60)
    weights_bytes = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    report = {
        "command": "python -m tests.gpu.speed",
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "weights_bytes": weights_bytes,
        "step_ms": {size: 1e3 * seconds for size, seconds in costs.items()},
        "ratio_32_to_1": costs[32] / costs[1],
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
