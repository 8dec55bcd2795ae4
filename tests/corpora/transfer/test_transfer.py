"""Export and import: what comes back is what was, and no file of a stranger gets in that an export would not write."""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as load_safetensors

from corpora.documents import Document, Mark, Passage
from corpora.errors import CorpusExists, DamagedExport, InvalidName, LibraryError, UnreadableFile, UnstorableDocument
from corpora.store.library import Library
from corpora.store.records import SourceFile
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking
from corpora.text.chunking import passages as cut
from corpora.transfer.export import export_corpus
from corpora.transfer.import_ import ImportOptions, import_corpus
from corpora.transfer.vectors import VectorKind

ONE, MANY = VectorKind("vectors:letters", "vectors"), VectorKind("sentences:letters", "sentences", one_each=False)
TEXT = (
    "The finally clause is always executed. It runs even when a return statement is executed.\n\n"
    "A lambda expression creates an anonymous function. Its body is a single expression, evaluated when called. "
) * 6


class Letters:
    """Derived rows: one unit vector of letter counts a passage, or one a word."""

    def __init__(self, kind: VectorKind) -> None:
        self.kind = kind.kind
        self._one_each = kind.one_each
        self.computed = 0

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        self.computed += len(passages)
        return [b"".join(_vector(text) for text in self._texts(passage)) for passage in passages]

    def _texts(self, passage: Passage) -> list[str]:
        return [passage.text] if self._one_each else passage.text.split(".")[:5]


def _vector(text: str) -> bytes:
    counts_D = np.array([text.count(letter) for letter in "etaoins"], dtype=np.float32)
    return (counts_D / max(float(np.linalg.norm(counts_D)), 1e-9)).astype("<f4").tobytes()


def rows() -> list[Letters]:
    return [Letters(ONE), Letters(MANY)]


def fits(kind: str, passages: Sequence[Passage], values: Sequence[bytes]) -> bool:
    made = Letters(ONE if kind == ONE.kind else MANY).compute(passages)
    return all(
        len(one) == len(other) and np.allclose(np.frombuffer(one, "<f4"), np.frombuffer(other, "<f4"))
        for one, other in zip(made, values, strict=True)
    )


def wish(derived: Sequence[Letters], chunking: Chunking | None = None) -> ImportOptions:
    return ImportOptions(derived, (ONE, MANY), chunking, fits)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "home")


@pytest.fixture
def store(library: Library) -> CorpusStore:
    """Three documents, one with marks and metadata, two of one text, and one without a passage."""
    made = library.create("mine")
    made.set_chunking(Chunking(120))
    made.set_encoder("letters")
    put(
        made,
        Document.of("a/b.txt", TEXT, {"title": "B", "pages": 2, "odd": "\ud800"}, [Mark(0, 90, "page", "i")]),
    )
    put(made, Document.of("Übung 練習.pdf", "x" + TEXT), SourceFile("/home/someone/secret/Übung.pdf", 9, 7, b"\1" * 32))
    put(made, Document.of("again.md", "old"))
    put(made, Document.of("again.md", TEXT))
    put(made, Document.of("empty.md", " \n"))
    return made


def put(store: CorpusStore, document: Document, source: SourceFile | None = None) -> None:
    passages = cut(document, target_chars=120)
    store.put(document, passages, {one.kind: one.compute(passages) for one in rows()}, source=source)


def contents(store: CorpusStore) -> dict[str, Any]:
    """All that an export is to keep."""
    documents = {info.name: store.document(info.id) for info in store.documents()}
    passages = [stored.passage for stored in store.passages_after(0)]
    values = {kind.kind: [store.derived_of(kind.kind, [one])[one.id] for one in passages] for kind in (ONE, MANY)}
    return {"documents": documents, "passages": passages, "values": values, "chunking": store.chunking()}


def test_an_import_has_all_that_was_exported(library: Library, store: CorpusStore, tmp_path: Path) -> None:
    done = export_corpus(store, tmp_path / "out", [ONE, MANY])
    assert done.bytes == (tmp_path / "out").stat().st_size
    assert (done.documents, done.kinds) == (4, (ONE.kind, MANY.kind))
    derived = rows()
    found = import_corpus(library, tmp_path / "out", "copy", options=wish(derived))
    assert (found.name, found.documents, found.passages) == ("copy", 4, done.passages)
    assert (found.reused, found.computed) == ((ONE.kind, MANY.kind), ())
    assert sum(one.computed for one in derived) == 0
    assert contents(library.open("copy")) == contents(store)
    assert library.open("copy").missing_derived(ONE.kind) == []


