"""Runs the decoder with a draft source of its own: sentences that are often written are drafted once they have begun.

    python -m app.examples.own_source

Whatever a source drafts, the output stays the target's own; right drafts save forwards. Works on token ids alone: the
tokenizer is transformers' own.
"""

from collections.abc import Sequence

from transformers import AutoTokenizer

from app.loading.bundled import TARGET, bundled_folder
from app.output.formatting import count
from decoding import DraftContext, DraftSource, DraftTree, Engine, Request, load_target

TEXT = " The meeting starts at nine in the morning."


class Boilerplate(DraftSource):
    """Drafts the rest of each stored sentence whose beginning has been written."""

    name = "boilerplate"

    def __init__(self, sentences: Sequence[Sequence[int]]) -> None:
        self._sentences = [tuple(ids) for ids in sentences]

    def propose(self, context: DraftContext) -> DraftTree:
        """The rest of what has begun, each token as likely as not to be wrong once in twenty."""
        written = tuple(context.output)
        rests = [ids[len(written) :][: context.limit] for ids in self._sentences if ids[: len(written)] == written]
        return DraftTree.side_by_side(DraftTree.chain(rest, 0.95) for rest in rests)


def main() -> None:
    """Print the output and its forwards, without drafts and with them."""
    folder = str(bundled_folder(TARGET))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    target = load_target(folder)
    ids = tokenizer.encode(TEXT, add_special_tokens=False)
    prompt = tokenizer.encode(f"<|g|>{TEXT}<|c|>", add_special_tokens=False)
    request = Request(tuple(prompt), 40, eos_ids=frozenset({tokenizer.eos_token_id}))
    engine = Engine(target, sources=lambda: [Boilerplate([ids])])
    for speculate in (False, True):
        session = engine.generate(request, speculate=speculate)
        print(f"{count(session.stats.target_forwards, 'forward')}: {tokenizer.decode(session.tokens)!r}")


if __name__ == "__main__":
    main()
