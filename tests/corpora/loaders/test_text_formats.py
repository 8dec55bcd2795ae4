"""Markdown and HTML become the same kind of reading text."""

from __future__ import annotations

import pytest

from corpora.loaders.sandboxed_loader import load_bytes

MARKDOWN = """---
title: "The harbour"
date: 2020-01-01
---
# Harbour *notes*

The **old** harbour was
built in [1842](https://example.org/x "t").  ![a boat](boat.png)
It froze.

- first `item`
  goes on
- second

  more of it
  1. inner one
  2. inner two

3. three
4. four

```python
def f(x):

    return x
```

| Name | Age |
|------|-----|
| Ada  | 36  |

> Quoted text.

<!-- not this --><p>But <b>this</b>.</p>

Line one\\
line two &amp; more
"""

HTML = """<!doctype html><html><head><title> The
harbour </title><style>p{}</style><script>alert(1)</script></head><body>
<nav><a href=/>Home</a></nav>
<h1>Harbour <em>notes</em><a class="headerlink" href="#x">¶</a></h1>
<p>The <b>old</b> har&shy;bour was
built in <a href=x>1842</a>.<br>It froze.</p><!-- not this -->
<div>Loose text<div>inner</div>after</div>
<ul><li>first <code>item</code></li><li><p>second</p><ol start=3><li>inner</li></ol></li></ul>
<pre><code>def f(x):

    return x
</code></pre>
<table><tr><th>Name</th><th>Age</th></tr><tr><td>Ada
Lovelace</td><td>36</td></tr></table>
<p hidden>Somebody</p><p style="display: none">sees</p><footer>this</footer>
</body></html>"""


def test_markdown() -> None:
    document = load_bytes(MARKDOWN.encode(), "notes.md")
    assert document.metadata["title"] == "The harbour"
    assert document.text == (
        "title: The harbour\ndate: 2020-01-01\n\n"
        "Harbour notes\n\n"
        "The old harbour was built in 1842. a boat It froze.\n\n"
        "- first item goes on\n- second; more of it\n  1. inner one\n  2. inner two\n\n"
        "3. three\n4. four\n\n"
        "    def f(x):\n\n        return x\n\n"
        "Name | Age\nName: Ada | Age: 36\n\n"
        "Quoted text.\n\n"
        "But this.\n\n"
        "Line one\nline two & more"
    )


def test_html() -> None:
    document = load_bytes(HTML.encode(), "notes.htm")
    assert document.metadata["title"] == "The harbour"
    assert document.text == (
        "Harbour notes\n\n"
        "The old harbour was built in 1842.\nIt froze.\n\n"
        "Loose text\n\ninner\n\nafter\n\n"
        "- first item\n- second\n  3. inner\n\n"
        "    def f(x):\n\n        return x\n\n"
        "Name | Age\nName: Ada Lovelace | Age: 36\n\n"
        "Somebody\n\nsees\n\nthis"
    )


def test_html_reads_all_parts_and_not_the_main_one_alone() -> None:
    page = b"<title>T</title><header>Site</header><main><p>Text.</p></main><aside>Call 552.</aside><main></main>"
    assert load_bytes(page, "a.html").text == "Site\n\nText.\n\nCall 552."
    assert load_bytes(b"<main></main><p>Text.", "a.html").text == "Text."


def test_html_in_the_encoding_it_names() -> None:
    page = '<meta charset="iso-8859-7"><p>Καλημέρα κόσμε</p>'.encode("iso-8859-7")
    assert load_bytes(page, "a.html").text == "Καλημέρα κόσμε"


@pytest.mark.parametrize("tags", ["div", "p b", "ul li", "table tr td", "h2", "sup", "dl dt", "ruby rt", "math mrow"])
def test_html_that_is_nested_beyond_reason_is_read(tags: str) -> None:
    opening = "".join(f"<{name}>" for name in tags.split())
    closing = "".join(f"</{name}>" for name in reversed(tags.split()))
    assert "deep" in load_bytes((opening * 10_000 + "deep").encode(), "a.html").text
    assert "deep" in load_bytes(f"text\n\n{opening * 10_000}deep".encode(), "a.md").text
    assert "deep" in load_bytes(f"<html>{opening * 10_000}deep{closing * 10_000}</html>".encode(), "a.xhtml").text


def test_code_inside_a_list_stays_code() -> None:
    page = b"<ul><li>Run:<pre>a\n  b</pre></li><li>Done</li></ul>"
    assert load_bytes(page, "a.html").text == "- Run:\n\n    a\n      b\n\n- Done"
    assert load_bytes(b"- Run:\n\n  ```\n  a\n    b\n  ```\n- Done\n", "a.md").text == (
        "- Run:\n\n    a\n      b\n\n- Done"
    )


def test_titles_fall_back_to_a_first_heading_and_then_to_the_name() -> None:
    assert load_bytes(b"# Head\n\ntext", "a.md").metadata["title"] == "Head"
    assert load_bytes(b"just text", "a.md").metadata["title"] == "a.md"
    assert load_bytes(b"Head\n\nLong text here.", "a.txt").metadata["title"] == "Head"
    assert load_bytes(b"Long text here.", "a.txt").metadata["title"] == "a.txt"