def test_other_tools_read_its_parts(store: CorpusStore, tmp_path: Path) -> None:
    export_corpus(store, tmp_path / "out.zip", [ONE, MANY])
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        lines = [json.loads(line) for line in archive.read("documents.jsonl").decode().splitlines()]
        vectors = load_safetensors(archive.read("sentences.safetensors"))
        manifest = json.loads(archive.read("manifest.json"))
        hashes = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in manifest["parts"]}
    assert {line["name"] for line in lines} == {"a/b.txt", "Übung 練習.pdf", "again.md", "empty.md"}
    assert vectors["vectors"].shape == (vectors["counts"].sum(), 7)
    assert {name: part["sha256"] for name, part in manifest["parts"].items()} == hashes
    assert b"someone" not in (tmp_path / "out.zip").read_bytes()


def test_the_same_corpus_gives_the_same_file(library: Library, store: CorpusStore, tmp_path: Path) -> None:
    export_corpus(store, tmp_path / "one", [ONE, MANY])
    export_corpus(store, tmp_path / "two", [ONE, MANY])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    import_corpus(library, tmp_path / "one", "mine2", options=wish(rows()))
    export_corpus(library.open("mine2"), tmp_path / "three", [ONE, MANY])
    assert _lines(tmp_path / "three") == [{**line, "source": None} for line in _lines(tmp_path / "one")]


def _lines(path: Path) -> list[Any]:
    with zipfile.ZipFile(path) as archive:
        return [json.loads(line) for line in archive.read("documents.jsonl").decode().splitlines()]


def test_vectors_of_another_encoder_or_chunking_are_computed(
    library: Library, store: CorpusStore, tmp_path: Path
) -> None:
    export_corpus(store, tmp_path / "out", [ONE, MANY])
    other = Letters(replace(ONE, kind="vectors:other"))
    found = import_corpus(library, tmp_path / "out", "other", options=wish([other]))
    assert (found.reused, found.computed) == ((), ("vectors:other",))
    assert library.open("other").derived_kinds() == ["vectors:other"]
    recut = import_corpus(library, tmp_path / "out", "recut", options=wish(rows(), Chunking(300)))
    assert recut.reused == ()
    assert 0 < recut.passages < found.passages
    assert library.open("recut").chunking() == Chunking(300)


def test_vectors_that_are_not_those_of_their_passages_are_computed(
    library: Library, store: CorpusStore, tmp_path: Path
) -> None:
    class Wrong(Letters):
        def compute(self, passages: Sequence[Passage]) -> list[bytes]:
            return super().compute(passages)[::-1] if len(passages) > 1 else [_vector("ooo")] * len(passages)

    for stored in list(store.passages_after(0)):
        store.add_derived(Wrong(ONE), [stored.row])
    export_corpus(store, tmp_path / "out", [ONE])
    found = import_corpus(library, tmp_path / "out", "copy", options=wish(rows()))
    assert (found.reused, found.computed) == ((), (ONE.kind, MANY.kind))
    copied = library.open("copy")
    first = next(copied.passages_after(0)).passage
    assert copied.derived_of(ONE.kind, [first])[first.id] == _vector(first.text)


def test_a_kind_that_is_not_whole_stays_at_home(store: CorpusStore, tmp_path: Path) -> None:
    document = Document.of("late.txt", TEXT + "late")
    store.put(document, cut(document), {MANY.kind: Letters(MANY).compute(cut(document))})
    assert export_corpus(store, tmp_path / "out", [ONE, MANY]).kinds == ()


def test_names(library: Library, store: CorpusStore, tmp_path: Path) -> None:
    export_corpus(store, tmp_path / "out")
    with pytest.raises(CorpusExists):
        import_corpus(library, tmp_path / "out")
    with pytest.raises(InvalidName):
        import_corpus(library, tmp_path / "out", "../up")
    library.remove("mine")
    assert import_corpus(library, tmp_path / "out").name == "mine"


