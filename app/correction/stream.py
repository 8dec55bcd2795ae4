"""Grammar correction: sentence by sentence, with everything between the sentences and every line break kept.

A sentence that cannot be corrected safely (code, too long, another language, a correction that lost a number or
went astray) is left as it is, and that is said. Offsets are Unicode code points, half-open.

The decoder's request for a sentence has the sentence as a reference to copy, with the edits that it probably needs. Who
proposes these is handed in (``EditProposer``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Final, Protocol, TypeAlias

from app.config.generation_options import GenerationOptions
from app.correction.diff import edits_between, with_spacing_of
from app.correction.meaning_check import keeps_its_meaning, without_great_changes
from app.correction.segments import Segment, fixed_parts, segments
from app.errors import InputError
from app.generation.cancellable import CancellableStream, Cancellation
from app.generation.detokenizer import TextStream
from app.generation.events import Correction, CorrectionDone, Edit, TextDelta
from app.generation.prompts import Collapsed, CorrectionPrompt
from app.generation.requests import DecodingOptions, RequestBuilder
from app.generation.run_stats import RunTally
from app.generation.tokenizer import Encoded
from corpora.counts import count
from corpora.text.language import likeliest
from decoding.interfaces import Edit as LikelyEdit
from decoding.interfaces import FinishReason, Processor, Reference, Request
from decoding.processors.copy_bias import CopyBias
from retrieval.language import guess_language, has_english_word

CorrectionEvent: TypeAlias = TextDelta | CorrectionDone

_ENDS: Final = ".!?:;…"  # Not only ends of sentences: behind any of these the user meant no further full stop.
_CUE: Final = re.compile(r"\s*(?:Corrected )?text:[ \t]*", re.IGNORECASE)
_SENTENCE: Final = 3
_SURELY: Final = 0.95  # so sure is the model of a language, where nothing else says that a sentence is not English
_CODE: Final = "of code"
_LONG: Final = "too long for the target"
_FOREIGN: Final = "in a language the target does not know (name another with --target)"
_STRAYED: Final = "whose correction would have changed too much"
_UNFINISHED: Final = "whose correction did not end within the token limit"
_STOPPED: Final = "not reached before the stop"


class EditProposer(Protocol):
    """Guesses what a correction will change. Any thread may ask."""

    def edits(self, text: str, ids: Sequence[int], encode: Callable[[str], Encoded]) -> tuple[LikelyEdit, ...]:
        """Likely edits of ``ids``, which are those of ``text``, with a space before it or without."""
        ...


class CorrectionStream(CancellableStream[CorrectionEvent]):
    """Events of one correction: TextDelta for each finished sentence, last CorrectionDone.

    ``cancel`` takes effect within one step; the rest of the text is then left as it is. As a context manager it
    cancels on leaving.
    """

    def __init__(
        self,
        builder: RequestBuilder,
        text: str,
        *,
        proposer: EditProposer | None = None,
        max_new_tokens: int | None = None,
        speculate: bool | None = None,
        scope: str | None = "",
    ) -> None:
        """``proposer`` guesses what will be changed; ``max_new_tokens`` holds for each sentence. Raises InputError."""
        if not text.strip():
            raise InputError("there is no text to correct", hint="give at least one sentence")
        if max_new_tokens is not None and max_new_tokens < 1:
            raise InputError(f"max_new_tokens cannot be {max_new_tokens}", hint="it must be at least 1")
        resolved = builder.resolve(GenerationOptions(do_sample=False, speculate=speculate, scope=scope))
        cancellation = Cancellation()
        correcting = _Correcting(
            builder, text, resolved, cancellation, proposer=proposer, max_new_tokens=max_new_tokens
        )
        self._texts: list[str] = []
        self._whole: Correction | None = None
        super().__init__(correcting.events(), cancellation)

    def __next__(self) -> CorrectionEvent:
        event = super().__next__()
        if isinstance(event, CorrectionDone):
            self._whole = event.correction
        else:
            self._texts.append(event.text)
        return event

    @property
    def text(self) -> str:
        """The corrected text as far as it has been read."""
        return "".join(self._texts)

    def correction(self) -> Correction:
        """Run to the end and return the correction. Raises InputError for a stream that was closed before its end."""
        with closing(self):
            for _ in self:
                pass
        if self._whole is None:
            raise InputError(
                "this correction was broken off", hint="its text so far is in text; start another for the whole"
            )
        return self._whole


class _Correcting:
    """One text while it is corrected."""

    def __init__(
        self,
        builder: RequestBuilder,
        text: str,
        options: DecodingOptions,
        cancellation: Cancellation,
        *,
        proposer: EditProposer | None,
        max_new_tokens: int | None,
    ) -> None:
        self._builder = builder
        self._proposer = proposer
        self._text = text
        self._max_new_tokens = max_new_tokens
        self._options = options
        self._cancellation = cancellation
        self._figures = RunTally(drafting_note=builder.drafting_note(speculate=options.speculate))
        self._left: Counter[str] = Counter()
        # A target with a format of its own is small and knows English only, and so do the likely edits; a chat model
        # that is not held to them may know the language.
        self._is_small = builder.template.longest_correction is not None or builder.biases.copy_bias > 0
        self._is_partly_foreign = guess_language(text) is not None

    def events(self) -> Generator[CorrectionEvent, None, None]:
        """Correct one segment after the other."""
        written: list[str] = []
        edits: list[Edit] = []
        at = 0
        for segment in segments(self._text):
            source = self._text[segment.start : segment.end]
            corrected = self._corrected(segment, source)
            edits += edits_between(source, corrected, offset=segment.start)
            written.append(self._text[at : segment.start] + corrected)
            at = segment.end
            self._figures.saw_text()
            yield TextDelta(written[-1])
        if rest := self._text[at:]:
            written.append(rest)
            yield TextDelta(rest)
        yield CorrectionDone(
            Correction(self._text, "".join(written), tuple(edits), self._figures.result(), self._notice())
        )

    def _corrected(self, segment: Segment, source: str) -> str:
        """The corrected segment, or the segment itself with a reason counted."""
        if segment.is_item and len(source.split()) < _SENTENCE:
            return source
        reason = self._untouchable(segment, source)
        if reason is None:
            corrected, reason = self._generated(source)
        if reason is not None:
            self._left[reason] += 1
            return source
        return _as_item(source, corrected) if segment.is_item else corrected

    def _untouchable(self, segment: Segment, source: str) -> str | None:
        if self._cancellation.cancelled:
            return _STOPPED
        if segment.is_code:
            return _CODE
        return _FOREIGN if self._is_small and self._is_foreign(source) else None

    def _is_foreign(self, source: str) -> bool:
        """Whether a sentence is not in English. A short one hardly tells: then the text around it counts, too.

        Where nothing is foreign and a word is English, the model is not asked: loading it takes half a second.
        """
        if guess_language(source) is not None:
            return True
        if not self._is_partly_foreign and has_english_word(source):
            return False
        code, confidence = likeliest(source)
        return code != "en" and (self._is_partly_foreign or confidence >= _SURELY)

    def _generated(self, source: str) -> tuple[str, str | None]:
        """The target's correction, and why it cannot be used, if so."""
        with self._figures.stage("prompt"):
            request = correction_request(
                self._builder, self._proposer, source, self._options, max_new_tokens=self._max_new_tokens
            )
        if request is None:
            return "", _LONG
        session = self._cancellation.began(self._builder.begin(request, speculate=self._options.speculate))
        stream = TextStream(self._builder.tokens)
        with closing(self._builder.engine.iterate(session)) as commits:
            for commit in commits:
                for token in commit.tokens:
                    stream.push(token)
        stream.finish()
        self._figures.add(session.stats)
        if session.finish_reason is FinishReason.CANCELLED:
            return "", _STOPPED
        if session.finish_reason is not FinishReason.EOS:
            return "", _UNFINISHED
        corrected = _without_full_stop(source, with_spacing_of(source, _without_cue(source, stream.text)))
        if keeps_its_meaning(source, corrected, strict=self._is_small):
            return corrected, None
        kept = without_great_changes(source, corrected) if self._is_small else None
        return (source, _STRAYED) if kept is None or kept == source else (kept, None)

    def _notice(self) -> str | None:
        reasons = "; ".join(f"{count(number, 'sentence')} {reason}" for reason, number in self._left.most_common())
        remarks = [self._options.remark, reasons and f"Left as written: {reasons}."]
        return " ".join(filter(None, remarks)) or None


