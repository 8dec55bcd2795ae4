"""The guard lets requests of our own page through, and none of another page."""

from __future__ import annotations

import itertools

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.ui.serving.guard import Guard
from app.ui.state.browser_events import SCOPE_COOKIE, scope_of


def _application() -> Guard:
    async def home(request: Request) -> HTMLResponse:
        return HTMLResponse("<p>home")

    async def api(request: Request) -> PlainTextResponse:
        return PlainTextResponse(scope_of(request.cookies))

    methods = ["GET", "POST", "PUT", "DELETE"]
    return Guard(
        Starlette(routes=[Route("/", home, methods=methods), Route("/api", api, methods=methods)]), host="127.0.0.1"
    )


@pytest.fixture
def client() -> TestClient:
    return TestClient(_application(), base_url="http://127.0.0.1:7860")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:7860", "", "a/?x=127.0.0.1"])
def test_foreign_hosts_are_refused(client: TestClient, host: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = client.request(method, "/api", headers={"host": host})
        assert answer.status_code == 403
        assert set(answer.json()) == {"cause", "hint"}


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860"])
def test_our_own_names_are_served(client: TestClient, host: str) -> None:
    assert client.get("/api", headers={"host": host}).status_code == 200


def test_other_origins_are_refused_whatever_they_send(client: TestClient) -> None:
    origins = ["http://evil.example", "null", "", "http://127.0.0.1:3000", "http://127.0.0.1.evil.example:7860"]
    types = ["application/json", "text/plain", "multipart/form-data; boundary=x"]
    for origin, kind, method in itertools.product(origins, types, ["GET", "POST", "PUT", "DELETE"]):
        answer = client.request(method, "/api", headers={"origin": origin, "content-type": kind})
        assert answer.status_code == 403, (origin, kind, method)
        assert "access-control-allow-origin" not in answer.headers
    assert client.post("/api", headers={"origin": "http://127.0.0.1:7860"}).status_code == 200


def test_another_site_may_follow_a_link_but_not_load_from_here(client: TestClient) -> None:
    site = {"sec-fetch-site": "cross-site"}
    assert client.get("/", headers={**site, "sec-fetch-mode": "navigate"}).status_code == 200
    assert client.get("/", headers={**site, "sec-fetch-mode": "no-cors"}).status_code == 403


def test_each_browser_gets_its_own_scope_once() -> None:
    scopes = set()
    for _ in range(3):
        client = TestClient(_application(), base_url="http://127.0.0.1")
        first = client.get("/")
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
        assert "set-cookie" not in client.get("/").headers
        scopes.add(client.get("/api").text)
    assert len(scopes) == 3 and "" not in scopes


def test_only_a_page_load_makes_a_scope(client: TestClient) -> None:
    assert "set-cookie" not in client.get("/api").headers


@pytest.mark.parametrize(
    "value", ["", "guess", "x" * 31, "x" * 33, "x" * 31 + "'", "../../../../../../../../../../../"]
)
def test_a_scope_that_we_did_not_make_counts_as_none(client: TestClient, value: str) -> None:
    answer = client.get("/", headers={"cookie": f"{SCOPE_COOKIE}={value}"})
    assert "set-cookie" in answer.headers
    assert scope_of({SCOPE_COOKIE: value}) == ""


def test_the_browser_is_told_to_load_nothing_from_elsewhere(client: TestClient) -> None:
    headers = client.get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self'"
    assert all("http" not in sources and "*" not in sources for sources in policy.values())
    assert headers["x-content-type-options"] == "nosniff"
