"""The library in a real browser: what a person does with files, jobs and documents, and what stays of it."""

from __future__ import annotations

import io
import re
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from corpora.documents import Mark
from tests.support.page_fakes import ASSERT_TEXT, COPIED, HOSTILE
from tests.support.page_live import LivePage, await_true, free_port
from tests.support.page_process import started
from tests.support.page_visit import DONE, Watched, asked

pytestmark = pytest.mark.browser

CHOOSE = ".drop input[multiple]"


def sheets(*names: str) -> list[dict[str, Any]]:
    """Text files, each with a text of its own, to be uploaded; ``bad.pdf`` among them is therefore no PDF."""
    return [
        {"name": name, "mimeType": "", "buffer": f"The text of {name} tells of one thing only: {name}.".encode()}
        for name in names
    ]


def library(page: Any, corpus: str = "empty") -> None:
    """Open the Library tab at a corpus."""
    page.get_by_role("tab", name="Library").click()
    page.click("#library-corpus input")
    page.click(f"[role=option]:has-text('{corpus}')")
    page.wait_for_selector(f".drop[data-corpus='{corpus}']")


def rows(page: Any) -> list[list[str]]:
    """Name and state of each file of the job that is open."""
    cells: list[list[str]] = page.eval_on_selector_all(
        ".job tbody tr",
        "all => all.map((row) => [row.querySelector('bdi').textContent, row.querySelector('.state').textContent])",
    )
    return cells


def names(page: Any) -> list[str]:
    """The documents in the list."""
    shown: list[str] = page.eval_on_selector_all("#documents tbody bdi", "all => all.map((one) => one.textContent)")
    return shown


@pytest.mark.parametrize("shape", [{"width": 1280}, {"width": 390, "height": 844, "dark": True}])
def test_a_corpus_some_files_one_of_them_bad_and_all_away_again(
    visit: Callable[..., Watched], live: LivePage, shape: dict[str, Any]
) -> None:
    page = visit(**shape).page
    page.get_by_role("tab", name="Library").click()
    page.fill("#new-corpus input, #new-corpus textarea", "notes")
    page.click("#create-corpus")
    page.wait_for_selector(".drop[data-corpus='notes']")
    page.wait_for_selector("#documents >> text=Nothing here yet")
    page.set_input_files(CHOOSE, sheets("one <b>.txt", "bad.pdf", "名前.md"))
    page.wait_for_selector(".job.finished .bad >> text=1 failed")
    assert rows(page) == [["bad.pdf", "failed"]]
    assert "is not a readable PDF" in page.inner_text(".job .cause")
    page.click(".job [data-action=all]")
    page.wait_for_selector(".job tr.ready")
    assert rows(page) == [["bad.pdf", "failed"], ["one <b>.txt", "ready"], ["名前.md", "ready"]]
    page.wait_for_selector("#documents tr >> nth=2")
    assert names(page) == ["one <b>.txt", "名前.md"]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.click(".job [data-action=dismiss]")
    page.wait_for_selector(".job", state="detached")
    page.click("#documents header [data-event=doomed]")
    page.click("dialog[open] [data-event=drop]")
    page.wait_for_selector(".drop[data-corpus='sample']")
    assert not live.registry.library.exists("notes")


def requested(live: LivePage) -> str:
    """What was last asked of the only job of the corpus "empty"."""
    database = sqlite3.connect(live.home / "corpora" / "empty" / "corpus.sqlite")
    try:
        return str(database.execute("SELECT wanted FROM jobs").fetchone()[0])
    finally:
        database.close()


