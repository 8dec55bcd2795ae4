"""The application over HTTP, without a browser: what it serves, what it refuses, and what Gradio is told."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config.settings import Settings
from app.errors import ServerError
from app.ui.assets.styling import ON_LOAD, head, icon, style
from app.ui.serving.server import check_address, serve
from tests.support.page_fakes import COPIED, FakePipeline
from tests.support.page_live import LivePage, await_true


@pytest.fixture
def client(live: LivePage) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=live.url, timeout=20) as client:
        assert client.get("/").status_code == 200
        yield client


def config(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/config").json()
    return found


def events_of(
    client: httpx.Client, function: int, data: list[Any], trigger: int, event: Any = None
) -> list[dict[str, Any]]:
    """Run one event of the page as its own script does, and return all messages."""
    body = {"data": data, "fn_index": function, "session_hash": "test-tab", "trigger_id": trigger, "event_data": event}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    messages = []
    with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "test-tab"}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                messages.append(json.loads(line[6:]))
                if messages[-1]["msg"] in ("process_completed", "unexpected_error"):
                    break
    return messages


def component(settings: dict[str, Any], elem_id: str) -> int:
    """The number of a component."""
    return next(part["id"] for part in settings["components"] if part["props"].get("elem_id") == elem_id)


def dependency(settings: dict[str, Any], elem_id: str, event: str) -> int:
    """The number of the function that an event of a component calls."""
    wanted = [component(settings, elem_id), event]
    return next(part["id"] for part in settings["dependencies"] if wanted in [list(t) for t in part["targets"]])


def test_health(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok", "target": "fake-target"}


def test_the_list_says_that_it_loads_until_the_server_has_answered(client: httpx.Client) -> None:
    (documents,) = (one["props"] for one in config(client)["components"] if one["props"].get("elem_id") == "documents")
    assert "Loading..." in documents["value"]


def test_the_page_has_its_own_icon(client: httpx.Client) -> None:
    assert client.get("/favicon.ico").content == Path(icon()).read_bytes()


def test_what_gradio_is_told(client: httpx.Client) -> None:
    settings = config(client)
    assert settings["analytics_enabled"] is False
    assert not settings.get("run_history")
    assert settings["footer_links"] == []
    assert all(part["api_visibility"] == "private" for part in settings["dependencies"] if part["targets"])
    assert client.get("/gradio_api/info").json()["named_endpoints"] == {}
    assert client.get("/docs").status_code == 404


def test_no_template_of_the_page_is_evaluated_over_text(client: httpx.Client) -> None:
    for part in config(client)["components"]:
        if part["type"] == "html":
            assert part["props"]["html_template"] == "${value}"
            assert part["props"].get("css_template", "") == ""
            assert part["props"].get("head") is None


def test_the_page_names_no_other_server() -> None:
    for text in (style(), head(), ON_LOAD):
        assert "http" not in text and "//" not in text.replace("// ", "") and "@import" not in text


def test_files_outside_the_upload_folder_are_not_served(client: httpx.Client, live: LivePage) -> None:
    secret = live.home / "conversations.sqlite3"
    paths = [
        "/etc/passwd",
        str(secret),
        "pyproject.toml",
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
    ]
    for path in [
        *paths,
        str(Path.cwd() / "pyproject.toml"),
        "C:\\windows\\win.ini",
        "//host/share",
        "file:///etc/passwd",
    ]:
        for route in ("/gradio_api/file=", "/gradio_api/file/", "/file="):
            answer = client.get(route + path)
            assert answer.status_code in (403, 404, 400), (route, path)
            assert "root:" not in answer.text and "[project]" not in answer.text


def test_no_event_can_name_a_file_of_the_server(client: httpx.Client, live: LivePage) -> None:
    settings = config(client)
    for path in ("/etc/passwd", "http://attacker.invalid/x", "../../../etc/passwd", "a\x00b", 3):
        stolen = {"path": path, "orig_name": "x.txt", "meta": {"_type": "gradio.FileData"}}
        for elem_id, event, data in (
            ("upload", "staged", [stolen]),
            ("find-document", "change", [stolen, stolen, ""]),
            ("fix", "click", [stolen]),
            ("question", "submit", [{"deep": [stolen]}, "sample", ""]),
        ):
            messages = events_of(client, dependency(settings, elem_id, event), data, component(settings, elem_id))
            assert messages[-1]["success"] is False, (path, elem_id)
    assert live.registry.texts("empty") == {}
    assert [path for path in (live.home / "uploads").rglob("*") if path.is_file()] == []


def test_foreign_pages_are_refused_on_every_route(client: httpx.Client) -> None:
    for route in ("/", "/health", "/config", "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/info"):
        for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"host": "evil.example"}):
            assert client.post(route, headers=headers).status_code == 403, route


def test_an_answer_streams_and_is_kept_for_this_browser_only(client: httpx.Client, live: LivePage) -> None:
    settings = config(client)
    ask = dependency(settings, "question", "submit")
    messages = events_of(client, ask, ["What is assert?", "sample", ""], component(settings, "question"))
    assert messages[-1]["success"] is True
    assert sum(message["msg"] == "process_generating" for message in messages) >= 2
    assert COPIED in json.dumps(messages[-1]["output"]["data"])
    load = next(part for part in settings["dependencies"] if part["targets"] and part["targets"][0][1] == "load")
    assert "What is assert?" in json.dumps(events_of(client, load["id"], [], 0))
    with httpx.Client(base_url=live.url) as stranger:
        stranger.get("/")
        assert "What is assert?" not in json.dumps(events_of(stranger, load["id"], [], 0))


def test_without_a_choice_the_default_corpus_is_asked_and_without_a_corpus_it_is_said(
    client: httpx.Client, live: LivePage
) -> None:
    settings = config(client)
    ask = dependency(settings, "question", "submit")
    number = component(settings, "question")
    assert COPIED in json.dumps(events_of(client, ask, ["What is assert?", None, None], number))
    for corpus in ("sample", "empty"):
        live.registry.remove_corpus(corpus)
    assert "There is no corpus yet." in json.dumps(events_of(client, ask, ["And now?", None, None], number))


def test_an_upload_becomes_a_document_and_is_then_deleted(client: httpx.Client, live: LivePage) -> None:
    settings = config(client)
    batch = client.post("/library/uploads").json()["batch"]
    client.post(f"/library/uploads/{batch}", params={"name": "my notes.txt"}, content=b"hello world, said the page")
    staged = dependency(settings, "upload", "staged")
    data = {"corpus": "empty", "batch": batch}
    messages = events_of(client, staged, [""], component(settings, "upload"), event=data)
    assert messages[-1]["success"] is True
    jobs = live.registry.jobs("empty")
    await_true(lambda: [job.state for job in jobs.all()] == ["finished"])
    assert live.registry.texts("empty") == {"my notes.txt": "hello world, said the page"}
    left = [path for path in live.home.rglob("*") if path.is_file() and b"hello world" in path.read_bytes()]
    assert {path.name for path in left} <= {"corpus.sqlite", "corpus.sqlite-wal"}


def test_the_bytes_of_an_upload_are_written_once(client: httpx.Client, live: LivePage) -> None:
    settings = config(client)
    batch = client.post("/library/uploads").json()["batch"]
    for number in range(6):  # more than a few wait for the user's word, so the staged files can be looked at
        name = f"note {number}.txt"
        client.post(f"/library/uploads/{batch}", params={"name": name}, content=name.encode())
    received = {path.read_bytes(): path.stat() for path in (live.home / "uploads").rglob("*.txt")}
    data = {"corpus": "empty", "batch": batch}
    events_of(client, dependency(settings, "upload", "staged"), [""], component(settings, "upload"), event=data)
    staged = {path.read_bytes(): path.stat() for path in (live.home / "corpora").rglob("*.txt")}
    assert len(staged) == 6
    assert {text: stat.st_ino for text, stat in staged.items()} == {t: s.st_ino for t, s in received.items()}
    assert {stat.st_mode & 0o777 for stat in staged.values()} == {0o600}
    assert not list((live.home / "uploads").rglob("*.txt"))


def test_port_in_use_is_said_before_anything_slow(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError) as caught:
            serve(FakePipeline(), Settings(home=tmp_path / "home", port=port))
    assert str(port) in caught.value.cause and f"--port {port + 1}" in caught.value.hint
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org"])
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(ServerError) as caught:
        check_address(host, 7860)
    assert "loopback" in caught.value.cause and "ssh -L" in caught.value.hint
