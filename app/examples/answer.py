"""Answers a question from a corpus and says which characters of which document the answer copied.

    python -m app.examples.answer "What does the nonlocal statement do?"
    python -m app.examples.answer "What is the budget for new trees?" garden

The corpus is ``sample`` unless one is named; the first question compiles the draft kernels, about 20 s.
"""

import sys

from app import Pipeline


def main(question: str, corpus: str = "sample") -> None:
    """Print the answer and its citations."""
    pipeline = Pipeline.from_pretrained(corpus=corpus)
    answer = pipeline.answer(question)
    print(answer.text)
    for citation in answer.citations:
        copied = answer.text[citation.answer_start : citation.answer_end]
        where = f"{citation.document} {citation.place}".strip()
        print(f"  {where}, characters {citation.source_start} to {citation.source_end}: {copied!r}")
    print(f"{answer.stats.tokens} tokens in {answer.stats.target_forwards} forwards of the target")


if __name__ == "__main__":
    main(*sys.argv[1:])