def test_many_files_wait_for_the_word_and_can_be_paused_resumed_reloaded_and_cancelled(
    visit: Callable[..., Watched], live: LivePage
) -> None:
    page = visit().page
    library(page)
    page.set_input_files(CHOOSE, sheets(*(f"note {number}.txt" for number in range(8)), "film.mov"))
    page.wait_for_selector(".job h3 >> text=Add 9 files?")
    said = page.inner_text(".job")
    assert "8 files to read" in said
    assert "how long is not known yet" in said
    assert re.search(r"By type: 8 txt \(\d+ B\), 1 mov", said)
    assert rows(page) == [["film.mov", "left out"], *([f"note {number}.txt", "new"] for number in range(8))]
    assert "Files ending in .mov cannot be read" in page.inner_text(".job .cause")
    assert live.registry.texts("empty") == {}
    live.registry.encoder.gate.clear()
    live.registry.encoder.reached.clear()
    page.click(".job [data-action=resume] >> text=Start")
    page.wait_for_selector(".job.running tr:is(.chunking, .embedding)")
    assert live.registry.encoder.reached.wait(60)
    page.reload()
    page.wait_for_selector(".job.running tr:is(.chunking, .embedding)")  # the tab is shown again, and the job with it
    page.click(".job [data-action=pause]")
    await_true(lambda: requested(live) == "pause")
    page.wait_for_timeout(1500)  # The runner looks about once a second; the rest of eight short files takes less.
    live.registry.encoder.gate.set()
    page.wait_for_selector(".job.paused .state >> text=paused")
    done = len(live.registry.texts("empty"))
    assert done < 8
    page.reload()
    page.wait_for_selector(".job.paused [data-action=resume] >> text=Resume")
    live.registry.encoder.gate.clear()
    page.click(".job [data-action=resume]")
    page.wait_for_selector(".job.running")
    live.registry.encoder.gate.set()
    page.wait_for_selector(".job.finished")
    assert len(live.registry.texts("empty")) == 8
    page.set_input_files(CHOOSE, sheets(*(f"more {number}.txt" for number in range(8))))
    page.wait_for_selector(".job >> text=Add 8 files?")
    page.click(".job [data-action=cancel] >> nth=0")
    page.wait_for_selector(".job.cancelled >> text=8 cancelled")
    assert len(live.registry.texts("empty")) == 8
    staged = live.home / "corpora" / "empty" / "staging"
    await_true(lambda: not list(staged.rglob("*.txt")))


def test_one_file_is_cancelled_another_retried_and_a_second_browser_sees_it(
    visit: Callable[..., Watched], live: LivePage
) -> None:
    page, other = visit().page, visit().page
    library(page)
    library(other)
    live.registry.encoder.gate.clear()
    page.set_input_files(CHOOSE, sheets("a.txt", "bad.pdf", "c.txt"))
    for tab in (page, other):
        tab.wait_for_selector(".job.running tr:has-text('bad.pdf')")
    live.registry.encoder.gate.set()
    for tab in (page, other):
        tab.wait_for_selector("tr.failed:has-text('bad.pdf')")
    for tab in (page, other):
        tab.wait_for_selector(".job.finished .bad >> text=1 failed")
    live.registry.encoder.gate.clear()
    page.click(".job [data-action=retry][data-file]")
    for tab in (page, other):
        tab.wait_for_selector(".job.finished .bad >> text=1 failed")
    page.set_input_files(CHOOSE, sheets("d.txt", "e.txt"))
    page.wait_for_selector(".job.running tr:has-text('e.txt')")
    page.click(".job.running tr:has-text('e.txt') [data-action=cancel]")
    page.wait_for_selector(".job.running >> text=1 cancelled")
    live.registry.encoder.gate.set()
    page.wait_for_selector(".job.finished >> text=1 cancelled")
    assert sorted(live.registry.texts("empty")) == ["a.txt", "c.txt", "d.txt"]


def test_a_killed_server_goes_on_with_its_job_and_a_paused_one_stays_paused(
    open_browser: Callable[..., Any], tmp_path: Path
) -> None:
    port = free_port()
    process = started(tmp_path, port, 0.15)
    page = open_browser().new_page()
    try:
        page.goto(f"http://127.0.0.1:{port}")
        library(page, "notes")
        page.set_input_files(CHOOSE, sheets(*(f"note {number}.txt" for number in range(30))))
        page.click(".job [data-action=resume] >> text=Start")
        page.wait_for_selector(".job.running .good")
        process.kill()
        process.wait()
        process = started(tmp_path, port, 0.0)
        page.wait_for_selector(".job.finished >> text=30 ready")  # the page comes back by itself
        page.set_input_files(CHOOSE, sheets(*(f"more {number}.txt" for number in range(9))))
        page.wait_for_selector(".job.paused >> text=Add 9 files?")
        process.kill()
        process.wait()
        process = started(tmp_path, port, 0.0)
        page.goto(f"http://127.0.0.1:{port}")
        page.wait_for_selector(".job.paused >> text=Add 9 files?")
        assert page.inner_text("#documents .where").startswith("30 documents")
    finally:
        process.kill()
        process.wait()


