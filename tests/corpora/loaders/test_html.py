"""Pages as people and programs write them: each kind of element says in the text what it says on the page."""

from __future__ import annotations

import codecs

import pytest

from corpora.documents import Document
from corpora.errors import EmptyFile
from corpora.loaders.sandboxed_loader import load_bytes


def read(page: str, name: str = "a.html") -> str:
    return loaded(page, name).text


def loaded(page: str, name: str = "a.html") -> Document:
    return load_bytes(page.encode(), name)


def test_end_tags_may_be_left_out() -> None:
    page = "<TABLE><TR><TH>Boat<TH>Fare<TR><TD>Raft<TD>3 euros<TR><TD>Barge<TD>80 euros</TABLE>"
    page += "<P>One<P>Two<UL><LI>a<LI>b</UL>"
    assert (
        read(page) == "Boat | Fare\nBoat: Raft | Fare: 3 euros\nBoat: Barge | Fare: 80 euros\n\nOne\n\nTwo\n\n- a\n- b"
    )
    rows = "".join(f"<tr><td>row {i}<td>{i * i}" for i in range(2_000))
    assert read(f"<table>{rows}</table>").count("\n") == 1_999
    assert read("<p>line" * 3_000).count("line") == 3_000


def test_lists_keep_all_that_is_in_them() -> None:
    assert read("<ul><li>Tent</li><ul><li>Pegs</li></ul><li>Food</li></ul>") == "- Tent\n  - Pegs\n- Food"
    assert read("<ul><a href=x><li>in a link</li></a><div><li>in a box</li></div></ul>") == "- in a link\n- in a box"
    assert read("<ul><p>Bring:</p><li>a knife</ul>") == "Bring:\n\n- a knife"
    assert read("<ul><li>a<ul><li>b</ul>after</ul>") == "- a\n  - b\n  after"
    assert read("<li>no list<li>around") == "- no list\n- around"
    assert read("<ul><li><h3>Step</h3><p>Turn it.</p></li></ul>") == "Step\n\nTurn it."


@pytest.mark.parametrize(
    ("tag", "markers"),
    [
        ("<ol>", "1. 2. 9. 10."),
        ("<ol start=7>", "7. 8. 9. 10."),
        ("<ol start=-1>", "-1. 0. 9. 10."),
        ("<ol reversed>", "4. 3. 9. 8."),
        ("<ol type=a start=26>", "z. aa. i. j."),
        ("<ol type=I start=3>", "III. IV. IX. X."),
        ("<ol style='list-style-type: lower-roman'>", "i. ii. ix. x."),
        ("<ul>", "- - - -"),
    ],
)
def test_items_are_numbered_as_the_page_shows_it(tag: str, markers: str) -> None:
    page = f"{tag}<li>w<li>x<li value=9>y<li>z</ol>"
    assert read(page) == "\n".join(f"{marker} {item}" for marker, item in zip(markers.split(), "wxyz", strict=True))


def test_an_item_that_begins_with_a_list_or_code_keeps_its_number() -> None:
    assert read("<ol><li><ul><li>x</ul><li>y</ol>") == "1.\n  - x\n2. y"
    assert read("<ol start=4><li><pre>run</pre><li>y</ol>") == "4.\n\n    run\n\n5. y"


