"""Corrects a text and prints each change.

    python -m app.examples.correct "i think that they are right."

Offsets are code points of the text that was given: applying the edits to it gives the corrected text.
"""

import sys

from app import Pipeline


def main(text: str) -> None:
    """Print the corrected text, then what was changed."""
    pipeline = Pipeline(corpus=None)
    correction = pipeline.correct(text)
    print(correction.corrected)
    for edit in correction.edits:
        print(f"  {edit.start} to {edit.end}: {text[edit.start : edit.end]!r} becomes {edit.replacement!r}")
    if correction.notice is not None:
        print(correction.notice)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.stderr.write(__doc__)
        sys.exit(2)
    main(*sys.argv[1:])
