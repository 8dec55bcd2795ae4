"""Markdown (CommonMark, tables, notes, tasks, terms, front matter) to reading text, by way of the page that it makes.

HTML inside Markdown is thus read as in a page. What a page would hide but the source shows is kept: definitions of
links that no link uses, notes that nothing refers to, and words in angle brackets that are no tags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml, normalizeReference
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_block.reference import reference
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.superscript import superscript_plugin
from mdit_py_plugins.tasklists import tasklists_plugin

from corpora.documents import Document
from corpora.loaders.formats.decoding import decoded
from corpora.loaders.formats.markup.front_matter import front_matter
from corpora.loaders.formats.markup.html_tree import parsed_html
from corpora.loaders.formats.markup.html_writer import write_page
from corpora.text.reading_text import ReadingText, words

# How deep quotations and lists may lie in each other; the parser leaves out what lies deeper.
_MOST_LEVELS = 100
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?:script|style)\b[^<>]*>.*?(?:</(?:script|style)\s*>|\Z)|</?[A-Za-z][A-Za-z0-9-]*[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
_START_TAG = re.compile(r"<([A-Za-z][A-Za-z0-9-]*)")
_END_TAG = re.compile(r"</([A-Za-z][A-Za-z0-9-]*)")
# Tags that would hide all that follows: as GitHub does, they are shown as they are written.
_SWALLOWING = words("title textarea xmp iframe noembed noframes plaintext script style template noscript head frameset")
_ELEMENTS = words(
    "a abbr acronym address annotation area article aside audio b base bdi bdo big blockquote body br button canvas "
    "caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset "
    "figcaption figure font footer form g h1 h2 h3 h4 h5 h6 header hgroup hr html i iframe img input ins kbd label "
    "legend li link listing main map mark marquee math menu meta meter mfrac mi mn mo mover mroot mrow ms mspace msqrt "
    "mstyle msub msubsup msup mtable mtd mtext mtr munder munderover nav nobr object ol optgroup option output p param "
    "path picture pre progress q rb rp rt ruby s samp search section select semantics slot small source span strike "
    "strong sub summary sup svg table tbody td text tfoot th thead time tr track tspan tt u ul var video wbr"
)
_ALERT = re.compile(r"\[!(\w+)\][ \t]*")
_INDEX = re.compile(r"(?<=[A-Za-z)])~(\d{1,3}|[a-z])~")


def load(data: bytes, name: str) -> Document:
    """Load a Markdown file. Raises ``BinaryText``."""
    reading = ReadingText()
    source = decoded(data, name, note=reading.note)
    if front := front_matter(source):
        source, reading.title = source[front.end :], front.title
        reading.paragraph("\n".join(front.lines))
    write_page(parsed_html(page_of(source)), reading)
    return reading.document(name)


def page_of(source: str) -> str:
    """The HTML of a Markdown text. It is made anew if there are definitions that no link uses: these are text."""
    references = _References()
    page = _page(source, references, unused=frozenset())
    unused = frozenset(label for label in references if label not in references.used and references.is_text(label))
    return _page(source, _References(), unused=unused) if unused else page


def _page(source: str, references: _References, *, unused: frozenset[str]) -> str:
    closed = frozenset(name.lower() for name in _END_TAG.findall(source))
    env = {"references": references, "unused": unused, "closed": closed, "paragraph": None}
    return str(_parser().render(source, env))


class _References(dict[str, Any]):
    """Definitions of links by label, which remembers those that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[str] = set()

    def get(self, label: str, default: Any = None) -> Any:
        self.used.add(label)
        return super().get(label, default)

    def is_text(self, label: str) -> bool:
        """Whether a definition says something; the one that people write comments as leads nowhere."""
        return self[label]["href"] not in ("", "#")


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": _MOST_LEVELS}).enable(["table", "strikethrough"])
    parser.use(footnote_plugin, move_to_end=False).use(deflist_plugin).use(tasklists_plugin).use(superscript_plugin)
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False, allow_labels=False)
    parser.block.ruler.at("reference", _reference, {"alt": []})
    parser.block.ruler.before("table", "too_deep", _too_deep, {"alt": []})
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """The rule of definitions; one that no link uses is a paragraph."""
    unused: frozenset[str] = state.env["unused"]
    line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    label = line[1:].partition("]:")[0]
    if not unused or not line.startswith("[") or normalizeReference(label) not in unused:
        return reference(state, start, end, silent)
    state.line = start + 1
    state.push("paragraph_open", "p", 1)
    inline = state.push("inline", "", 0)
    inline.content, inline.children, inline.map = line, [], [start, state.line]
    state.push("paragraph_close", "p", -1)
    return True


