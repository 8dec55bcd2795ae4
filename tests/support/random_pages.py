"""Random pages: valid HTML as people and programs write it, end tags left out, misnested, in panels, in tables."""

from __future__ import annotations

import random
from collections.abc import Callable

_SYLLABLES = "ba ke lo mi nu sa te vo ri da el or an is um ger ton fel lin mar".split()
_ODD = "&amp; &mdash; &nbsp; &euro; &frac12; &eacute;t&eacute; x&shy;y &lt;tag&gt; &#8212; ½".split()
_WRAPPERS = "b i em strong span u code kbd mark small cite var samp ins time bdi font tt big".split()


class PageMaker:
    """Makes pages; the same for the same state of ``chance``. No word stands twice by chance: all have a number."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.count = 0
        self.inline_kinds: list[Callable[[int], str]] = [
            self._wrapped, self._wrapped, self._link, self._picture, self._raised, self._field, self._abbreviation,
            self._break, self._ruby, self._formula, self._quotation, self._struck, self._button, self._misnested,
            self._code, self._gauge,
        ]  # fmt: skip
        self.block_kinds: list[Callable[[int], str]] = [
            self._paragraph, self._paragraph, self._paragraph, self._heading, self._list, self._list, self._table,
            self._table, self._panel, self._panel, self._accordion, self._terms, self._verbatim, self._section,
            self._inline_around_blocks, self._figure, self._form, self._odd_list, self._unseen, self._bar, self._tabs,
            self._bare_text,
        ]  # fmt: skip

    def page(self) -> str:
        """A whole page; the parts that HTML lets people leave out are left out now and then."""
        body = "".join(self.blocks(self.chance.randint(4, 14), 0))
        if self.chance.random() < 0.3:
            return f"<meta charset=utf-8><title>{self.words(2)}</title>{body}"
        small = f"<main><p>{self.words(3)}</main>{{}}"
        main = self.chance.choice(["{}", "<main>{}</main>", "<main></main>{}", small])
        head = f"<head><meta charset=utf-8><title>{self.words(3)}</title><style>p{{color:red}}</style></head>"
        footer = f"<footer>{self.words(4)}</footer>" if self.chance.random() < 0.5 else ""
        return f"<!doctype html><html lang=en>{head}<body>{main.format(body)}{footer}"

    def word(self) -> str:
        self.count += 1
        return "".join(self.chance.choices(_SYLLABLES, k=self.chance.randint(1, 3))) + str(self.count)

    def words(self, count: int) -> str:
        return " ".join(self.word() for _ in range(count))

    def text(self, depth: int = 0) -> str:
        """Words with inline elements between and inside them."""
        parts = []
        for _ in range(self.chance.randint(1, 5)):
            if depth < 4 and self.chance.random() < 0.35:
                parts.append(self.chance.choice(self.inline_kinds)(depth + 1))
            elif self.chance.random() < 0.1:
                parts.append(self.chance.choice(_ODD))
            else:
                parts.append(self.words(self.chance.randint(1, 4)))
            parts.append(self.chance.choice([" ", "\n", " ", ", ", ". "]))
        return "".join(parts)

    def blocks(self, count: int, depth: int) -> list[str]:
        kinds = self.block_kinds if depth < 4 else [self._paragraph]
        return [self.chance.choice(kinds)(depth + 1) + self.chance.choice(["", "\n", "\n  "]) for _ in range(count)]

    def some_blocks(self, depth: int) -> str:
        return "".join(self.blocks(self.chance.randint(1, 3), depth))

    def _end(self, name: str) -> str:
        """An end tag that may be left out."""
        return self.chance.choice([f"</{name}>", ""])

    def _wrapped(self, depth: int) -> str:
        name = self.chance.choice(_WRAPPERS)
        return f"<{name}>{self.text(depth)}</{name}>"

    def _link(self, depth: int) -> str:
        return f'<a href="https://example.org/{self.count}" title="nothing">{self.text(depth)}</a>'

    def _picture(self, depth: int) -> str:
        alternative = self.words(2) if self.chance.random() < 0.8 else ""
        return f'<img src="data:," alt="{alternative}">'

    def _raised(self, depth: int) -> str:
        number = self.chance.randint(2, 99)
        return self.chance.choice(
            [
                f"10<sup>{number}</sup>",
                f"{self.word()}<sup>{number}</sup>",
                f"H<sub>{number}</sub>O",
                f"{self.word()}<sup><a href='#n{number}'>{number}</a></sup>",
                f"{self.word()}<sup>[{number}]</sup>",
                f"{number}<sup>1</sup>&frasl;<sub>{number + 1}</sub>",
                f"x<sub>max</sub> = {number}",
                f"1987<sup>{number}</sup>",
                f"{number}<sup>th</sup>",
            ]
        )

    def _field(self, depth: int) -> str:
        return self.chance.choice(
            [
                f'<input value="{self.word()}">',
                f'<input type=submit value="{self.word()}">',
                f'<label>{self.word()} <input type=checkbox checked> {self.word()}</label>',
                f'<input placeholder="{self.words(2)}">',
                '<input type=hidden value="never1"><input type=password value="never2">',
                f"<textarea>{self.word()}\n{self.word()}</textarea>",
                f"<select><option>{self.word()}<option selected>{self.words(2)}<optgroup label={self.word()}>"
                f"<option>{self.word()}</select>",
            ]
        )  # fmt: skip

    def _abbreviation(self, depth: int) -> str:
        return f'<abbr title="{self.words(2)}">{self.word()}</abbr>'

    def _break(self, depth: int) -> str:
        return f"{self.word()}{self.chance.choice(['<br>', '<br/>', '<br><br>'])}{self.word()}"

    def _ruby(self, depth: int) -> str:
        return f"<ruby>漢字{self.count}<rp>(</rp><rt>かんじ{self.count}</rt><rp>)</rp></ruby>"

    def _formula(self, depth: int) -> str:
        a, b = self.chance.randint(2, 99), self.chance.randint(2, 99)
        inner = self.chance.choice(
            [
                f"<mi>x</mi><mo>=</mo><mfrac><mn>{a}</mn><mn>{b}</mn></mfrac>",
                f"<msup><mn>10</mn><mn>{a}</mn></msup>",
                f"<msqrt><mn>{a}</mn></msqrt><mo>&le;</mo><mn>{b}</mn>",
                f"<msub><mi>y</mi><mn>{a}</mn></msub><mo>&#x2062;</mo><mi>z</mi>",
                f"<mrow><mo>(</mo><mi>a</mi><mo>+</mo><mn>{a}</mn><mo>)</mo></mrow>",
            ]
        )
        return f"<math>{inner}</math>"

    def _quotation(self, depth: int) -> str:
        return f"<q>{self.text(depth)}</q>"

    def _struck(self, depth: int) -> str:
        name = self.chance.choice(["del", "s", "strike"])
        return f"<{name}>{self.text(depth)}</{name}> {self.word()}"

    def _button(self, depth: int) -> str:
        return f"<button>{self.words(2)}</button><button aria-expanded=false>{self.word()}</button>"

    def _misnested(self, depth: int) -> str:
        return f"<b>{self.word()} <i>{self.word()}</b> {self.word()}</i> <a>{self.word()}<a>{self.word()}</a>"

    def _code(self, depth: int) -> str:
        return f"<code><span>{self.word()}</span><span>(</span><span>{self.word()}</span><span>)</span></code>"

    def _gauge(self, depth: int) -> str:
        return f"<meter value=6 max=10>{self.word()}</meter><progress value=7 max=9></progress>"

    def _paragraph(self, depth: int) -> str:
        name = self.chance.choice(["p", "p", "p", "div", "address", "center"])
        return f"<{name}>{self.text()}" + (self._end("p") if name == "p" else f"</{name}>")

    def _bare_text(self, depth: int) -> str:
        return self.text()

    def _heading(self, depth: int) -> str:
        name = f"h{self.chance.randint(1, 6)}"
        inside = self.text()
        if self.chance.random() < 0.3:
            inside = f"<button aria-controls=x>{self.words(3)}</button>"
        return f"<{name}>{inside}</{name}>"

    def _list(self, depth: int) -> str:
        opening = self.chance.choice(["<ul>", "<ol>", "<ol start=5>", "<ol type=a>", "<ol type=I reversed>", "<menu>"])
        items = []
        for _ in range(self.chance.randint(1, 4)):
            inside = self.text() if self.chance.random() < 0.7 else self.some_blocks(depth)
            if self.chance.random() < 0.2:
                inside += self._list(depth + 1) if depth < 5 else ""
            value = " value=40" if self.chance.random() < 0.1 else ""
            items.append(f"<li{value}>{inside}{self._end('li')}")
        return f"{opening}{''.join(items)}</{opening[1:].split()[0].rstrip('>')}>"

    def _odd_list(self, depth: int) -> str:
        """What no validator likes and every browser shows."""
        return self.chance.choice(
            [
                f"<ul><li>{self.word()}</li><ul><li>{self.word()}</li></ul><li>{self.word()}</ul>",
                f"<ul><a href=x><li>{self.word()}</li></a><div><li>{self.word()}</li></div></ul>",
                f"<ul><p>{self.text()}</p>{self.word()}</ul>",
                f"<li>{self.text()}</li><li>{self.word()}</li>",
                f"<dl>{self.text()}<dd>{self.word()}<p>{self.word()}</dl>",
                f"<ol><li>{self.word()}<ol><li>{self.word()}</ol>{self.word()}<p>{self.word()}</ol>",
            ]
        )

    def _table(self, depth: int) -> str:
        columns, rows = self.chance.randint(1, 4), self.chance.randint(1, 4)
        caption = f"<caption>{self.text()}</caption>" if self.chance.random() < 0.4 else ""
        head = "".join(f"<th>{self.text()}{self._end('th')}" for _ in range(columns))
        lines = []
        for _ in range(rows):
            cells = []
            for _ in range(columns):
                inside = self.text() if self.chance.random() < 0.8 else self.some_blocks(max(depth, 3))
                cells.append(f"<td>{inside}{self._end('td')}")
            lines.append(f"<tr>{''.join(cells)}{self._end('tr')}")
        begin = self.chance.choice(["<thead><tr>{}<tbody>", "<tr>{}", "<tr>{}</tr>", ""]).format(head)
        nested = self._table(depth + 1) if depth < 3 and self.chance.random() < 0.15 else ""
        if nested:
            lines.append(f"<tr><td>{self.word()}{nested}{self.word()}</td></tr>")
        merged = f"<tr><td rowspan=2>{self.word()}<td>{self.word()}<tr><td>{self.word()}"
        if columns == 2 and self.chance.random() < 0.5:
            lines.append(merged)
        end = f"<tfoot><tr><td>{self.word()}</tfoot>" if self.chance.random() < 0.2 else ""
        return f"<table>{caption}{begin}{''.join(lines)}{end}</table>"

    def _panel(self, depth: int) -> str:
        how = self.chance.choice(
            [
                "hidden", 'aria-hidden="true"', 'hidden="until-found"', 'style="display: none"', "style=display:none;",
                "role=tabpanel hidden", 'class="collapse"', "inert", 'style="visibility:hidden"', "popover",
            ]
        )  # fmt: skip
        name = self.chance.choice(["div", "section", "p", "span", "aside", "article"])
        inside = self.text() if name in ("p", "span") else self.some_blocks(depth)
        return f"<{name} {how}>{inside}</{name}>"

    def _accordion(self, depth: int) -> str:
        inside = self.some_blocks(depth)
        return self.chance.choice(
            [
                f"<details><summary>{self.text()}</summary>{inside}</details>",
                f"<dialog>{inside}</dialog>",
                f'<h3><button aria-expanded="false">{self.words(3)}</button></h3><div hidden>{inside}</div>',
                f"<details>{self.text()}<summary>{self.word()}</summary>{self.word()}</details>",
            ]
        )

    def _tabs(self, depth: int) -> str:
        one, two = f"t{self.count}a", f"t{self.count}b"
        return (
            f'<div role=tablist><button role=tab id={one} aria-controls=p{one}>{self.word()}</button>'
            f"<button role=tab id={two} aria-controls=p{two}>{self.word()}</button></div>"
            f'<div role=tabpanel id=p{one} aria-labelledby={one}>{self.some_blocks(depth)}</div>'
            f'<div role=tabpanel id=p{two} aria-labelledby={two} hidden>{self.some_blocks(depth)}</div>'
        )  # fmt: skip

    def _terms(self, depth: int) -> str:
        pairs = "".join(
            f"<dt>{self.text()}{self._end('dt')}<dd>{self.text()}{self._end('dd')}"
            for _ in range(self.chance.randint(1, 3))
        )
        return f"<dl>{pairs}</dl>"

    def _verbatim(self, depth: int) -> str:
        return f"<pre>\n{self.word()}\n  {self.word()}<br>{self.word()} <b>{self.word()}</b>\n</pre>"

    def _section(self, depth: int) -> str:
        name = self.chance.choice("section article aside header footer blockquote div main fieldset hgroup".split())
        footer = f"<footer>{self.text()}</footer>" if self.chance.random() < 0.3 else ""
        legend = f"<legend>{self.text()}</legend>" if name == "fieldset" else ""
        return f"<{name}>{legend}{self.some_blocks(depth)}{footer}</{name}>"

    def _inline_around_blocks(self, depth: int) -> str:
        name = self.chance.choice(["a", "span", "b", "font", "ins", "label", "x-card"])
        return f"<{name}>{self.word()}{self.some_blocks(depth)}{self.word()}</{name}>"

    def _figure(self, depth: int) -> str:
        return f"<figure>{self._picture(depth)}<figcaption>{self.text()}</figcaption></figure>"

    def _form(self, depth: int) -> str:
        return f"<form><p>{self.text()}{self._field(depth)}{self._field(depth)}</form>"

    def _unseen(self, depth: int) -> str:
        """What no reader sees, between words that all see."""
        never = self.chance.choice(
            [
                "<script>never('3')</script>",
                "<style>.never4{}</style>",
                "<template><p>never5</template>",
                "<noscript><p>never6</p></noscript>",
                "<!-- never7 -->",
                "<video>never8</video>",
                "<canvas>never9</canvas>",
            ]
        )
        return f"{self.word()} {never} {self.word()}"

    def _bar(self, depth: int) -> str:
        """Bars of links, which are left out, and one with more in it, which is not."""
        links = f"<ul><li><a href=a>{self.word()}</a><li><a href=b>{self.word()}</a></ul>"
        return f"<nav>{links}</nav>" if self.chance.random() < 0.5 else f"<nav>{links}<p>{self.text()}</nav>"
