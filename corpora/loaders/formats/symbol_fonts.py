"""Symbol fonts, whose letters are pictures: the character that Symbol, Wingdings or Webdings show for a code.

Files store such a code as itself or in the private use area of Unicode, from U+F000 on. Where Unicode has several
similar characters, the common one is given: any empty box is ☐, any ticked one ☑.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EMPTY_BOX, TICKED_BOX = "☐", "☑"
TICKS = frozenset("☐☑☒✓✔✗✘❑❒")
"""Characters that say of what they stand before whether it is so."""

_PRIVATE, _PRIVATE_END = 0xF000, 0xF0FF


def is_symbol_font(font: str | None) -> bool:
    """Whether the letters of this font are pictures that ``symbol`` knows."""
    return font is not None and font.strip().lower() in _FONTS


def symbol(font: str | None, code: int) -> str | None:
    """The character that a font shows for a code; None if that is not known."""
    table = _FONTS.get((font or "").strip().lower())
    if table is not None and (code < 0x100 or _PRIVATE <= code <= _PRIVATE_END):
        return table.get(code & 0xFF)
    if 0xE000 <= code <= 0xF8FF or not 0x20 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return None
    return chr(code)


def shown(text: str, font: str | None) -> tuple[str, int]:
    """A text as this font shows it, and how many of its characters are symbols that are not known."""
    if not is_symbol_font(font):
        return text, 0
    characters = [letter if letter.isspace() else symbol(font, ord(letter)) for letter in text]
    return "".join(letter or "" for letter in characters), characters.count(None)


def _table(first: int, characters: str) -> dict[int, str]:
    """Characters of consecutive codes; an underscore where there is none (which Symbol has at 5F)."""
    return {first + i: letter for i, letter in enumerate(characters) if letter != "_" or first + i == 0x5F}


_SYMBOL = {
    **_table(0x20, " !∀#∃%&∋()*+,−./0123456789:;<=>?"),
    **_table(0x40, "≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_"),
    **_table(0x60, "‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}~"),
    **_table(0xA0, "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…|—↵"),
    **_table(0xC0, "ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓"),
    **_table(0xE0, "◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪_〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"),
}
_WINGDINGS = {
    **_table(0x20, " ✏✂✁👓🔔📖🕯☎✆✉🖃📪📫📬📭📁📂📄🗏🗐🗄⌛⌨🖰🖲🖳🖴💾🖬✇✍"),
    **_table(0x40, "✎✌👌👍👎☜☞☝☟✋☺😐☹💣☠⚐🏱✈☼💧❄✞✝🕈✠✡☪☯ॐ☸♈♉"),
    **_table(0x60, "♊♋♌♍♎♏♐♑♒♓&&●❍■☐☐❑❒⬧⧫◆❖⬥☒⍓⌘❀✿❝❞_"),
    **_table(0x80, "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿❧❧❧❧❧❧❧❧·•"),
    **_table(0xA0, "▪○○○◉◎○▪☐▲✦★✶✴✹✵⌖⌖✧⌑?✪✰🕐🕑🕒🕓🕔🕕🕖🕗🕘"),
    **_table(0xC0, "🕙🕚🕛↲↳↰↱⮴⮵⮶⮷❧❧❧❧❧❧❧❧❧❧⌫⌦◄➢▲▼←➲↑↓←"),
    **_table(0xE0, "→↑↓↖↗↙↘←→↑↓↖↗↙↘⇦⇨⇧⇩⬄⇳⬁⬀⬃⬂▭▫✗✓☒☑_"),
}
_WINGDINGS_2 = {
    0x20: " ",
    **_table(0x4F, "✗✓☒☑☒☒⊗⊗⊘⊘"),
    **_table(0x69, "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿"),
    **_table(0x95, "·••●●"),
    **_table(0x9F, "▪▪■■☐"),
}
_WINGDINGS_3 = {
    0x20: " ",
    **_table(0x21, "←→↑↓↖↗↙↘"),
    **_table(0x70, "▲▼△▽◀▶◁▷◣◢◤◥◀▶"),
    0x80: "▶",
}
_WEBDINGS = {0x20: " ", **_table(0x33, "◀▶▲▼"), 0x61: "✓", 0x63: "☐", 0x67: "■", 0x6E: "●", 0x72: "✗"}
_FONTS: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "symbol": _SYMBOL,
        "symbol mt": _SYMBOL,
        "wingdings": _WINGDINGS,
        "wingdings 2": _WINGDINGS_2,
        "wingdings 3": _WINGDINGS_3,
        "webdings": _WEBDINGS,
    }
)