def _note_mark(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """A mark as it was typed; a note that stands in the line follows it in brackets."""
    meta = tokens[index].meta
    if "label" in meta:
        return f"[{escapeHtml(meta['label'])}]"
    note = env["footnotes"]["list"][meta["id"]]
    return f" ({renderer.renderInline(note['tokens'], options, env)})"


def _note_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """A note where it was written, behind its mark."""
    return f"<dl><dt>[{escapeHtml(tokens[index].meta['label'])}]</dt><dd>"


def _note_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    return "</dd></dl>"


def _formula(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """TeX as it was typed."""
    return escapeHtml(f"${tokens[index].content.strip()}$")


def _formula_block(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return f"<p>{escapeHtml(f'$${tokens[index].content.strip()}$$')}</p>\n"


def _text(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    """Text with its indices; the name of an alert introduces it."""
    text = tokens[index].content
    if index == 0 and (alert := _ALERT.fullmatch(text)):
        return f"{alert[1]}:"
    return _INDEX.sub(r"<sub>\1</sub>", escapeHtml(text))


def _inline_html(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    if env["paragraph"] is not tokens:
        env["paragraph"] = tokens
        env["pairs"] = _paired("".join(token.content for token in tokens if token.type == "html_inline"))
    return _tags(tokens[index].content, env["pairs"], env["closed"])


def _html_block(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    html = tokens[index].content
    return _tags(html, _paired(html), env["closed"])


def _paired(html: str) -> frozenset[str]:
    """The names of tags that are both opened and closed."""
    opened, closed = ({name.lower() for name in tags.findall(html)} for tags in (_START_TAG, _END_TAG))
    return frozenset(opened & closed)


def _tags(html: str, paired: Set[str], closed: Set[str]) -> str:
    """HTML in which words in angle brackets that are no tags, or would hide what follows, are text."""

    def kept(match: re.Match[str]) -> str:
        if match[0].startswith("<!--") or _END_TAG.search(match[0], 2):
            return match[0]  # what no page shows, to its end
        found = _START_TAG.match(match[0]) or _END_TAG.match(match[0])
        if found is None:
            return match[0]
        name = found[1].lower()
        is_known = name in _ELEMENTS or name in closed or match[0].endswith("/>")
        is_tag = name in paired if name in _SWALLOWING else is_known
        return match[0] if is_tag else escapeHtml(match[0])

    return _TAG.sub(kept, html)


def _too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """What is nested deeper than the parser goes is one paragraph."""
    if state.level < _MOST_LEVELS - 2 or silent:
        return False
    state.line = end
    state.push("paragraph_open", "p", 1)
    inline = state.push("inline", "", 0)
    inline.content, inline.children = state.getLines(start, end, state.blkIndent, False).strip(), []
    state.push("paragraph_close", "p", -1)
    return True


_RULES = {
    "text": _text,
    "html_inline": _inline_html,
    "html_block": _html_block,
    "footnote_ref": _note_mark,
    "footnote_reference_open": _note_open,
    "footnote_reference_close": _note_close,
    "math_inline": _formula,
    "math_block": _formula_block,
}