@pytest.mark.parametrize(
    "how",
    [
        "hidden", "hidden=until-found", "aria-hidden=true", "style='display:none'", "style='DISPLAY : none'", "inert",
        "class=collapse", "popover", "role=tabpanel aria-hidden=true",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["div", "section", "aside", "footer", "article", "dialog"])
def test_panels_that_can_be_opened_are_read(how: str, name: str) -> None:
    page = f"<h2><button aria-expanded=false>In winter?</button></h2><{name} {how}><p>From ten to two.</p></{name}>"
    assert read(page) == "In winter?\n\nFrom ten to two."


def test_the_label_of_a_tab_stands_above_its_panel() -> None:
    page = (
        "<div role=tablist><button role=tab id=s aria-controls=ps>Summer</button>"
        "<a role=tab id=w href='#pw'>Winter</a><button role=tab id=n>None</button></div>"
        "<div role=tabpanel id=ps><p>Nine to eight.</p></div>"
        "<div role=tabpanel id=pw aria-labelledby=w hidden><p>Ten to two.</p></div>"
    )
    document = loaded(page)
    assert document.text == "None\n\nSummer\n\nNine to eight.\n\nWinter\n\nTen to two."
    assert ("heading", "Winter") in [(mark.kind, mark.label) for mark in document.marks]


def test_what_no_reader_sees_is_not_read() -> None:
    page = (
        "<p>Seen.</p><script>a</script><style>b</style><template><p>c</template><noscript><p>d</noscript><!-- e -->"
        "<input type=hidden value=f><input type=password value=g><video>h</video><i class=material-icons>i</i>"
    )
    assert read(page) == "Seen."
    with pytest.raises(EmptyFile):
        loaded("<script>a</script><template>b</template>")


def test_a_bar_of_links_is_left_out_unless_it_says_more_or_is_all_there_is() -> None:
    links = "<ul><li><a href=a>Home</a><li><a href=b>Shop</a></ul>"
    assert read(f"<nav><h2>Menu</h2>{links}</nav><p>Text.") == "Text."
    assert (
        read(f"<label><nav>{links}Open from ten.</nav><p>Text.</label>") == "- Home\n- Shop\n\nOpen from ten.\n\nText."
    )
    assert read(f"<nav>{links}</nav>") == "- Home\n- Shop"
    assert read(f"<div class=menu>{links}</div>") == "- Home\n- Shop"


@pytest.mark.parametrize(
    "struck",
    [
        "<del>400 euros</del>",
        "<s>400</s>",
        "<strike><p>400</strike>",
        "<span style='text-decoration: line-through'>400</span>",
        "<span class='price line-through'>400</span>",
    ],
)  # fmt: skip
def test_struck_out_text_does_not_stand_beside_what_is_valid(struck: str) -> None:
    document = loaded(f"<p>The fee is {struck} <ins>350 euros</ins>.")
    assert "400" not in document.text and "350 euros" in document.text
    assert document.notes == "struck-out text was left out"
    assert loaded("<p>350").notes is None


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("10<sup>6</sup> m", "10^6 m"),
        ("2<sup>-3</sup>, 10<sup>−9</sup>", "2^-3, 10^−9"),
        ("25 m<sup>2</sup> and x<sup>2</sup>", "25 m² and x^2"),
        ("in 1987<sup>12</sup>.", "in 1987[12]."),
        ("in 1987<sup><a href='#n12'>12</a></sup>.", "in 1987[12]."),
        ("in 1987<sup class=footnote>a</sup>", "in 1987[a]"),
        ("Rud.<sup>2,3</sup> The", "Rud.[2,3] The"),
        ("town<sup>[4]</sup>", "town[4]"),
        ("<p>Liv has 7<sup>12</sup> and 1987<sup>3</sup> boats", "Liv has 7^12 and 1987[3] boats"),
        ("<sup>14</sup>C dating", "^14C dating"),
        ("town<a role=doc-noteref href=x>4</a>", "town[4]"),
        ("<sup>1</sup>See there", "[1] See there"),
        ("the 3<sup>rd</sup> of M<sup>lle</sup> Roy", "the 3rd of Mlle Roy"),
        ("2<sup>n</sup> and e<sup>x+1</sup>", "2^n and e^(x+1)"),
        ("Ca<sup>2+</sup> and Brand<sup>TM</sup>", "Ca^2+ and Brand™"),
        ("H<sub>2</sub>O, CO<sub>2</sub>", "H2O, CO2"),
        ("log<sub>2</sub>8 and 1010<sub>2</sub>", "log_2 8 and 1010_2"),
        ("V<sub>max</sub>", "V_max"),
        ("2<sup>1</sup>/<sub>3</sub> cups, <sup>3</sup>&frasl;<sub>4</sub>", "2 1/3 cups, 3⁄4"),
        ("10<span style='vertical-align: super'>6</span>", "10^6"),
        ("<math><mi>x</mi><mo>=</mo><mfrac><mn>1</mn><mn>24</mn></mfrac></math>", "x = 1/24"),
        ("<math><msqrt><mn>16</mn></msqrt><mo>≤</mo><msup><mn>10</mn><mn>6</mn></msup></math>", "√16 ≤ 10^6"),
        ("<math><menclose notation='radical box'><mn>16</mn></menclose></math>", "√16"),
        ("<math><menclose notation=box><mn>16</mn></menclose></math>", "16"),
        (
            "<math><mmultiscripts><mi>U</mi><mn>92</mn><none/><mprescripts/><none/><mn>238</mn></mmultiscripts></math>",
            "^238U_92",
        ),
        ("<math><mroot><mn>27</mn><mn>3</mn></mroot></math>", "∛27"),
        ("<math><mn>2</mn><mfrac><mn>1</mn><mn>3</mn></mfrac></math>", "2 1/3"),
        (
            "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mn>1</mn></mrow><mrow><mn>2</mn><mi>b</mi></mrow></mfrac></math>",
            "(a + 1)/2b",
        ),
        ("<math><mo>−</mo><mn>5</mn><mo>−</mo><msub><mi>y</mi><mi>i</mi></msub></math>", "−5 − y_i"),
        (
            "<math><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"
            "<mi>i</mi></math>",
            "∑_(i = 1)^n i",
        ),
        ("<math><semantics><mi>E</mi><annotation encoding='application/x-tex'>E</annotation></semantics></math>", "E"),
        (
            "<math><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr><mtr><mtd><mn>3</mn></mtd></mtr>"
            "</mtable></math>",
            "[1, 2; 3]",
        ),
        ("<math><mfrac linethickness=0><mi>n</mi><mi>k</mi></mfrac></math>", "(n k)"),
        ("<math><mover><mi>x</mi><mo>¯</mo></mover><mspace/><mi>y</mi></math>", "x¯ y"),
        ("<math><mfenced open='['><mi>a</mi><mi>b</mi></mfenced></math>", "[a, b)"),
        ("<math><maction><mi>a</mi><mi>b</mi></maction><mphantom><mi>c</mi></mphantom></math>", "a"),
        ("<math><msup><mi>f</mi><mo>′</mo></msup><mo>&ApplyFunction;</mo><mi>x</mi></math>", "f′x"),
    ],
)  # fmt: skip
def test_numbers_keep_their_value(page: str, text: str) -> None:
    assert read(f"<p>{page}") == text


