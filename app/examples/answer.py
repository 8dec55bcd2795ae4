"""Answers a question from a corpus and says which characters of which document the answer copied.

    python -m app.examples.answer "What does the nonlocal statement do?"
    python -m app.examples.answer "What is the budget for new trees?" garden

The corpus is ``sample`` unless one is named; ``garden`` is the one that the README makes. The first question compiles
the draft kernels, about 20 s.
"""

import sys

from app import Pipeline
from app.output.formatting import count


def main(question: str, corpus: str = "sample") -> None:
    """Print the answer and its citations."""
    pipeline = Pipeline(corpus=corpus)
    answer = pipeline.answer(question)
    print(answer.text)
    for citation in answer.citations:
        copied = answer.text[citation.answer_start : citation.answer_end]
        where = f"{citation.document} {citation.place}".strip()
        print(f"  {where}, characters {citation.source_start} to {citation.source_end}: {copied!r}")
    tokens, forwards = count(answer.stats.tokens, "token"), count(answer.stats.target_forwards, "forward")
    print(f"{tokens} in {forwards} of the target")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.stderr.write(__doc__)
        sys.exit(2)
    main(*sys.argv[1:])