def correction_request(
    builder: RequestBuilder,
    proposer: EditProposer | None,
    text: str,
    options: DecodingOptions,
    *,
    max_new_tokens: int | None = None,
) -> Request | None:
    """What the decoder is asked to correct a sentence, always greedily; None if it is too long for the target.

    Without a limit the correction may be half as long again as the sentence. Without a ``proposer`` drafts copy the
    sentence as it is. Raises what the proposer raises.
    """
    context = builder.engine.target.context_length
    prompt = builder.template.correction(text, context - 1)
    if prompt is None or len(prompt.source) > (builder.template.longest_correction or context):
        return None
    likely = len(prompt.source) * 3 // 2 + 16
    edits = () if proposer is None else proposer.edits(Collapsed.of(text).text, prompt.source, builder.tokens.plain)
    return Request(
        prompt=prompt.ids,
        max_new_tokens=max_new_tokens or min(builder.settings.max_new_tokens, likely),
        references=(Reference(prompt.source, prompt.prompt_start, cursor=True, edits=edits),),
        eos_ids=builder.eos_ids,
        processors=(*builder.processors(prompt.ids, options), *_copying(builder, prompt, edits)),
        criterion=options.criterion,
        scope=options.scope,
        task="grammar",
    )


def _copying(builder: RequestBuilder, prompt: CorrectionPrompt, edits: tuple[LikelyEdit, ...]) -> tuple[Processor, ...]:
    setting = builder.settings.copy_bias
    bonus = builder.biases.copy_bias if setting is None else setting
    end = builder.end_id
    if not bonus or end is None:
        return ()
    weight, more = builder.biases.edit_weight, builder.biases.edit_bonus
    return (CopyBias(prompt.source, bonus=bonus, end=end, edits=edits, edit_weight=weight, edit_bonus=more),)


def _without_cue(source: str, corrected: str) -> str:
    """Without the words with which the prompt leads to the text, which a chat model may repeat."""
    cue = _CUE.match(corrected)
    return corrected if cue is None or _CUE.match(source) else corrected[cue.end() :]


def _without_full_stop(source: str, corrected: str) -> str:
    """No full stop behind an address or a name of a file, of which it would seem a part."""
    last = source.split()[-1]
    ends_fixed = source[-1] not in _ENDS and fixed_parts(last) == [last] and not last.isdecimal()
    return corrected.removesuffix(".") if ends_fixed else corrected


def _as_item(source: str, corrected: str) -> str:
    """Items and headings begin small if they did, and need no full stop."""
    if source[:1].islower() and re.match(r"I\b", corrected) is None:
        corrected = corrected[:1].lower() + corrected[1:]
    return corrected if source[-1] in _ENDS else corrected.removesuffix(".")