def test_formulas_of_katex_are_read_once() -> None:
    formula = "<span class=katex-mathml><math><msup><mn>10</mn><mn>6</mn></msup></math></span>"
    assert read(f"<p>So {formula}<span class=katex-html aria-hidden=true>106</span> it is") == "So 10^6 it is"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<img alt='Map of the exits'><p>Text", "Map of the exits\n\nText"),
        ("<figure><img alt=Boat><figcaption>The ferry</figcaption></figure>", "Boat\n\nThe ferry"),
        ("<table><caption>Fares</caption><tr><td>1<td>2</table>", "Fares\n\n1 | 2"),
        ("<pre>Quay Street 14<br>9000 Lindby</pre>", "    Quay Street 14\n    9000 Lindby"),
        ("<pre><div>a</div><div>b</div></pre>", "    a\n    b"),
        ("<ruby>東京<rp>(</rp><rt>とうきょう</rt><rp>)</rp></ruby>へ", "東京(とうきょう)へ"),
        ("<input type=checkbox checked>Paid <input type=checkbox>Sent", "☑ Paid ☐ Sent"),
        ("<input type=radio checked> yes<input type=radio> no", "◉ yes ○ no"),
        ("Name <input value=Ida>Town <input placeholder=Oslo>", "Name Ida Town Oslo"),
        ("Size <select><option>S<option selected>XL</select>", "Size XL (of S, XL)"),
        ("<select multiple><option selected>S<option selected>M<option>L</select>", "S, M (of S, M, L)"),
        ("<select><option>S<option>M</select><select><option selected>One</select>", "S, M One"),
        (
            "<dl><dt>Key<dd>Two.<dd><p>Or one.<p>Ask.<dd><dt>Lamp<dd>Lit.</dl>",
            "Key: Two.\n\nKey: Or one.\n\nAsk.\n\nLamp: Lit.",
        ),
        ("<button>Save</button><button>Send</button>", "Save Send"),
        ("<textarea>one\ntwo</textarea>", "one\ntwo"),
        ("<meter value=6 max=10></meter>, <progress>70 %</progress>", "6/10 , 70 %"),
        ("He said <q>no <q>yes</q></q>", "He said “no ‘yes’”"),
        ("<abbr title='World Health Organization'>WHO</abbr> says", "WHO (World Health Organization) says"),
        ("<dl><dt>Key<dd>Two a flat.<dt>Why?<dd><p>So.<dt>a<dt>b<dd>c</dl>", "Key: Two a flat.\n\nWhy? So.\n\na, b: c"),
        ("<svg><title>Chart</title><text>Peak</text><text>Low</text></svg>", "Chart Peak Low"),
        ("<a><div>Box</div></a><span>x<p>y</p>z</span>", "Box\n\nx\n\ny\n\nz"),
        ("<span style='display:block'>A</span><span style='display:block'>B</span>", "A\n\nB"),
        ("<div style='white-space: pre-wrap'>Roses\nViolets</div>", "Roses\nViolets"),
        ("a<br><br>b<br>c", "a\n\nb\nc"),
        ("<iframe srcdoc='&lt;p&gt;Inside&lt;p&gt;too'></iframe>", "Inside\n\ntoo"),
        ("<blockquote>Fine view.<footer>Olav, 1901</footer></blockquote>", "Fine view.\n\nOlav, 1901"),
        ("<h2>Learn C#<a href='#c'>#</a></h2>", "Learn C#"),
        ("<h2>Unclosed<p>Words</p></h2>", "Unclosed Words"),
        ("<div role=heading aria-level=3>Head</div>text", "Head\n\ntext"),
        ("<p>Note. <a class=footnote-backref href='#r'>↩</a> <a role=doc-backlink href='#r'>Back</a>", "Note. Back"),
        ("<p>Note. <a role=doc-backlink href='#r'>↑</a>", "Note."),
        ("<div><template shadowrootmode=open><p>Seen</template></div>after", "Seen\n\nafter"),
        ("<div role=checkbox aria-checked=true>Paid</div><div role=switch aria-checked=false>Sent", "☑ Paid\n\n☐ Sent"),
        ("<ul role=menu><li role=menuitemradio aria-checked=true>Map<li role=menuitem>Print</ul>", "- ◉ Map\n- Print"),
        ("<div style='display:inline'>a</div> <div style='display: inline'>b</div>", "a b"),
        ("<span style='display:inline-block'>a</span><span style='display:inline-flex'>b</span>", "a b"),
        ("<ol><li>Ask.<li><h3>Step</h3><p>Turn it.</ol>", "1. Ask.\n\n2. Step\n\nTurn it."),
        (f"<dl><dt>{'Why ' * 40}<dd>So.</dl>", f"{('Why ' * 40).rstrip()}\n\nSo."),
        (f"<h2>Head<p>{'So it is. ' * 40}</h2>", f"Head\n\n{('So it is. ' * 40).rstrip()}"),
        (f"<ul><li><p>{'Ring. ' * 60}<p>Wait.</ul>", f"- {('Ring. ' * 60).rstrip()}\n  Wait."),
        ("<table role=presentation><tr><td>a<td>b</table>", "a\n\nb"),
        ("<table><tr><td><h2>Head</h2><td>b</table>", "Head\n\nb"),
        (f"<table><tr><td><p>{'Ring. ' * 200}<p>Wait.<td>b</table>", f"{('Ring. ' * 200).rstrip()}\n\nWait.\n\nb"),
        ("<nav><a href=x>Home</a> <b aria-current=page>Here</b></nav><p>Text", "Text"),
        ("<input type=image alt='Send it'>", "Send it"),
        (
            "<select><optgroup label=North><option>Oslo<option label=Bodo></option></optgroup><option>Rome</select>",
            "North: Oslo, Bodo, Rome",
        ),
        ("<pre><table><tr><td>a  b<td>c</table></pre>", "a b | c"),
        (
            "<template><div role=tabpanel id=p>x</div></template><a role=tab href='#p'>One</a>"
            "<div role=tabpanel id=p>Nine.</div>",
            "One\n\nNine.",
        ),
        ("<b role=tab id=s>Summer</b><p>Huts<div role=tabpanel aria-labelledby=s>Nine.", "Huts\n\nSummer\n\nNine."),
    ],
)  # fmt: skip
def test_small_things(page: str, text: str) -> None:
    assert read(page) == text


