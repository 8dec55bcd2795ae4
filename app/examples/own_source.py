"""Runs the decoder with a draft source of its own: sentences that are often written are drafted once they have begun.

    python -m app.examples.own_source

Whatever a source drafts, the output stays the target's own; right drafts save forwards. Works on token ids alone: the
tokenizer is transformers' own.
"""

from collections.abc import Sequence

from transformers import AutoTokenizer

from app.loading.bundled import TARGET, bundled_folder
from decoding.engine import Engine
from decoding.interfaces import NO_ORIGIN, Commit, Draft, Request
from decoding.target.target import Target

TEXT = " The meeting starts at nine in the morning."


class Boilerplate:
    """Drafts the rest of each stored sentence whose beginning has been written."""

    name = "boilerplate"

    def __init__(self, sentences: Sequence[Sequence[int]]) -> None:
        self._sentences = [tuple(ids) for ids in sentences]

    def start(self, request: Request) -> None:
        """Nothing to prepare."""

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The rest of what has begun, each token as likely as not to be wrong once in twenty."""
        rests = [ids[len(tokens) :][:limit] for ids in self._sentences if ids[: len(tokens)] == tuple(tokens)]
        return [Draft(rest, (0.95,) * len(rest), (NO_ORIGIN,) * len(rest)) for rest in rests if rest]

    def observe(self, commit: Commit) -> None:
        """Nothing to learn."""

    def finish(self) -> None:
        """Nothing to drop."""


def main() -> None:
    """Print the output and its forwards, without drafts and with them."""
    folder = str(bundled_folder(TARGET))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    target = Target.from_pretrained(folder)
    ids = tokenizer.encode(TEXT, add_special_tokens=False)
    prompt = tokenizer.encode(f"<|g|>{TEXT}<|c|>", add_special_tokens=False)
    request = Request(tuple(prompt), 40, eos_ids=frozenset({tokenizer.eos_token_id}))
    engine = Engine(target, sources=lambda: [Boilerplate([ids])])
    for speculate in (False, True):
        session = engine.generate(request, speculate=speculate)
        print(f"{session.stats.target_forwards} forwards: {tokenizer.decode(session.tokens)!r}")


if __name__ == "__main__":
    main()
