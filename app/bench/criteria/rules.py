"""The rules that ``bench criteria`` compares, from what ``--criteria`` says: ``typical=0.3/0.09`` and so on.

Knows names and options of criteria, not how they judge.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from app.errors import InputError, unknown
from decoding.interfaces import AcceptanceCriterion
from decoding.verification.criteria import CRITERIA, ExactMatch, make_criterion

SAMPLED = "speculative-sampling"
DEFAULT = (
    "one-draw,speculative-sampling,typical=0.3/0.09,typical=0.09/0.3,typical=0.01/0.1,"
    "top-beta-tau=3/1,top-beta-tau=5/3,top-beta-tau=25/5"
)
"""Medusa's own thresholds (its code: 0.3/0.09; its paper: delta the root of epsilon), then SpecDec's kind: beta/tau."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How drafts are judged. ``method`` is what ``--criteria`` calls it; without ``speculates`` there are none."""

    method: str
    criterion: AcceptanceCriterion
    speculates: bool = True

    @property
    def family(self) -> str:
        """Its criterion's name, or ``plain``."""
        return self.criterion.name if self.speculates else self.method

    @property
    def exact(self) -> bool:
        """Whether its output must be the plain one, token for token."""
        return isinstance(self.criterion, ExactMatch)


PLAIN = Rule("plain", ExactMatch(), speculates=False)


def rules(text: str) -> list[Rule]:
    """The rules that ``text`` names, comma between them, plain decoding first of all.

    Raises InputError, UnknownNameError, and InvalidRequest for a threshold out of range.
    """
    names = dict.fromkeys(name.strip() for name in text.split(","))
    return [PLAIN, *(_rule(name) for name in names if name != PLAIN.method)]


def _rule(word: str) -> Rule:
    name, sign, numbers = word.partition("=")
    if name not in CRITERIA:
        raise unknown("criterion", name, CRITERIA)
    options = [option.name for option in fields(CRITERIA[name])]
    if not sign:
        return Rule(word, make_criterion(name))
    try:
        given = {option: _number(one) for option, one in zip(options, numbers.split("/"), strict=True)}
    except ValueError as error:
        hint = f"write {name}={'/'.join(map(str.upper, options))}" if options else f"{name} has no thresholds"
        raise InputError(f"{word!r} has other thresholds than {name} takes", hint=hint) from error
    return Rule(word, make_criterion(name, **given))


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