def test_merged_cells_stand_in_each_row_that_they_cover() -> None:
    page = (
        "<table><thead><tr><th rowspan=2>Month<th colspan=2>Rain<tr><th>Total<th>Highest</thead>"
        "<tr><td rowspan=2>May<td>61<td>14<tr><td>58<td>12<tr><td>June<td colspan=2>none"
        "<tr><td colspan=3>All in mm</table>"
    )
    assert read(page) == (
        "Month | Rain Total | Rain Highest\n"
        "Month: May | Rain Total: 61 | Rain Highest: 14\nMonth: May | Rain Total: 58 | Rain Highest: 12\n"
        "Month: June | Rain Total: none | Rain Highest: none\nAll in mm"
    )
    assert read("<table><tr><td rowspan=0>A<td>1<tr><td>2<tbody><tr><td>B<td>3</table>") == "A | 1\nA | 2\nB | 3"
    assert read("<table><tr><td>x<td rowspan=2>y<td>1<tr><td>z<td>2</table>") == "x | y | 1\nz | y | 2"


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ("<thead><tr><td>Hut<td>Beds<tbody><tr><th>Fen<td>4", ["Hut | Beds", "Hut: Fen | Beds: 4"]),
        ("<tr><th>Hut:<th>2024<tr><td>Fen<td>4", ["Hut: | 2024", "Hut: Fen | 2024: 4"]),
        (
            "<tr><td>Hut<td>Beds<tr><td>Fen<td>4<tr><td>Moor<td>6",
            ["Hut | Beds", "Hut: Fen | Beds: 4", "Hut: Moor | Beds: 6"],
        ),
        ("<tr><th>Name<td>Fen<tr><th>Beds<td>4<tr><th>Warden<td>Liv", ["Name | Fen", "Beds | 4", "Warden | Liv"]),
        ("<tr><td>Fen<td>Liv<tr><td>Moor<td>Bo", ["Fen | Liv", "Moor | Bo"]),
        ("<tr><th>Remark<tr><td>Bring salt.", ["Remark", "Bring salt."]),
        ("<tr><th colspan=2>Huts<tr><td>Fen<td>Liv", ["Huts", "Fen | Liv"]),
        ("<tr><td colspan=2>Huts<tr><th>Hut<th>Beds<tr><td>Fen<td>4", ["Huts", "Hut | Beds", "Hut: Fen | Beds: 4"]),
        (
            "<tr><th>Hut<th>Beds<tr><td>Fen<td>4<tr><th>All<th>4",
            ["Hut | Beds", "Hut: Fen | Beds: 4", "Hut: All | Beds: 4"],
        ),
        (
            "<tr><th>Hut<th>Beds<tr><td>Fen<td>4<tr><th>Boat<th>Seats<tr><td>Tern<td>9",
            ["Hut | Beds", "Hut: Fen | Beds: 4", "Boat | Seats", "Boat: Tern | Seats: 9"],
        ),
        (f"<tr><th>Hut<th>{'Beds ' * 40}<tr><td>Fen<td>4", [f"Hut | {'Beds ' * 40}".rstrip(), "Fen | 4"]),
    ],
)  # fmt: skip
def test_cells_have_the_names_that_the_page_gives_their_columns(rows: str, lines: list[str]) -> None:
    document = loaded(f"<table>{rows}</table>")
    assert document.text.split("\n") == lines
    assert [mark.label for mark in document.marks if mark.kind == "row"] == [str(n + 1) for n in range(len(lines))]


