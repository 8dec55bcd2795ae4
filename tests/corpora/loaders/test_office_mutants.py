"""Documents and presentations whose XML is well formed but makes no sense: each is read or refused by name.

Elements are moved, doubled, dropped and given other values: what programs with faults write, and people with intent.
"""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from corpora.errors import LoaderError
from corpora.loaders.formats.office import pptx
from corpora.loaders.formats.word import docx
from tests.corpora.loaders.test_word_documents import Generated
from tests.support.mutator import mutated
from tests.support.word_files import definition, level, listed, paragraph, run, starting, word_file
from tests.support.zip_files import packed

VALUES = ["", "0", "-1", "1", "9", "65536", "99999999999999999999", "true", "restart", "nonsense", "%1%2%9", "\u202e"]


@cache
def word_document(n: int) -> bytes:
    made = Generated(random.Random(n))
    body = "".join(made.block(2) for _ in range(8))
    equation = (
        "<m:oMath><m:nary><m:sub/><m:e><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num></m:f></m:e></m:nary></m:oMath>"
    )
    refer = '<w:drawing><a:graphic><c:chart r:id="chart1.xml"/><dgm:relIds r:dm="data1.xml"/></a:graphic></w:drawing>'
    body += paragraph("end", more=equation + run(more=refer) + run(more='<w:sym w:font="Symbol" w:char="F0A3"/>'))
    chart = (
        '<c:chartSpace xmlns:c="c"><c:chart><c:ser><c:cat><c:multiLvlStrCache><c:lvl><c:pt idx="0"><c:v>A</c:v></c:pt>'
        '</c:lvl><c:lvl><c:pt idx="0"><c:v>B</c:v></c:pt></c:lvl></c:multiLvlStrCache></c:cat><c:val><c:numCache>'
        '<c:formatCode>yyyy</c:formatCode><c:pt idx="0"><c:v>45000</c:v></c:pt></c:numCache></c:val></c:ser></c:chart>'
        "</c:chartSpace>"
    )
    points = '<pt modelId="0" type="doc"/><pt modelId="1"><t><a:p><a:t>one</a:t></a:p></t></pt>'
    diagram = f'<d xmlns:a="a"><ptLst>{points}</ptLst><cxnLst><cxn srcId="0" destId="1" srcOrd="0"/></cxnLst></d>'
    files = {"chart chart1.xml": chart, "diagramData data1.xml": diagram, "aFChunk page.html": "<p>words"}
    numbering = definition(0, level(0, "upperRoman", "%1."), level(1, "decimal", "%1.%2", "<w:isLgl/>"))
    numbering += listed(1, 0, starting(0, 3)) + definition(1, '<w:numStyleLink w:val="L"/>') + listed(2, 1)
    styles = (
        '<w:style w:type="numbering" w:styleId="L"><w:pPr><w:numPr><w:numId w:val="2"/></w:numPr></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="A"><w:basedOn w:val="B"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr>'
        '</w:pPr></w:style><w:style w:type="paragraph" w:styleId="B"><w:basedOn w:val="A"/></w:style>'
    )
    return word_file(
        body + '<w:altChunk r:id="page.html"/>', files, numbering=numbering, styles=styles, footnotes=made.notes
    )


@cache
def slides(n: int) -> bytes:
    show: Any = Presentation()
    slide = show.slides.add_slide(show.slide_layouts[3])
    slide.shapes.title.text = f"Title {n}"
    slide.placeholders[1].text_frame.text = "one\ntwo"
    table = slide.shapes.add_table(3, 3, Inches(1), Inches(1), Inches(6), Inches(2)).table
    for i, cell in enumerate(table.iter_cells()):
        cell.text = f"c{i}"
    table.cell(0, 0).merge(table.cell(1, 1))
    data: Any = CategoryChartData()
    data.categories = ["a", "b"]
    data.add_series("S", (1, 2))
    slide.shapes.add_chart(XL_CHART_TYPE.PIE, Inches(1), Inches(1), Inches(2), Inches(2), data)
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(1), Inches(4), Inches(4), Inches(1)).text_frame.text = "grouped"
    slide.notes_slide.notes_text_frame.text = "notes"
    whole = io.BytesIO()
    show.save(whole)
    return whole.getvalue()


def rearranged(data: bytes, chance: random.Random) -> bytes:
    """A copy in one or two of whose parts some elements are moved, doubled or dropped, or have other values."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    parts = sorted(name for name in members if name.endswith((".xml", ".rels")) and "Content" not in name)
    for name in chance.sample(parts, 2):
        try:
            root = fromstring(members[name])
        except ParseError:
            continue
        for _ in range(chance.choice([1, 3, 20])):
            _rearrange(root, chance)
        members[name] = tostring(root)
    return packed(members)


def _rearrange(root: Element, chance: random.Random) -> None:
    every = list(root.iter())
    one, other = chance.choice(every), chance.choice(every)
    what = chance.randrange(5)
    if what == 0 and len(one):
        one.remove(one[chance.randrange(len(one))])
    elif what == 1 and len(one) and len(every) < 5000:
        one.append(one[0])
    elif what == 2 and len(every) < 5000 and other not in set(one.iter()) and one not in set(other.iter()):
        other.insert(0, one)
    elif what == 3 and one.attrib:
        one.set(chance.choice(sorted(one.attrib)), chance.choice(VALUES))
    elif what == 4:
        one.tag, other.tag = other.tag, one.tag


@pytest.mark.parametrize(("loader", "made"), [(docx.load, word_document), (pptx.load, slides)])
def test_well_formed_nonsense(
    loader: Callable[[bytes, str], object], made: Callable[[int], bytes], rounds: Callable[[int], int], seed: int
) -> None:
    read, refused = 0, []
    for n in range(rounds(60)):
        chance = random.Random(f"{seed} {n}")
        change = chance.choice([rearranged, rearranged, mutated])
        try:
            loader(change(made(n % 5), chance), "a.docx")
            read += 1
        except LoaderError as error:
            refused.append(error)
    assert all(error.cause and error.hint for error in refused)
    assert read > len(refused) / 9 > 0
