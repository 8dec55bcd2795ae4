"""How each token is chosen, from settings to what the decoder takes: token rules and the acceptance criterion.

Precedence: the call, the settings, then what the model's makers recommend. Bad words become token ids here. Knows no
prompt and no corpus.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from app.config.settings import Settings
from app.errors import InputError, quoted
from app.generation.tokenizer import TextTokenizer
from decoding.interfaces import AcceptanceCriterion
from decoding.processors.token_rules import TokenRules
from decoding.target import model_facts
from decoding.target.target import Target
from decoding.verification.acceptance import make_criterion

log = logging.getLogger(__name__)

# What a word may stand behind: nothing, a word, an opening bracket, a line. A tokenizer may write it in other tokens.
_BEFORE = (("", ""), ("a", " "), ("(", ""), ("\n", ""))
_OPTIONS = {
    "typical": {"epsilon": "typical_epsilon", "delta": "typical_delta"},
    "top-beta-tau": {"beta": "top_beta", "tau": "top_tau"},
}


def token_rules(settings: Settings, target: Target, tokens: TextTokenizer) -> TokenRules:
    """Penalties and forbidden tokens. Raises InputError for a bad word without tokens."""
    own = model_facts.recommended_rules(target.model.generation_config)
    penalty, size, least = settings.repetition_penalty, settings.no_repeat_ngram_size, settings.min_new_tokens
    return TokenRules(
        logit_bias=tuple((dict(own.logit_bias) | dict(settings.logit_bias)).items()),
        repetition_penalty=own.repetition_penalty if penalty is None else penalty,
        frequency_penalty=settings.frequency_penalty,
        presence_penalty=settings.presence_penalty,
        no_repeat_ngram_size=own.no_repeat_ngram_size if size is None else size,
        bad_words_ids=(*own.bad_words_ids, *word_ids(tokens, settings.bad_words)),
        min_new_tokens=own.min_new_tokens if least is None else least,
    )


def word_ids(tokens: TextTokenizer, words: Iterable[str]) -> tuple[tuple[int, ...], ...]:
    """Every form in which the tokenizer would write a word, with a space before it and without.

    Raises InputError for a word that the tokenizer writes in no tokens.
    """
    found: dict[tuple[int, ...], None] = {}
    for word in words:
        forms: dict[tuple[int, ...], None] = {}
        for before, space in _BEFORE:
            encoded = tokens.continued(before, space + word)
            # Not if a token holds both the end of what stands before and the beginning of the word.
            if encoded.ids and not (space + word)[: encoded.starts[0]].strip():
                forms[encoded.ids] = None
        if not forms:
            raise InputError(f"the bad word {quoted(word)} has no tokens", hint="leave it out: it cannot be written")
        found |= forms
    return tuple(found)


def criterion(settings: Settings) -> AcceptanceCriterion | None:
    """The acceptance criterion; None for the exact-match rule, which the decoder has built in."""
    if settings.criterion == "exact-match":
        return None
    options = _OPTIONS.get(settings.criterion, {})
    return make_criterion(settings.criterion, **{name: getattr(settings, key) for name, key in options.items()})


def lossy_remark(settings: Settings) -> str | None:
    """A sentence for whoever reads an output that is not the target's own."""
    chosen = criterion(settings)
    if chosen is None or chosen.lossless:
        return None
    return f"Drafts are accepted by the lossy criterion {chosen.name}: this is not exactly what the target would write."


def warn_if_lossy(settings: Settings) -> None:
    """Say in the log that outputs are not the target's own."""
    if remark := lossy_remark(settings):
        log.warning("%s", remark)
