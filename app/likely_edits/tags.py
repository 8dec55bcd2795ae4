"""The tags that the tagger gives a word: keep it, leave it out, put a word before it, or change it in one of some ways.

Knows what each tag makes of a word. Must not know how likely a tag is, nor tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

KEEP, DROP, CASE, SPELL, OTHER = "keep", "drop", "case", "spell", "other"
COMPLETE, MISSING = "complete", "missing"
"""Nothing is to be put before a word; something is that has no tag."""
INSERT, REPLACE, FORM = "insert:", "replace:", "form:"

INSERTED = (
    ", . ? a an the of to in on at for with from by about into as than like is are was were be been have has had do "
    "does did will would can could that which who what when it they he she we i you them us their our his my your "
    "this these not n't 's and or but so because if when there all some any more also then very only other"
).split()
REPLACED = (
    *(word for word in INSERTED if word.isalpha()),
    *(
        "being having doing should might must may shall those its it's her him me one ones they're you're there's much "
        "many few little less fewer good well another others every each such how where while during until between "
        "among most almost their too off out up over under through without within better best worse become becomes "
        "get gets got make makes made ; : ! an's 've 're 'm 'll 'd cannot no "
    ).split(),
)
_ENDINGS = ("ing", "ed", "ly", "s")
FORMS = (*_ENDINGS, "base")

BEFORE = (COMPLETE, MISSING, *(INSERT + word for word in dict.fromkeys(INSERTED)))
"""What is to be put before a word: one of these; and what becomes of the word itself: one of AT."""
AT = (
    KEEP,
    DROP,
    CASE,
    SPELL,
    OTHER,
    *(REPLACE + word for word in dict.fromkeys(REPLACED)),
    *(FORM + form for form in FORMS),
)
TAGS = (*BEFORE, *AT)

Families = Mapping[str, Sequence[str]]
"""For a word in small letters its other forms."""


def form_of(word: str) -> str:
    """Which of FORMS a word looks like."""
    return next((ending for ending in _ENDINGS if word.endswith(ending)), "base")


def flipped(word: str) -> str:
    """The word with its first letter's case changed."""
    return word[:1].swapcase() + word[1:]


def lowered(word: str) -> str:
    """A word that no longer begins a sentence."""
    return word if word == "I" or word[1:] != word[1:].lower() else word[:1].lower() + word[1:]


def like(old: str, new: str) -> str:
    """``new`` with the capitals of ``old``."""
    if new.startswith(("i '", "i'")):
        return f"I{new[1:]}"
    if not old[:1].isupper() or old == "I":
        return new
    return new.upper() if len(old) > 1 and old.isupper() else new[:1].upper() + new[1:]


def tag_of(old: str | None, new: str | None, families: Families, vocabulary: Mapping[str, int]) -> str:
    """The tag for a word that became another; None for a word that is not there. Its capitals do not count."""
    if new is None:
        return DROP
    if old is None:
        return tag if (tag := INSERT + new.lower()) in _PLACE else MISSING
    small, wanted = old.lower(), new.lower()
    if small == wanted:
        return KEEP if old == new else CASE
    if wanted in families.get(small, ()) and REPLACE + wanted not in _PLACE:
        return FORM + form_of(wanted)
    if small not in vocabulary and wanted in vocabulary:
        return SPELL
    return tag if (tag := REPLACE + wanted) in _PLACE else OTHER


def forms(word: str, form: str, families: Families) -> Iterator[str]:
    """The other forms of ``word`` that look like ``form``."""
    return (like(word, other) for other in families.get(word.lower(), ()) if form_of(other) == form)


_PLACE = frozenset(TAGS)
