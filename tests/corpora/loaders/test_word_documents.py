"""Word documents as their readers see them: changes, forms, symbols, notes, margins, tables; what is not read is said.

Every visible word is in the text exactly once, whatever documents are put together from.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from corpora.loaders.formats.word.docx import load
from corpora.loaders.sandboxed_loader import load_bytes
from tests.support.word_files import (
    cell,
    definition,
    level,
    listed,
    numbered,
    paragraph,
    read,
    row,
    run,
    table,
    text,
    word_file,
)


def lines(body: str, **parts: str) -> list[str]:
    return re.split(r"\n+", read(body, **parts).text)


def symbol(font: str, code: str) -> str:
    return run(more=f'<w:sym w:font="{font}" w:char="{code}"/>')


def field(instruction: str, result: str | None = None, form: str = "") -> str:
    """A field; ``result`` are runs."""
    end = '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    middle = "" if result is None else f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{result}'
    begin = f'<w:r><w:fldChar w:fldCharType="begin">{form}</w:fldChar></w:r>'
    return f"{begin}<w:r><w:instrText>{instruction}</w:instrText></w:r>{middle}{end}"


def test_symbols_powers_and_equations_in_a_line() -> None:
    fraction = "<m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>8</m:t></m:r></m:den></m:f>"
    raised = run("2", '<w:vertAlign w:val="superscript"/>')
    body = paragraph("at most ", more=symbol("Symbol", "F0A3") + run(" 7 kg"))
    body += paragraph(more=symbol("Wingdings", "00FE") + run(" yes ") + symbol("Wingdings", "F0A8") + run(" no"))
    body += paragraph(more=run("a", '<w:rFonts w:ascii="Symbol" w:hAnsi="Symbol"/>') + run(" of 25 m") + raised)
    body += paragraph("since 1987", more=raised + run(", H") + run("2", '<w:vertAlign w:val="subscript"/>') + run("O"))
    body += paragraph("x=", more=f"<m:oMath>{fraction}</m:oMath>" + run(" here"))
    body += paragraph("add 3", more=f"<m:oMath>{fraction}</m:oMath>" + run(" or 3") + field("EQ \\f(1;2)"))
    assert lines(body) == [
        "at most ≤ 7 kg",
        "☑ yes ☐ no",
        "α of 25 m²",
        "since 1987[2], H2O",
        "x=1/8 here",
        "add 3 1/8 or 3 1/2",
    ]


def test_a_symbol_that_is_not_known_is_said() -> None:
    document = read(paragraph("a", more=symbol("Strange", "F041") + symbol("Symbol", "nonsense")))
    assert document.text == "a"
    assert document.notes == "2 symbols were not read"


def test_struck_hidden_and_deleted_text_is_left_out_and_said() -> None:
    styles = (
        '<w:style w:type="character" w:styleId="Gone"><w:rPr><w:strike/></w:rPr></w:style>'
        '<w:style w:type="character" w:styleId="Kept"><w:basedOn w:val="Gone"/><w:rPr><w:strike w:val="0"/></w:rPr>'
        "</w:style>"
        '<w:style w:type="paragraph" w:styleId="Secret"><w:name w:val="Secret"/><w:rPr><w:vanish/></w:rPr></w:style>'
    )
    body = paragraph(
        more=run("400", "<w:strike/>") + run("401", "<w:dstrike/>") + run("402", '<w:rStyle w:val="Gone"/>')
        + run("350", '<w:strike w:val="false"/>') + run(" 351", '<w:rStyle w:val="Kept"/>')
        + run(" 352", '<w:rStyle w:val="Gone"/><w:strike w:val="0"/>')
    )  # fmt: skip
    body += paragraph("hidden", '<w:pStyle w:val="Secret"/>', more=run("shown", '<w:vanish w:val="0"/>'))
    body += paragraph(more=run("hidden", "<w:vanish/>") + run("seen"))
    body += paragraph(more=f"<w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins>{run('new')}</w:ins>")
    body += paragraph(more=f"<w:moveFrom>{run('moved')}</w:moveFrom>") + paragraph(
        more=f"<w:moveTo>{run('moved')}</w:moveTo>"
    )
    document = read(body, styles=styles)
    assert re.split(r"\n+", document.text) == ["350 351 352", "shown", "seen", "new", "moved"]
    assert set((document.notes or "").split("; ")) == {
        "struck-out text was left out",
        "hidden text was left out",
        "text deleted by tracked changes was left out",
    }
    assert read(paragraph("plain")).notes is None


def test_paragraphs_whose_end_is_gone_are_one() -> None:
    gone = "<w:rPr><w:del/></w:rPr>"
    body = paragraph("one ", gone) + paragraph("and ", gone) + paragraph("two") + paragraph("three")
    body += paragraph("T", '<w:framePr w:dropCap="drop"/>') + paragraph("he end")
    body += paragraph("Run-in. ", "<w:rPr><w:vanish/><w:specVanish/></w:rPr>") + paragraph("Body", gone)
    assert lines(body) == ["one and two", "three", "The end", "Run-in. Body"]
    assert lines(paragraph("last", gone) + table(row("a", "b"))) == ["last", "a | b"]


def test_forms_show_what_was_chosen() -> None:
    choices = (
        '<w:ffData><w:ddList>{}<w:listEntry w:val="Cash"/><w:listEntry w:val="Card"/></w:ddList></w:ffData>'.format
    )
    ticked = "<w:ffData><w:checkBox>{}</w:checkBox></w:ffData>".format
    box = "<w:sdtPr><w14:checkbox><w14:checked w14:val='{}'/></w14:checkbox></w:sdtPr>"
    control = f"<w:sdt>{box}<w:sdtContent>{{}}</w:sdtContent></w:sdt>".format
    body = paragraph("Pay: ", more=field("FORMDROPDOWN", form=choices('<w:result w:val="1"/>')))
    body += paragraph("Pay: ", more=field("FORMDROPDOWN", run("Card"), choices('<w:default w:val="0"/>')))
    body += paragraph("Heat ", more=field("FORMCHECKBOX", form=ticked('<w:default w:val="0"/><w:checked/>')))
    body += paragraph("Heat ", more=field("FORMCHECKBOX", form=ticked('<w:default w:val="1"/><w:checked w:val="0"/>')))
    body += paragraph("Name: ", more=field("FORMTEXT", run("Ada"), "<w:ffData><w:textInput/></w:ffData>"))
    body += paragraph("Dog ", more=control(1, run("☒"))) + paragraph("Cat ", more=control(0, run("☐")))
    body += control(1, paragraph("☒"))
    body += paragraph(
        "Town: ", more=f"<w:sdt><w:sdtPr><w:dropDownList/></w:sdtPr><w:sdtContent>{run('Porto')}</w:sdtContent></w:sdt>"
    )
    assert lines(body) == [
        "Pay: Card",
        "Pay: Cash",
        "Heat ☑",
        "Heat ☐",
        "Name: Ada",
        "Dog ☑",
        "Cat ☐",
        "☑",
        "Town: Porto",
    ]


def test_fields_show_their_results_and_not_their_instructions() -> None:
    nested = field(
        "IF " + "</w:instrText></w:r>" + field("MERGEFIELD a", run("inner")) + "<w:r><w:instrText>", run("yes")
    )
    body = paragraph("See ", more=field("REF x", run("Section 4")) + run(" of ") + field("DATE", run("1 May")))
    body += paragraph("Was it: ", more=nested)
    body += paragraph(more='<w:fldSimple w:instr="AUTHOR">' + run("Ada") + "</w:fldSimple>")
    body += paragraph(more=field("MACROBUTTON NoMacro [Type here]") + run(" "))
    body += paragraph("x ", more=field('SYMBOL 163 \\f "Symbol" \\s 11') + run(" 5"))
    body += paragraph("broken ", more='<w:r><w:fldChar w:fldCharType="begin"/></w:r>') + paragraph("after")
    assert lines(body) == ["See Section 4 of 1 May", "Was it: yes", "Ada", "[Type here]", "x ≤ 5", "broken", "after"]


@pytest.mark.parametrize(
    ("instruction", "shown"),
    [
        ("EQ \\f(1;24)", "1/24"), ("EQ \\f(a+b,2)", "(a+b)/2"), ("EQ \\r(16)", "√16"), ("EQ \\r(3;27)", "root(3, 27)"),
        ("EQ 10\\s\\up5(6)", "10^6"), ("EQ x\\s\\do5(i)", "x_i"), ("EQ \\i\\su(i=1;n;x)", "∑_(i=1)^n x"),
        ("EQ \\b(\\f(1;2))", "(1/2)"), ("EQ \\a\\al(a;b)", "a; b"), ("EQ \\f(\\r(2);2)", "(√2)/2"),
    ],
)  # fmt: skip
def test_equations_of_old_documents(instruction: str, shown: str) -> None:
    assert lines(paragraph("= ", more=field(instruction))) == [f"= {shown}"]


def test_numbers_that_word_alone_computes_are_said() -> None:
    document = read(paragraph("Clause ", more=field("AUTONUMLGL") + field("LISTNUM") + run(" Rent")))
    assert (document.text, document.notes) == ("Clause Rent", "2 automatic numbers were not read")


def test_breaks_hyphens_and_tabs() -> None:
    body = paragraph(
        more=run("e", more="<w:noBreakHyphen/>")
        + run("mail", more="<w:softHyphen/>")
        + run("er", more="<w:tab/>")
        + run("95", more="<w:cr/>")
        + run("next", more='<w:br w:type="column"/>')
        + run("column", more='<w:br w:type="page"/>')
    )
    document = read(body + paragraph("Page two", "<w:pageBreakBefore/>"))
    assert document.text == "e-mailer 95\nnext\ncolumn\n\nPage two"
    assert document.marks == ()


def test_notes_boxes_and_art_follow_their_block() -> None:
    box = f"<w:txbxContent>{paragraph('in a box')}</w:txbxContent>"
    either = f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    old = f"<mc:AlternateContent><mc:Fallback>{box.replace('in a', 'in an old')}</mc:Fallback></mc:AlternateContent>"
    art = '<w:pict><v:shape><v:textpath string="Summer fair"/></v:shape></w:pict>'
    note = '<w:footnoteReference w:id="2"/>'
    body = paragraph("cost 12", more=run(more=note) + run(" crowns") + run(more=either) + run(more=old + art))
    footnotes = f'<w:footnote w:id="2">{paragraph(more=run(more="<w:footnoteRef/>") + run(" From 1987."))}</w:footnote>'
    assert lines(body + paragraph("End"), footnotes=footnotes) == [
        "cost 12 crowns", "in a box", "in an old box", "Summer fair", "Note: From 1987.", "End"
    ]  # fmt: skip


def test_headers_and_footers_are_read_once_without_page_numbers() -> None:
    page = field("PAGE", run("3"))
    header = paragraph("File KX-4471")
    footer = paragraph("Harbour board of the town\t", more=run(more="<w:tab/>") + run("Page ") + page + run(" of 9"))
    watermark = paragraph(more='<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>')
    reference = '<w:{}Reference w:type="{}" r:id="{}"/>'.format
    section = (
        reference("header", "default", "header") + reference("header", "first", "first")
        + reference("header", "even", "even") + reference("footer", "default", "footer")
    )  # fmt: skip
    body = paragraph("Words", f"<w:sectPr>{section}</w:sectPr>") + paragraph("More") + "<w:sectPr>{}</w:sectPr>"
    whole = '<w:hdr xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:hdr>'.format
    files = {"first first.xml": whole("First"), "even even.xml": whole("Even")}
    margins = {"header": header + watermark, "footer": footer}
    expected = "Header: File KX-4471\n\nFooter: Harbour board of the town\n\nWords\n\nMore"
    assert read(body.format(section), files, **margins).text == expected
    assert "Header: First" in read(body.format(section + "<w:titlePg/>"), files, **margins).text
    settings = "<w:evenAndOddHeaders/>"
    assert "Header: Even" in read(body.format(section), files, settings=settings, **margins).text


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ("Contract 55-A\tPage {} of 9", "Contract 55-A"),
        ("Page {}", None),
        ("- {} -", None),
        ("Lindby | Seite {} von 9", "Lindby"),
        ("Rules of the harbour board, page {}", "Rules of the harbour board, page"),
    ],
)
def test_page_numbers_in_footers_are_left_out(shown: str, kept: str | None) -> None:
    before, _, after = shown.partition("{}")
    simple = f'<w:fldSimple w:instr=" PAGE \\* MERGEFORMAT ">{run("3")}</w:fldSimple>'
    for number in (field("PAGE", run("3")), simple):
        footer = paragraph(before, more=number + run(after))
        section = '<w:sectPr><w:footerReference w:type="default" r:id="footer"/></w:sectPr>'
        body = paragraph("Words ", more=field("PAGE", run("12")))
        expected = "Words 12" if kept is None else f"Footer: {kept}\n\nWords 12"
        assert read(body + section, footer=footer).text == expected


def test_inserted_files_are_read_in_their_place() -> None:
    page = "<html><body><h2>Stores</h2><p>The key hangs in room 5.</p></body></html>"
    mail = f"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{page.replace('room 5', 'rööm 6')}"
    inner = word_file(paragraph("Inner words") + '<w:altChunk r:id="aFChunk-deep.docx"/>')
    files = {
        "aFChunk page.html": page,
        "aFChunk mail.mht": mail.encode(),
        "aFChunk text.txt": "Plain words.",
        "aFChunk inner.docx": inner,
        "aFChunk old.rtf": "{\\rtf1 x}",
        "aFChunk broken.docx": "no zip",
    }
    chunks = ("page.html", "mail.mht", "text.txt", "inner.docx", "old.rtf", "broken.docx")
    body = paragraph("Before") + "".join(f'<w:altChunk r:id="{name}"/>' for name in chunks) + paragraph("After")
    document = load_bytes(word_file(body, files), "a.docx")
    assert document.text.split("\n\n") == [
        "Before", "Stores", "The key hangs in room 5.", "Stores", "The key hangs in rööm 6.", "Plain words.",
        "Inner words", "After",
    ]  # fmt: skip
    assert [mark.label for mark in document.marks if mark.kind == "heading"] == ["Stores", "Stores"]
    assert document.notes == "1 inserted file was not read; 2 inserted files were not read"


def test_documents_inserted_in_each_other_end() -> None:
    inside = word_file(paragraph("depth 9"))
    for depth in range(8, 0, -1):
        chunk = '<w:altChunk r:id="inner.docx"/>'
        inside = word_file(paragraph(f"depth {depth}") + chunk, {"aFChunk inner.docx": inside})
    document = load(inside, "a.docx")
    assert document.text == "depth 1\n\ndepth 2\n\ndepth 3"
    assert document.notes == "1 inserted file was not read"


def test_diagrams_are_lists_and_charts_are_tables() -> None:
    point = '<dgm:pt modelId="{0}" type="{1}"><dgm:t><a:p><a:r><a:t>{2}</a:t></a:r></a:p></dgm:t></dgm:pt>'.format
    link = '<dgm:cxn modelId="{0}{1}" srcId="{0}" destId="{1}" srcOrd="{2}"/>'.format
    diagram = (
        '<dgm:dataModel xmlns:dgm="dgm" xmlns:a="a"><dgm:ptLst>'
        + point("0", "doc", "") + point("3", "node", "Order the crane") + point("1", "node", "Sign")
        + point("2", "node", "by the mayor") + point("9", "node", "alone") + "</dgm:ptLst><dgm:cxnLst>"
        + link("0", "1", 0) + link("0", "3", 1) + link("1", "2", 0) + "</dgm:cxnLst></dgm:dataModel>"
    )  # fmt: skip
    point_of = '<c:pt idx="0"><c:v>{}</c:v></c:pt>'.format
    chart = (
        '<c:chartSpace xmlns:c="c" xmlns:a="a"><c:chart><c:plotArea><c:pieChart><c:ser><c:tx><c:v>Fares</c:v></c:tx>'
        f"<c:cat><c:strLit>{point_of('Adult')}</c:strLit></c:cat><c:val><c:numLit>{point_of('12.50')}</c:numLit></c:val>"
        "</c:ser></c:pieChart></c:plotArea></c:chart></c:chartSpace>"
    )
    words = "<cx:tx><cx:txData><cx:v>{}</cx:v></cx:txData></cx:tx>".format
    newer = (
        '<cx:chartSpace xmlns:cx="cx" xmlns:a="a"><cx:chartData><cx:data id="0"><cx:strDim type="cat"><cx:lvl>'
        '<cx:pt idx="0">Rent</cx:pt></cx:lvl></cx:strDim><cx:numDim type="val"><cx:lvl formatCode="0%">'
        '<cx:pt idx="0">0.4</cx:pt></cx:lvl></cx:numDim></cx:data></cx:chartData><cx:chart>'
        f"<cx:title>{words('Costs')}</cx:title><cx:plotArea><cx:plotAreaRegion>"
        f'<cx:series layoutId="treemap">{words("Share")}<cx:dataId val="0"/></cx:series>'
        "</cx:plotAreaRegion></cx:plotArea></cx:chart></cx:chartSpace>"
    )
    files = {"chart chart1.xml": chart, "diagramData data1.xml": diagram, "chartEx new.xml": newer}
    refer = "<w:drawing><a:graphic>{}</a:graphic></w:drawing>".format
    body = paragraph("Plan:", more=run(more=refer('<dgm:relIds r:dm="data1.xml"/>')))
    body += paragraph(more=run(more=refer('<c:chart r:id="chart1.xml"/>') + refer('<c:chart r:id="new.xml"/>')))
    body += paragraph("End", more=run(more=refer('<c:chart r:id="gone"/>')))
    document = read(body, files)
    assert document.text == (
        "Plan:\n\n- Sign\n  - by the mayor\n- Order the crane\n- alone\n\nChart: Fares\n\nCategory | Fares\n"
        "Category: Adult | Fares: 12.5\n\nChart: Costs\n\nCategory | Share\nCategory: Rent | Share: 40%\n\nEnd"
    )
    assert document.notes == "1 chart was not read"


def test_objects_are_said() -> None:
    held = '<w:object><o:OLEObject ProgID="{}"/></w:object>'.format
    body = paragraph("x", more=run(more=held("Excel.Sheet.12") + held("Equation.3") + held("Equation.DSMT4")))
    document = read(body + paragraph(more=run(more='<w:object><w:control w:name="Box"/></w:object>')))
    assert document.text == "x"
    assert set((document.notes or "").split("; ")) == {
        "1 embedded object was not read", "2 equations were not read", "1 form control was not read"
    }  # fmt: skip


def test_comments_follow_their_paragraph() -> None:
    comments = f'<w:comment w:id="0">{paragraph("is it so?")}</w:comment>'
    about = '<w:commentRangeStart w:id="0"/>' + run("claim") + run(more='<w:commentReference w:id="0"/>')
    assert lines(paragraph("a ", more=about) + paragraph("next"), comments=comments) == [
        "a claim", "Comment: is it so?", "next"
    ]  # fmt: skip


def merged(kind: str = "") -> str:
    return f'<w:vMerge w:val="{kind}"/>' if kind else "<w:vMerge/>"


def test_merged_cells_label_each_row_and_header_rows_name_columns() -> None:
    repeated = "<w:tblHeader/>"
    body = table(
        row(cell("Month", merged("restart")), cell("Rain", '<w:gridSpan w:val="2"/>'), properties=repeated),
        row(cell("", merged()), "Total", "Highest day", properties=repeated),
        row(cell("May", merged("restart")), "61", "14"),
        row(cell("", merged()), "58", "12"),
        row("June", cell("none", '<w:gridSpan w:val="2"/>')),
        row("left", "out", "here", properties='<w:del w:id="1"/>'),
        row("July", "9", properties='<w:gridBefore w:val="0"/>'),
    )
    assert lines(body)[2:] == [
        "Month: May | Rain, Total: 61 | Rain, Highest day: 14",
        "Month: May | Rain, Total: 58 | Rain, Highest day: 12",
        "Month: June | Rain, Total: none",
        "Month: July | Rain, Total: 9",
    ]


def test_paragraphs_of_a_cell_are_set_off() -> None:
    blocks = "".join(map(paragraph, ("Ring the bell", "", "Liv has the key.", "Wait")))
    assert lines(table(row(cell(more=blocks), "x"))) == ["Ring the bell; Liv has the key. Wait | x"]


def test_text_that_is_moved_up_or_down_is_raised_or_lowered() -> None:
    up, little, down = (f'<w:position w:val="{shift}"/>' for shift in (6, 2, -6))
    assert lines(paragraph("4", more=run("5", up) + run(" and 1") + run("0", little))) == ["4^5 and 10"]
    assert lines(paragraph("V", more=run("max", down))) == ["V_max"]


def test_a_reading_above_a_word_follows_it_in_brackets() -> None:
    ruby = f"<w:ruby><w:rubyPr/><w:rt>{run('wie man liest')}</w:rt><w:rubyBase>{run('Wort')}</w:rubyBase></w:ruby>"
    assert lines(paragraph("Ein ", more=run(more=ruby) + run("."))) == ["Ein Wort (wie man liest)."]


def test_deleted_rows_are_said() -> None:
    document = read(table(row("Boat", "Fee"), row("Ida", "12", properties="<w:del/>"), row("Una", "9")))
    assert "Ida" not in document.text and "Una" in document.text
    assert document.notes == "text deleted by tracked changes was left out"


def test_a_long_merged_text_is_written_once() -> None:
    long = "a remark that goes on and on " * 20
    body = table(row(cell(long, merged("restart")), "1"), row(cell("", merged()), "2"), row("x", "3"))
    assert read(body).text.count("remark") == 20


def test_tables_that_only_place_text_are_read_as_text() -> None:
    inner = table(row("Name", "Age"), row("Ada", "36"))
    body = table(row(cell("Left"), cell(more=inner + paragraph("below"))))
    assert lines(body) == ["Left", "Name | Age", "Name: Ada | Age: 36", "below"]
    boxed = table(row(cell(more=paragraph("Title") + numbered("one", 1) + numbered("two", 1))))
    numbering = definition(0, level(0, "decimal", "%1.")) + listed(1, 0)
    assert read(boxed, numbering=numbering).text == "Title\n\n1. one\n2. two"


@pytest.mark.parametrize("n", range(40))
def test_random_merged_cells_are_in_each_row_that_they_cover(n: int) -> None:
    """A slow second way: the areas of a grid are drawn first, the table is written from them."""
    chance = random.Random(n)
    rows, columns = chance.randint(1, 6), chance.randint(1, 5)
    area_of: dict[tuple[int, int], tuple[int, int, int, int]] = {}
    for r in range(rows):
        for c in range(columns):
            if (r, c) not in area_of:
                bottom, right = min(rows - 1, r + chance.randrange(3)), min(columns - 1, c + chance.randrange(3))
                while any((r, x) in area_of for x in range(c, right + 1)):
                    right -= 1
                for place in ((y, x) for y in range(r, bottom + 1) for x in range(c, right + 1)):
                    area_of[place] = (r, c, bottom, right)
    body = []
    for r in range(rows):
        cells = []
        for c in range(columns):
            top, left, bottom, right = area_of[r, c]
            if c == left:
                going = "" if top == bottom else merged("restart" if r == top else "")
                span = f'<w:gridSpan w:val="{right - left + 1}"/>' if right > left else ""
                cells.append(cell(f"t{top}.{left}" if r == top else "", span + going))
        body.append(row(*cells))
    expected = []
    for r in range(rows):
        starts = dict.fromkeys((area_of[r, c][0], area_of[r, c][1]) for c in range(columns))
        expected.append(" | ".join(f"t{top}.{left}" for top, left in starts))
    assert [re.sub(r"t\d+\.\d+: ", "", line) for line in lines(table(*body))] == expected


class Generated:
    """A random document, and the words of it that a reader sees or does not see."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.seen: list[str] = []
        self.unseen: list[str] = []
        self.notes = ""
        self.note_count = 1

    def word(self, *, seen: bool = True) -> str:
        words = self.seen if seen else self.unseen
        words.append(f"{'w' if seen else 'u'}{len(words)}q")
        return words[-1]

    def inline(self, depth: int) -> str:
        kind = self.chance.randrange(13 if depth else 9)
        word = self.word
        if kind == 0:
            return run(f"{word(seen=False)} ", self.chance.choice(["<w:strike/>", "<w:vanish/>", "<w:dstrike/>"]))
        if kind == 1:
            return (
                f"<w:del><w:r><w:delText>{word(seen=False)}</w:delText></w:r></w:del><w:ins>{run(f'{word()} ')}</w:ins>"
            )
        if kind == 2:
            return field(f"REF {word(seen=False)}", run(f"{word()} "))
        if kind == 3:
            return f'<w:hyperlink r:id="x">{run(f"{word()} ")}</w:hyperlink>'
        if kind == 4:
            return f"<w:sdt><w:sdtPr/><w:sdtContent>{run(f'{word()} ')}</w:sdtContent></w:sdt>"
        if kind == 5:
            return run(f"{word()} ", more="<w:tab/>" + text(f"{word()} "))
        if kind == 6:
            return f"<m:oMath><m:r><m:t>{word()}</m:t></m:r></m:oMath>" + run(" ")
        if kind == 7:
            return f"<w:smartTag>{run(f'{word()} ')}</w:smartTag>"
        if kind == 8:
            return run(f"{word()} ", "<w:b/>")
        if kind == 9:
            self.note_count += 1
            self.notes += f'<w:footnote w:id="{self.note_count}">{paragraph(word())}</w:footnote>'
            return run(more=f'<w:footnoteReference w:id="{self.note_count}"/>')
        inside = "".join(self.block(depth - 1) for _ in range(self.chance.randint(1, 2)))
        box = f"<w:txbxContent>{inside}</w:txbxContent>"
        other = "<mc:Fallback><w:pict/></mc:Fallback>"
        return run(more=f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice>{other}</mc:AlternateContent>")

    def paragraph(self, depth: int) -> str:
        properties = self.chance.choice(
            ["", "", '<w:outlineLvl w:val="1"/>', '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>',
             "<w:rPr><w:del/></w:rPr>"]
        )  # fmt: skip
        inside = "".join(self.inline(depth) for _ in range(self.chance.randint(1, 4)))
        return paragraph(f"{self.word()} ", properties, more=inside)

    def block(self, depth: int) -> str:
        kind = self.chance.randrange(6) if depth else 0
        if kind == 4:
            return f"<w:sdt><w:sdtContent>{self.block(depth - 1)}</w:sdtContent></w:sdt>"
        if kind == 5:
            rows = [
                row(*(cell(more=self.block(depth - 1) if depth > 1 else self.paragraph(0)) for _ in range(2)))
                for _ in range(self.chance.randint(1, 3))
            ]
            return table(*rows)
        return self.paragraph(depth)


def test_every_visible_word_is_in_the_text_exactly_once(rounds: Callable[[int], int], seed: int) -> None:
    numbering = definition(0, level(0, "decimal", "%1.")) + listed(1, 0)
    for n in range(rounds(60)):
        made = Generated(random.Random(f"{seed} {n}"))
        body = "".join(made.block(2) for _ in range(6))
        found = read(body + paragraph("end"), numbering=numbering, footnotes=made.notes).text
        # the names of columns are written again in each row
        names = re.findall(r"(?:^|\| )([^|\n]*?): ", found, re.MULTILINE)
        counted = re.findall(r"[wu]\d+q", re.sub(r"(^|\| )[^|\n]*?: ", r"\1", found, flags=re.MULTILINE))
        assert sorted(counted) == sorted(made.seen), (n, names)
