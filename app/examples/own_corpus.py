"""Makes a corpus of its own, adds a folder, searches it, and removes a document and the corpus again.

    python -m app.examples.own_corpus FOLDER "What is the budget for new trees?"

No language model is needed to search. What is removed is gone from text, vectors, terms and draft indexes at once.
"""

import sys

from app import Corpus, Settings
from app.library.deletion import remove_corpus
from app.output.formatting import count
from corpora import Library

NAME = "example"


def main(folder: str, query: str) -> None:
    """Print what becomes of each file, the best passages, and what removing takes."""
    corpus = Corpus.create(NAME)
    for outcome in corpus.add(folder):
        print(f"{outcome.path.name}: {outcome.status}, {count(outcome.passages, 'passage')}")
    for hit in corpus.search(query, k=2):
        print(f"{hit.score:.3f} {hit.passage.document_name}: {hit.passage.text!r}")
    receipt = corpus.remove(corpus.documents()[0].name)
    print(f"{receipt.document} is gone: {count(receipt.passages, 'passage')}, {count(receipt.terms, 'term')}")
    corpus.close()
    home = Settings.load().home
    gone = remove_corpus(Library(home), NAME, home=home)
    print(f"{NAME} is gone: {count(gone.documents, 'document')}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.stderr.write(__doc__)
        sys.exit(2)
    main(*sys.argv[1:])