def test_what_could_not_be_imported_is_not_exported(store: CorpusStore, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("as it was")
    store.put(Document.of("../up.txt", "up"), [], {})
    with pytest.raises(UnstorableDocument, match=r"\.\./up"):
        export_corpus(store, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "as it was"
    with pytest.raises(LibraryError):
        export_corpus(store, tmp_path / "nowhere" / "out")


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)
names = words.filter(lambda name: name.isprintable() and not {"", "..", "."} & {*name.replace("\\", "/").split("/")})


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(names, words, max_size=5), st.integers(10, 200), st.data())
def test_whatever_is_stored_comes_back(texts: dict[str, str], target: int, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder))
        store = library.create("one")
        for name, text in texts.items():
            spans = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
            marks = [Mark(*span, "heading", name) for span in data.draw(st.lists(spans, max_size=3))]
            document = Document.of(name, text, {"n": len(text), name: None}, marks)
            passages = cut(document, target_chars=target)
            store.put(document, passages, {one.kind: one.compute(passages) for one in rows()})
        export_corpus(store, Path(folder) / "out", [ONE, MANY])
        import_corpus(library, Path(folder) / "out", "two", options=wish(rows()))
        assert contents(library.open("two")) == contents(store)


# ---------------------------------------------------------------------------------------------- from a stranger


@pytest.fixture
def parts(store: CorpusStore, tmp_path: Path) -> dict[str, bytes]:
    """An export, taken apart."""
    export_corpus(store, tmp_path / "good", [ONE, MANY])
    with zipfile.ZipFile(tmp_path / "good") as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def packed(parts: Mapping[str, bytes], path: Path, /, *, method: int = zipfile.ZIP_STORED, **manifest: Any) -> Path:
    """An archive of these parts whose manifest is right about sizes and checksums, and says what else is given."""
    described = json.loads(parts["manifest.json"])
    for name, part in list(described["parts"].items()):
        if name in parts:
            part |= {"bytes": len(parts[name]), "sha256": hashlib.sha256(parts[name]).hexdigest()}
        else:
            del described["parts"][name]
    described |= manifest
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in parts.items():
            archive.writestr(name, json.dumps(described) if name == "manifest.json" else data)
    return path


def refused(library: Library, path: Path) -> DamagedExport:
    """The error that an import ends with; the library is as it was."""
    before = sorted(entry.name for entry in (library._folder).iterdir())
    with pytest.raises(DamagedExport) as caught:
        import_corpus(library, path, "copy", options=wish(rows()))
    assert sorted(entry.name for entry in library._folder.iterdir()) == before
    assert path.name in caught.value.cause and caught.value.hint and "\n" not in caught.value.cause
    return caught.value


def changed(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    """Another first document."""

    def change(parts: dict[str, bytes]) -> None:
        first, *rest = parts["documents.jsonl"].split(b"\n")
        parts["documents.jsonl"] = b"\n".join([json.dumps(json.loads(first) | fields).encode(), *rest])

    return change


def line(text: bytes) -> Callable[[dict[str, bytes]], None]:
    """A line more."""

    def change(parts: dict[str, bytes]) -> None:
        parts["documents.jsonl"] += text + b"\n"

    return change


def vectors(change_array: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], None]:
    """Other vectors under the same header."""

    def change(parts: dict[str, bytes]) -> None:
        data = bytearray(parts["vectors.safetensors"])
        found = load_safetensors(bytes(data))["vectors"].copy()
        made = change_array(found).astype("<f4").tobytes()
        parts["vectors.safetensors"] = bytes(data[: len(data) - found.nbytes]) + made

    return change