def test_a_row_of_one_cell_names_the_part_below_it() -> None:
    head, fen = "<thead><tr><th>Hut<th>Beds<tbody>", "<tr><td>Fen<td>4"
    summer, winter = "<tr><th colspan=2>Summer:", "<tr><td colspan=2>Winter"
    assert read(f"<table>{head}{summer}{fen}{winter}{fen}<tfoot>{fen}</table>").split("\n") == [
        "Hut | Beds", "Summer:", "Summer | Hut: Fen | Beds: 4", "Winter", "Winter | Hut: Fen | Beds: 4",
        "Hut: Fen | Beds: 4",
    ]  # fmt: skip
    assert read(f"<table>{head}{winter}{fen}<tbody>{fen}</table>").endswith(
        "Winter | Hut: Fen | Beds: 4\nHut: Fen | Beds: 4"
    )
    assert read(f"<table>{head}{fen}<tr><td colspan=2>Closed in May.{fen}</table>").endswith("May.\nHut: Fen | Beds: 4")


@pytest.mark.parametrize(
    ("blocks", "line"),
    [
        ("<p>Ring the bell<p>Liv has the key", "Ring the bell; Liv has the key"),
        ("<div>Ring.</div><div>Liv has it</div>", "Ring. Liv has it"),
        ("<p>He said “ring!”<p>Dear Liv,<p>ring", "He said “ring!” Dear Liv, ring"),
        ("<p>one <b>two</b> three", "one two three"),
    ],
)
def test_paragraphs_on_one_line_are_set_off(blocks: str, line: str) -> None:
    assert read(f"<ul><li>{blocks}</ul>") == f"- {line}"
    assert read(f"<table><tr><td>{blocks}<td>x</table>") == f"{line} | x"