def test_a_folder_keeps_its_names_and_a_zip_is_opened(
    visit: Callable[..., Watched], live: LivePage, tmp_path: Path
) -> None:
    folder = tmp_path / "handbook"
    for name in ("readme.md", "part 1/readme.md", "part 1/.hidden.md", "part 2/picture.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"What {name} says.", encoding="utf-8")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside/deep.txt", "What stands deep inside.")
        archive.writestr("../../out.txt", "What wants out.")
    page = visit().page
    library(page)
    page.set_input_files(".drop input[webkitdirectory]", folder)
    page.wait_for_selector(".job.finished")
    assert sorted(live.registry.texts("empty")) == ["handbook/part 1/readme.md", "handbook/readme.md"]
    assert "1 left out" in page.inner_text(".job .counts")
    good = io.BytesIO()
    with zipfile.ZipFile(good, "w") as archive:
        archive.writestr("inside/deep.txt", "What stands deep inside.")
    archives = [("good.zip", good), ("evil.zip", packed)]
    page.set_input_files(CHOOSE, [{"name": name, "mimeType": "", "buffer": data.getvalue()} for name, data in archives])
    page.click(".job [data-action=resume] >> text=Start")
    page.wait_for_selector(".job.finished tr.failed:has-text('evil.zip')")
    assert any(name.endswith("inside/deep.txt") for name in live.registry.texts("empty"))
    assert not any("out.txt" in name for name in live.registry.texts("empty"))


def test_hostile_names_are_text(visit: Callable[..., Watched], live: LivePage) -> None:
    page = visit().page
    library(page)
    odd = [*HOSTILE[:5], "x" * 300 + ".txt", "שלום\u202e.txt", "a\nb.txt", "../../../../etc/cron.d/x.txt"]
    page.set_input_files(CHOOSE, sheets(*odd))
    page.wait_for_selector(".job.paused")
    assert page.evaluate("globalThis.owned === undefined && document.title === 'Spandraft'")
    page.click(".job [data-action=resume]")
    page.wait_for_selector(".job.finished")
    page.wait_for_selector("#documents tbody tr")
    assert page.query_selector("#tab-library :is(img, iframe, svg[onload])") is None
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    outside = [path for path in live.home.parent.rglob("*") if "cron" in path.name or "owned" in path.name]
    assert outside == []


def test_a_document_goes_with_a_receipt_and_with_the_conversations_that_quote_it(
    visit: Callable[..., Watched], live: LivePage
) -> None:
    page, stranger = visit().page, visit().page
    asked(page, "Who quotes?")
    asked(stranger, "A stranger's question?")
    library(page, "sample")
    page.click("#documents tr:has-text('assert.md') [data-event=doomed]")
    said = page.wait_for_selector("dialog.doom[open]").inner_text()
    assert re.search(r"[1-9]\d* characters of text, in [1-9]\d* passages?", said)
    assert "1 conversation of yours quotes it and stays; you can remove it afterwards" in said
    assert "Who quotes? asked of sample" in said
    assert "stranger" not in said
    page.click("dialog.doom >> text=Keep")
    assert "assert.md" in live.registry.texts("sample")
    page.click("#documents tr:has-text('assert.md') [data-event=doomed]")
    page.click("dialog.doom[open] [data-event=remove]")
    receipt = page.wait_for_selector(".receipt")
    assert "assert.md is removed" in receipt.inner_text()
    assert names(page) == ["loops.md"]
    assert live.pipeline.forgotten[0] is None
    quoting = page.inner_text(".receipt .quoting")
    assert "Who quotes?" in quoting
    assert "stranger" not in quoting
    page.click(".receipt [data-event=conversations]")
    page.click(".receipt [data-event=conversations]")
    page.wait_for_selector(".receipt", state="detached")
    page.get_by_role("tab", name="Chat").click()
    page.wait_for_selector("#thread .hello")
    stranger.reload()
    stranger.wait_for_selector(f"{DONE} >> text=A stranger's question?")
    files = [path for path in live.home.rglob("*") if path.is_file()]
    assert not any(COPIED.encode() in path.read_bytes() for path in files if "conversations" not in path.name)


