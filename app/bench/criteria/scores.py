"""Figures of one rule on one task: quality with an interval, diversity, acceptance length, speed beside plain decoding.

Intervals are 95 % of a bootstrap over items (Efron 1979), the same draws for every rule: a change is against plain
decoding of the same items, and its interval is much narrower than that of either. Shapes as in
`app.bench.criteria.tasks`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from app.bench.criteria.tasks import Floats, Task
from app.bench.criteria.trial import Rule, Written

RESAMPLES = 2000
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_MARKER = re.compile(r"\[\d+\]")


def row(
    task: Task,
    rule: Rule,
    written_IS: Sequence[Sequence[Written]],
    plain_IS: Sequence[Sequence[Written]],
    *,
    copies: int = 1,
) -> dict[str, object]:
    """Figures of ``rule``, given what plain decoding wrote for the same items and seeds.

    ``copies``: how many equal outputs one output counts for, because greedy decoding writes the same for every seed.
    """
    pairs = [
        pair
        for outputs_S, plain_S in zip(written_IS, plain_IS, strict=True)
        for pair in zip(outputs_S, plain_S, strict=True)
    ]
    changed = [output.tokens != plain.tokens for output, plain in pairs]
    worth, plain_worth = (
        task.worth([[output.text for output in row_S] for row_S in rows]) for rows in (written_IS, plain_IS)
    )
    everything_BI, draws_BI = np.ones((1, len(task))), draws(len(task))
    values_B, plain_B = worth(draws_BI), plain_worth(draws_BI)
    value, plain_value = float(worth(everything_BI)[0]), float(plain_worth(everything_BI)[0])
    rates = [_tokens_per_s(rows) for rows in (written_IS, plain_IS)]
    return {
        "method": rule.method,
        "task": task.name,
        "lossless": rule.criterion.lossless,
        "equal": not any(changed),
        "changed": round(sum(changed) / len(changed), 4),
        task.measure: _rounded(value),
        "interval": interval(values_B),
        "change": _rounded(value - plain_value),
        "change_interval": interval(values_B - plain_B),
        "distinct_2": distinct_2([[output.raw for output in row_S] * copies for row_S in written_IS]),
        "mean_acceptance_length": round(_tokens(written_IS) / max(_forwards(written_IS), 1), 4),
        "tokens_per_s": round(rates[0], 1),
        "speedup_vs_plain": round(rates[0] / rates[1], 3) if rates[1] else None,
        "items": len(task),
        "judged": task.judged,
        "seeds": len(written_IS[0]),
    }


def distinct_2(texts_IS: Sequence[Sequence[str]]) -> float | None:
    """Distinct bigrams over all bigrams of the outputs of one item, in words, averaged over items (Li et al. 2016).

    None where no output has two words.
    """
    shares = []
    for texts in texts_IS:
        bigrams = [pair for text in texts for pair in _bigrams(text)]
        if bigrams:
            shares.append(len(set(bigrams)) / len(bigrams))
    return round(sum(shares) / len(shares), 4) if shares else None


def draws(items: int, resamples: int = RESAMPLES) -> Floats:
    """(B, I) how often each item was drawn in each resample; the same for the same number of items."""
    return np.random.default_rng(0).multinomial(items, np.full(items, 1 / items), size=resamples).astype(np.float64)


def interval(values_B: Floats) -> list[float] | None:
    """The middle 95 % of the resamples; None where there is nothing to measure."""
    known = values_B[~np.isnan(values_B)]
    if not known.size:
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return [round(float(low), 4), round(float(high), 4)]


def _bigrams(text: str) -> list[tuple[str, str]]:
    words = _WORD.findall(_MARKER.sub(" ", text).lower())
    return list(pairwise(words))


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


def _tokens(written_IS: Sequence[Sequence[Written]]) -> int:
    return sum(len(output.tokens) for row_S in written_IS for output in row_S)


def _forwards(written_IS: Sequence[Sequence[Written]]) -> int:
    return sum(output.forwards for row_S in written_IS for output in row_S)


def _tokens_per_s(written_IS: Sequence[Sequence[Written]]) -> float:
    spent_s = sum(output.decode_s for row_S in written_IS for output in row_S)
    return _tokens(written_IS) / spent_s if spent_s else 0.0