def test_spans_that_claim_more_than_there_is_are_cut() -> None:
    rows = "<tr><td rowspan=65534 colspan=1000>a<td rowspan=9999999999 colspan=-3>b" * 300
    assert len(read(f"<table>{rows}</table>")) < 400_000


def test_tables_in_tables() -> None:
    layout = "<table><tr><td><table><tr><td>1<td>2</table><td><p>Text</table>"
    assert read(layout) == "1 | 2\n\nText"
    assert read(f"<table><tr><th>H<tr><td>{layout}</table>").endswith("1, 2; Text")
    assert read("<table><tr><td><h2>Head</h2><p>Body</table>") == "Head\n\nBody"
    assert read("<table><tr><td><ul><li>a<li>b</ul><td><ol><li>c<li>d</ol></table>") == "a; b | 1. c; 2. d"


@pytest.mark.parametrize("name", ["a.html", "a.xhtml"])
@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("iso-8859-2", "Zażółć jaźń"), ("windows-1251", "Мост открыт"), ("shift_jis", "橋は開く"), ("x-sjis", "橋"),
        ("x-cp1250", "Zażółć"), ("Windows-949", "다리"), ("KOI8", "Мост"), ("iso-8859-8-i", "גשר"),
        ("dos-874", "สะพาน"),
    ],
)  # fmt: skip
def test_encodings_that_a_page_declares(name: str, encoding: str, text: str) -> None:
    codec = {"x-sjis": "shift_jis", "x-cp1250": "cp1250", "Windows-949": "cp949", "KOI8": "koi8_r",
             "iso-8859-8-i": "iso8859_8", "dos-874": "cp874"}.get(encoding, encoding)  # fmt: skip
    page = f"<?xml version='1.0' encoding='{encoding}'?><html><body><p>{text}</p></body></html>"
    assert load_bytes(page.encode(codec), name).text == text
    page = f"<meta http-equiv=Content-Type content='text/html; charset={encoding}'><p>{text}</p>"
    assert load_bytes(page.encode(codec), name).text == text


def test_utf_16_without_a_mark_is_known_by_its_first_tag() -> None:
    page = "<?xml version='1.0' encoding='UTF-16'?><html><p>Zażółć</p></html>"
    for encoding in ("utf-16-le", "utf-16-be"):
        assert load_bytes(page.encode(encoding), "a.xhtml").text == "Zażółć"
    assert load_bytes(codecs.BOM_UTF16_LE + page.encode("utf-16-le"), "a.xhtml").text == "Zażółć"


def test_xhtml_is_xml() -> None:
    page = (
        '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html '
        'xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x"/></head><body><p>a&nbsp;&eacute; '
        '<a id="x"/><![CDATA[b < c & d]]></p></body></html>'
    )
    assert read(page, "a.xhtml") == "a é b < c & d"
    assert read(page, "a.html") == "a é b < c & d"
    assert read("<html><p>not well-formed<br>at all</html>", "a.xhtml") == "not well-formed\nat all"
    assert read("<h:html xmlns:h='x'><h:body><h:p>prefixed</h:p></h:body></h:html>", "a.xhtml") == "prefixed"


def test_a_page_of_megabytes_is_read() -> None:
    part = "<p>The <b>old</b> harbour, <a href=x>1842</a><ul><li>one<li>two</ul><table><tr><td>a<td>b</table>"
    document = loaded(part * (2 * 2**20 // len(part)))
    assert document.text.count("harbour") == 2 * 2**20 // len(part)
