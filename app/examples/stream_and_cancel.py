"""Prints an answer while it is written, and stops it after a number of characters.

    python -m app.examples.stream_and_cancel 20 "What does the nonlocal statement do?"

``cancel`` may come from any thread; the stream then ends by itself within one step. ``speculate=False`` writes token by
token here, so that there is something to stop: with drafts most answers of the bundled target take one step.
"""

import sys

from app import Done, Pipeline, Retrieval, TextDelta
from app.output.formatting import count


def main(characters: str, question: str, corpus: str = "sample") -> None:
    """Print what comes, and why it ended."""
    pipeline = Pipeline(corpus=corpus)
    written = ""
    with pipeline.stream(question, speculate=False) as stream:
        for event in stream:
            match event:
                case Retrieval():
                    print(f"{count(len(event.passages), 'passage')}")
                case TextDelta():
                    written += event.text
                    print(event.text, end="", flush=True)
                    if len(written) >= int(characters):
                        stream.cancel()
                case Done():
                    print(f"\nended: {event.answer.finish_reason}, {count(event.answer.stats.tokens, 'token')}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.stderr.write(__doc__)
        sys.exit(2)
    main(*sys.argv[1:])
