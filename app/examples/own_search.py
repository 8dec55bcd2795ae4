"""Asks a search of one's own: whatever finds texts can be cited from, to the character.

    python -m app.examples.own_search "What is the budget for new trees?"

``search`` gives texts, pairs of name and text, or documents with metadata, best first. A retriever of LangChain's is
handed over in the same way, ``Pipeline(corpus=retriever)``, and so is a list of texts.
"""

import sys

from app import Pipeline
from app.output.formatting import count

MINUTES = {
    "monday.txt": "The garden committee met on Monday. The budget for new trees is 400 euros.",
    "friday.txt": "The choir sings on Friday. Its room is cold.",
}


class Minutes:
    """Finds the minutes that share most words with a question."""

    def search(self, query: str, k: int) -> list[tuple[str, str]]:
        """The best ``k``, each with its name."""
        words = set(query.lower().split())
        ranked = sorted(MINUTES.items(), key=lambda item: -len(words & set(item[1].lower().split())))
        return ranked[:k]


def main(question: str) -> None:
    """Print the answer, and where it comes from."""
    with Pipeline(corpus=Minutes()) as pipeline:
        answer = pipeline.answer(question)
        print(answer.text)
        for citation in answer.citations:
            print(f"  {citation.document}, characters {citation.source_start} to {citation.source_end}")
        again = pipeline.answer("And on Friday?", history=[(question, answer)])
        print(f"{count(len(again.passages), 'passage')} for the next question")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.stderr.write(__doc__)
        sys.exit(2)
    main(sys.argv[1])