def test_a_corpus_goes_and_the_conversations_that_quote_it_are_offered(
    visit: Callable[..., Watched], live: LivePage
) -> None:
    page = visit().page
    library(page, "empty")
    page.click("#documents [data-event=doomed]:has-text('Remove corpus')")
    assert "No conversation of yours quotes it." in page.wait_for_selector("dialog.doom[open]").inner_text()
    page.click("dialog.doom >> text=Keep")
    page.get_by_role("tab", name="Chat").click()
    asked(page, "Who quotes?")
    library(page, "sample")
    page.click("#documents [data-event=doomed]:has-text('Remove corpus')")
    said = page.wait_for_selector("dialog.doom[open] >> text=quotes it and stays").inner_text()
    assert "1 conversation of yours" in said
    page.click("dialog.doom[open] [data-event=drop]")
    assert "The corpus sample is removed" in page.wait_for_selector(".receipt").inner_text()
    assert "Who quotes?" in page.inner_text(".receipt .quoting")
    page.click(".receipt [data-event=conversations]")
    page.click(".receipt [data-event=conversations]")
    page.wait_for_selector(".receipt", state="detached")
    assert "sample" not in live.registry.names()


def test_documents_are_found_and_turned_over(visit: Callable[..., Watched], live: LivePage) -> None:
    for number in range(120):
        live.registry.put("empty", f"chapter {number:03d}.pdf", f"Chapter {number} says {number}.")
    live.registry.put(
        "empty", "Überblick.pdf", "Eine Seite.", marks=(Mark(0, 11, "page", "1"),), metadata={"language": "de"}
    )
    page = visit().page
    library(page)
    page.wait_for_selector("#documents >> text=121 documents")
    titles = page.locator("#documents thead th").all_inner_texts()
    assert titles == ["Document", "Type", "Passages", "Added", "Action"], "no column of nothing"
    assert len(names(page)) == 50
    page.click("#documents .pager >> text=Later")
    page.wait_for_selector("#documents .pager >> text=51 to 100 of 121")
    page.fill("#find-document input, #find-document textarea", "über")
    page.wait_for_selector("#documents tr:has-text('Überblick.pdf')")
    assert names(page) == ["Überblick.pdf"]
    assert page.locator("#documents tbody td").all_inner_texts()[:3] == ["pdf", "de", "1"]
    page.fill("#find-document input, #find-document textarea", "nothing like it")
    page.wait_for_selector("#documents >> text=No document is called anything like")


def test_a_damaged_corpus_says_why_and_the_others_go_on(visit: Callable[..., Watched], live: LivePage) -> None:
    live.registry.library.create("broken").close()
    (live.home / "corpora" / "broken" / "corpus.sqlite").write_bytes(b"no database" * 1000)
    page = visit().page
    page.get_by_role("tab", name="Library").click()
    page.wait_for_selector(".drop[data-corpus='sample']")
    page.click("#library-corpus input")
    page.click("[role=option]:has-text('broken')")
    said = page.wait_for_selector("#documents [data-corpus=broken] .problem")
    assert "damaged" in said.inner_text()
    assert page.locator(".problem span").inner_text()
    assert page.locator("#tab-library .problem").count() == 1
    assert page.locator(".drop").count() == 0
    library(page)
    page.set_input_files(CHOOSE, sheets("a.txt"))
    page.wait_for_selector(".job.finished")
    assert list(live.registry.texts("empty")) == ["a.txt"]


def test_the_chat_answers_while_a_job_runs(visit: Callable[..., Watched], live: LivePage) -> None:
    page = visit().page
    library(page)
    live.registry.encoder.gate.clear()
    page.set_input_files(CHOOSE, sheets("a.txt", "b.txt"))
    page.wait_for_selector(".job.running")
    page.get_by_role("tab", name="Chat").click()
    asked(page, "Still there?")
    assert ASSERT_TEXT.endswith("optimized.")
    live.registry.encoder.gate.set()
    page.get_by_role("tab", name="Library").click()
    page.wait_for_selector(".job.finished")
