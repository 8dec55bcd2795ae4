"""Every way in which a name comes into the library; each is tried with each hostile name in one watched process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.errors import InputError, SpandraftError
from corpora.documents import Document
from corpora.errors import CorporaError
from corpora.jobs.ingest import ingest
from corpora.loaders.sandboxed_loader import expand, load_bytes
from corpora.store.library import Library
from corpora.store.store import CorpusStore
from corpora.text.chunking import passages
from corpora.transfer.export import export_corpus
from corpora.transfer.import_ import import_corpus
from tests.crash.hostile_names import SECRET, payloads
from tests.crash.watch import Watch
from tests.crash.zygote import Report

# What may be raised for a name: our own errors. Anything else would be a bare traceback for somebody.
_OURS = (CorporaError, InputError, SpandraftError)


def enter(report: Report, outer: str, entrance: str, first: int, step: int) -> None:
    """Try each ``step``-th name from ``first`` on; say what was opened outside and what was raised bare."""
    home = Path(outer) / "home"
    os.environ.update(SPANDRAFT_HOME=str(home), HOME=str(home), TMPDIR=f"{outer}/tmp")
    names = payloads(Path(outer))[first::step]
    tried = ENTRANCES | CONTROLS
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        attempt = tried[entrance](Path(outer))
        next(attempt)  # everything that is needed, made before anybody watches
        watch = Watch(writable=[home, Path(outer) / "tmp"], forbidden=Path(outer) / "canary")
        for name in names:
            before = len(watch.outside)
            try:
                attempt.send(name)
            except _OURS:
                attempt = tried[entrance](Path(outer))
                next(attempt)
            except BaseException as error:  # noqa: BLE001 - it is told, not hidden
                report(problem=f"{name!r}: a bare {type(error).__name__}: {error}")
                attempt = tried[entrance](Path(outer))
                next(attempt)
            for what in watch.outside[before:]:
                report(problem=f"{name!r}: {what}")
    report(tried=len(names), seen=watch.seen)


def library_names(outer: Path) -> Any:
    library = Library(outer / "home")
    while True:
        name = yield
        with contextlib.suppress(CorporaError):
            library.create(name).close()
        with contextlib.suppress(CorporaError):
            library.exists(name)
        with contextlib.suppress(CorporaError):
            library.open(name).close()
        with contextlib.suppress(CorporaError):
            library.remove(name)


def document_names(outer: Path) -> Any:
    store = opened(outer)
    while True:
        name = yield
        document = Document.of(name, f"The text of a document that is called {name!r}.")
        with contextlib.suppress(CorporaError):
            store.add(document, passages(document))
        with contextlib.suppress(CorporaError):
            store.document(name)
        with contextlib.suppress(CorporaError):
            store.remove(name)


def loader_names(outer: Path) -> Any:
    load_bytes(b"Warm.", "warm.txt")
    while True:
        name = yield
        for suffix in ("", ".txt", ".md"):
            with contextlib.suppress(CorporaError):
                load_bytes(b"A text that is long enough.", name + suffix)


def zip_members(outer: Path) -> Any:
    store = opened(outer)
    while True:
        name = yield
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name.encode("utf-8", "replace").decode()[:60_000]
            archive.writestr(info, f"A member that is called {name!r}.")
            link = zipfile.ZipInfo("link.txt")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, info.filename)
        with contextlib.suppress(CorporaError):
            expand(data.getvalue(), "a.zip")
        path = outer / "tmp" / "a.zip"
        path.write_bytes(data.getvalue())
        for outcome in ingest(store, [path]):
            if outcome.document is not None:
                store.remove(outcome.document.id)


def files_named(outer: Path) -> Any:
    """As far as the system lets a file be called so."""
    store = opened(outer)
    folder = outer / "tmp" / "named"
    folder.mkdir(exist_ok=True)
    while True:
        name = yield
        path = folder / (name.replace("/", "_").replace("\0", "_").encode("utf-8", "replace").decode()[:60] + ".txt")
        path.write_text(f"A file that is called {name!r}.")
        for outcome in ingest(store, [folder]):
            if outcome.document is not None and outcome.status != "unchanged":
                store.remove(outcome.document.name)
        path.unlink()


def imports(outer: Path) -> Any:
    store = opened(outer)
    library = Library(outer / "home")
    good = outer / "tmp" / "good.spandraft"
    export_corpus(store, good)
    bad = outer / "tmp" / "bad.spandraft"
    while True:
        name = yield
        with contextlib.suppress(CorporaError):
            library.remove(import_corpus(library, good, name).name)
        for change in (with_name, with_part):
            bad.write_bytes(change(good, name))
            with contextlib.suppress(CorporaError):
                library.remove(import_corpus(library, bad).name)


def with_name(export: Path, name: str) -> bytes:
    """The export, said to be of a corpus of another name."""
    return rewritten(export, lambda manifest: {**manifest, "name": name}, "manifest.json")


def with_part(export: Path, name: str) -> bytes:
    """The export with one more part."""

    def more(manifest: dict[str, Any]) -> dict[str, Any]:
        digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
        return {**manifest, "parts": {**manifest["parts"], name: {"bytes": 3, "sha256": digest}}}

    return rewritten(export, more, name)


def rewritten(export: Path, change: Callable[[dict[str, Any]], dict[str, Any]], extra: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(export) as old, zipfile.ZipFile(data, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "manifest.json":
                content = json.dumps(change(json.loads(content))).encode()
            elif extra not in old.namelist() and extra:
                added = zipfile.ZipInfo("placeholder")
                added.filename = extra.encode("utf-8", "replace").decode()[:60_000]
                new.writestr(added, b"foo")
                extra = ""
            new.writestr(info, content)
    return data.getvalue()


def uploads(outer: Path) -> Any:
    import asyncio

    from app.ui.state.uploads import UploadStore

    store = UploadStore(outer / "home" / "uploads")

    async def pieces() -> Any:
        yield b"An upload."

    while True:
        name = yield
        batch = store.open()
        with contextlib.suppress(InputError):
            asyncio.run(store.receive(batch, name, 10, pieces()))
        for upload in store.take(batch):
            Path(upload.path).read_bytes()
        store.discard(name)
        with contextlib.suppress(InputError):
            asyncio.run(store.receive(name, "a.txt", 10, pieces()))
        store.discard(batch)


COMMANDS = (
    ("create", "{}"), ("list", "{}"), ("show", "{}"), ("show", "x", "{}"),
    ("remove", "{}", "--yes"), ("remove", "x", "{}", "--yes"),
    ("verify", "{}"), ("rebuild", "{}"), ("export", "{}", "{tmp}/e.spandraft"),
    ("import", "{tmp}/good.spandraft", "{}"),
    ("jobs", "{}"), ("add", "{}", "{tmp}/none.txt"), ("sync", "{}", "{tmp}/none.txt"),
)  # fmt: skip


def command_line(outer: Path) -> Any:
    from app.cli import main

    export_corpus(opened(outer), outer / "tmp" / "good.spandraft")
    main(["corpus", "list", "--json"])
    while True:
        name = yield
        for command in COMMANDS:
            filled = [part.replace("{tmp}", f"{outer}/tmp").replace("{}", name) for part in command]
            try:
                code = main(["corpus", *filled])
            except SystemExit as end:  # argparse, after `--help` for one
                code = int(end.code or 0)
            if code == 70:
                raise RuntimeError(f"{filled} ends as a bug of ours")


def http(outer: Path) -> Any:
    from starlette.testclient import TestClient

    from app.config.settings import Settings
    from app.ui.serving.server import create_app
    from tests.support.page_fakes import FakePipeline
    from tests.support.page_registry import PageRegistry

    home = outer / "home"
    app = create_app(FakePipeline(), Settings(home=home), registry=PageRegistry(home, "sample")).asgi
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        client.get("/")
        url = type(client.base_url)
        batch = client.post("/library/uploads").json()["batch"]
        while True:
            name = yield
            raw = name.encode("utf-8", "replace")
            plain = b"".join(b"%%%02x" % byte if byte <= 32 or byte >= 127 else bytes([byte]) for byte in raw)[:8000]
            full = b"".join(b"%%%02x" % byte for byte in raw)[:8000]
            for part in dict.fromkeys((plain.replace(b"?", b"%3f").replace(b"#", b"%23"), full)):
                paths = [b"/gradio_api/file=", b"/file=", b"/static/", b"/assets/", b"/theme/", b"/library/", b"/"]
                answers = [client.get(url("http://127.0.0.1", raw_path=path + part)) for path in paths]
                answers.append(client.delete(url("http://127.0.0.1", raw_path=b"/library/uploads/" + part)))
                answers.append(client.post(url("http://127.0.0.1", raw_path=b"/library/uploads/" + part), content=b"x"))
                sent = b"/library/uploads/" + batch.encode() + b"?name=" + part.replace(b"&", b"%26")
                answers.append(client.post(url("http://127.0.0.1", raw_path=sent), content=b"x"))
                for answer in answers:
                    if SECRET.encode() in answer.content:
                        raise RuntimeError(f"{answer.request.url} gives what is outside")
                    if answer.status_code >= 500 and answer.request.url.path.startswith("/library"):  # ours
                        raise RuntimeError(f"{answer.request.url} gives {answer.status_code}")


def naive(outer: Path) -> Any:
    """The control: names are joined to paths as they come."""
    while True:
        name = yield
        with contextlib.suppress(OSError, ValueError), (outer / "home" / "corpora" / name).open("rb") as stream:
            stream.read(1)
        with contextlib.suppress(OSError, ValueError):
            (outer / "home" / "corpora" / f"{name}-x").mkdir()
        with contextlib.suppress(OSError, ValueError):
            (outer / "home" / "corpora" / f"{name}-y").write_text("x")


def opened(outer: Path) -> CorpusStore:
    """A corpus called x with a document, made if it is not there."""
    library = Library(outer / "home")
    store = library.open("x") if library.exists("x") else library.create("x")
    document = Document.of("one.txt", "A document that is there before.")
    store.add(document, passages(document))
    return store


ENTRANCES: dict[str, Callable[[Path], Any]] = {
    "library": library_names,
    "documents": document_names,
    "loaders": loader_names,
    "zip members": zip_members,
    "files": files_named,
    "imports": imports,
    "uploads": uploads,
    "command line": command_line,
    "http": http,
}
CONTROLS: dict[str, Callable[[Path], Any]] = {"naive": naive}