def header(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    """Another header before the same vectors."""

    def change(parts: dict[str, bytes]) -> None:
        data = parts["vectors.safetensors"]
        size = struct.unpack("<Q", data[:8])[0]
        made = json.dumps(json.loads(data[8 : 8 + size]) | fields).encode()
        parts["vectors.safetensors"] = struct.pack("<Q", len(made)) + made + data[8 + size :]

    return change


def counts(value: int) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        data = bytearray(parts["vectors.safetensors"])
        at = 8 + struct.unpack("<Q", data[:8])[0]
        data[at : at + 4] = struct.pack("<i", value)
        parts["vectors.safetensors"] = bytes(data)

    return change


def poke(array: Any, value: float) -> Any:
    array[0, 0] = value
    return array


HOSTILE: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a passage beyond its text": changed(passages=[[0, 10**6]]),
    "a passage that ends before it starts": changed(passages=[[9, 3]]),
    "a passage before its text": changed(passages=[[-4, 3]]),
    "a passage of floats": changed(passages=[[0.0, 3.0]]),
    "a passage of booleans": changed(passages=[[False, True]]),
    "a passage of three": changed(passages=[[0, 3, 4]]),
    "passages that are a text": changed(passages="0-3"),
    "a passage twice": changed(passages=[[0, 3], [0, 3]]),
    "a mark beyond its text": changed(marks=[[0, 10**6, "page", "1"]]),
    "a mark of an unknown kind": changed(marks=[[0, 3, "script", "1"]]),
    "a mark of a kind that is a list": changed(marks=[[0, 3, ["page"], "1"]]),
    "a mark of half a character": changed(marks=[[0, 3, "page", "\ud800"]]),
    "a mark without label": changed(marks=[[0, 3, "page", None]]),
    "a name that leads up": changed(name="a/../../etc/passwd"),
    "a name that leads up on Windows": changed(name="a\\..\\b"),
    "a name from the root": changed(name="/etc/passwd"),
    "a name of nothing": changed(name=""),
    "a name with an escape": changed(name="\x1b[2J"),
    "a name that turns round": changed(name="txt.\u202eexe"),
    "a name that is long": changed(name="n" * 5000),
    "a name that is a number": changed(name=7),
    "an id that leads up": changed(id="../x"),
    "an id with a colon": changed(id="a:1-2"),
    "a text that is no text": changed(text=["x"]),
    "half a character": changed(text="\ud800"),
    "metadata that nest": changed(metadata={"a": {"b": 1}}),
    "metadata that are a list": changed(metadata=[1]),
    "metadata without end": changed(metadata={str(number): 1 for number in range(2000)}),
    "a field more": changed(run="x"),
    "no document": line(b"{}"),
    "no JSON": line(b"{"),
    "not even text": line(b"\xff\xfe"),
    "a number that is none": line(b'{"id": NaN}'),
    "a number without end": line(b'{"id": ' + b"9" * 10_000 + b"}"),
    "depth without end": line(b"[" * 200_000),
    "an empty line": line(b""),
    "a document more": lambda parts: line(parts["documents.jsonl"].split(b"\n")[0])(parts),
    "no documents": lambda parts: parts.update({"documents.jsonl": b""}),
    "no document file": lambda parts: parts.pop("documents.jsonl"),
    "a vector that is no number": vectors(lambda found: poke(found, float("nan"))),
    "a vector without end": vectors(lambda found: poke(found, float("inf"))),
    "a vector that is too long": vectors(lambda found: poke(found, 3.0)),
    "vectors that are half": vectors(lambda found: found * 0.5),
    "vectors that are too few": vectors(lambda found: found[:-1]),
    "vectors that are too many": vectors(lambda found: np.concatenate([found, found])),
    "vectors of another shape": header(vectors={"dtype": "F32", "shape": [10**9, 7], "data_offsets": [0, 28 * 10**9]}),
    "vectors of another type": header(vectors={"dtype": "F64", "shape": [1, 7], "data_offsets": [0, 28]}),
    "a header of nothing": header(vectors=None),
    "a passage with two vectors": counts(2),
    "a passage with fewer vectors than none": counts(-1),
    "a passage with vectors without end": counts(2**31 - 1),
    "a header without end": lambda parts: parts.update({"vectors.safetensors": struct.pack("<Q", 2**60) + b"{}"}),
    "no vectors at all": lambda parts: parts.update({"vectors.safetensors": b""}),
    "a part that nobody names": lambda parts: parts.update({"../evil.py": b"print()"}),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_export_is_refused(
    library: Library, parts: dict[str, bytes], tmp_path: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    change(parts)
    refused(library, packed(parts, tmp_path / "bad.spandraft"))


MANIFESTS: dict[str, dict[str, Any]] = {
    "more documents than there are": {"documents": 5},
    "fewer passages than there are": {"passages": 3},
    "passages without end": {"passages": 10**12},
    "a count below none": {"documents": -1},
    "a count that is true": {"documents": True},
    "another format": {"format": "zip"},
    "a later version": {"version": 2},
    "a name that is a list": {"name": []},
    "a chunking of nothing": {"chunking": {"target_chars": 0, "overlap_sentences": 1}},
    "a chunking of something else": {"chunking": {"import": "os"}},
    "an encoder that is a number": {"encoder": 7},
    "no parts": {"parts": {}},
    "parts without checksum": {"parts": {"documents.jsonl": {"bytes": 1}}},
    "a part of another size": {"parts": {"documents.jsonl": {"bytes": 1, "sha256": "0" * 64}}},
}


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS.keys())
def test_a_manifest_that_does_not_hold_is_refused(
    library: Library, parts: dict[str, bytes], tmp_path: Path, manifest: dict[str, Any]
) -> None:
    refused(library, packed(parts, tmp_path / "bad.spandraft", **manifest))


def test_a_name_in_a_manifest_leads_nowhere(library: Library, parts: dict[str, bytes], tmp_path: Path) -> None:
    for name in ("../up", "/etc/passwd", "a/b", ".hidden", "a\x1b[2J", "n" * 65):
        with pytest.raises(InvalidName):
            import_corpus(library, packed(parts, tmp_path / "bad.spandraft", name=name), options=wish(rows()))
    assert library.names() == ["mine"]


def test_a_checksum_that_does_not_hold_is_refused(library: Library, parts: dict[str, bytes], tmp_path: Path) -> None:
    described = json.loads(parts["manifest.json"])["parts"]
    for name in described:
        wrong = {**described, name: {**described[name], "sha256": "0" * 64}}
        refused(library, packed(parts, tmp_path / "bad.spandraft", parts=wrong))


def archives(parts: dict[str, bytes], tmp_path: Path) -> Iterator[Path]:
    yield packed(parts, tmp_path / "deflated", method=zipfile.ZIP_DEFLATED)
    many = {**parts, **{str(number): b"" for number in range(70_000)}}
    yield packed(many, tmp_path / "many")
    twice = packed(parts, tmp_path / "twice")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("documents.jsonl", parts["documents.jsonl"])
    yield twice
    commented = packed(parts, tmp_path / "commented")
    with zipfile.ZipFile(commented, "a") as archive:
        archive.comment = b"hello"
    yield commented
    without = {name: data for name, data in parts.items() if name != "manifest.json"}
    with zipfile.ZipFile(tmp_path / "bare", "w") as archive:
        for name, data in without.items():
            archive.writestr(name, data)
    yield tmp_path / "bare"
    shared = bytearray(packed(parts, tmp_path / "shared").read_bytes())
    at = shared.find(b"PK\x01\x02", shared.find(b"PK\x01\x02") + 1)
    shared[at + 42 : at + 46] = bytes(4)
    (tmp_path / "shared").write_bytes(shared)
    yield tmp_path / "shared"
    (tmp_path / "words").write_text("no zip at all, and yet longer than what stands at the end of one" * 9)
    yield tmp_path / "words"
    (tmp_path / "nothing").write_bytes(b"")
    yield tmp_path / "nothing"


def test_an_archive_that_no_export_writes_is_refused(library: Library, parts: dict[str, bytes], tmp_path: Path) -> None:
    seen = [refused(library, path).cause for path in archives(parts, tmp_path)]
    assert len(seen) == 8


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
def test_every_flip_and_every_cut_is_found(
    library: Library, parts: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    """Whatever byte of an export changes, nothing false is imported: it is refused, or the byte meant nothing."""
    good, rng = (tmp_path / "good").read_bytes(), random.Random(seed)
    import_corpus(library, tmp_path / "good", "reference", options=wish(rows()))
    wanted = contents(library.open("reference"))
    refusals = 0
    for number in range(40):
        bad = bytearray(good)
        if number % 4 == 0:
            del bad[rng.randrange(len(bad)) :]
        else:
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        path = tmp_path / "bad.spandraft"
        path.write_bytes(bad)
        try:
            import_corpus(library, path, f"n{number}", options=wish(rows()))
        except DamagedExport:
            refusals += 1
        else:
            assert contents(library.open(f"n{number}")) == wanted
    assert refusals >= 36


def test_a_bomb_costs_little_memory(library: Library, parts: dict[str, bytes], tmp_path: Path) -> None:
    """Millions of small values in a short line: they are counted before they become objects."""
    line(b"[" + b"[]," * 20_000_000 + b"[]]")(parts)
    path = packed(parts, tmp_path / "bad.spandraft")
    tracemalloc.start()
    try:
        refused(library, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300 * 2**20


def test_a_large_export_costs_little_memory(library: Library, tmp_path: Path) -> None:
    store = library.create("large")
    for number in range(60):
        document = Document.of(f"{number}.txt", f"{number} {TEXT}" * 80)
        passages = cut(document, target_chars=2000)
        store.put(document, passages, {one.kind: one.compute(passages) for one in rows()})
    tracemalloc.start()
    try:
        export_corpus(store, tmp_path / "out", [ONE, MANY])
        tracemalloc.reset_peak()
        import_corpus(library, tmp_path / "out", "copy", options=wish(rows()))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size > 5 * 2**20
    assert peak < 3 * 2**20


def test_what_is_no_file_is_said_to_be_none(library: Library, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="does not exist"):
        import_corpus(library, tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedExport, match="not a file"):
        import_corpus(library, tmp_path / "pipe")
    with pytest.raises((UnreadableFile, DamagedExport)):
        import_corpus(library, tmp_path)
