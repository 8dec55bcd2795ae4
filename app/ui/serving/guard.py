"""ASGI middleware before everything else: refuses other web pages, gives each browser its scope, sets security headers.

Any web page that the user visits can reach a server on loopback: by a form or script of another origin, or by a host
name that is made to point at 127.0.0.1 (DNS rebinding). So the Host header must be one of ours, an Origin header must
equal the Host, and a request that the browser calls cross-site may at most follow a link here. Pure ASGI, so that the
application behind it notices a client that goes away.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.ui.state.browser_events import SCOPE_COOKIE, new_scope, scope_of

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
# Gradio compiles its templates and runs inline scripts, hence two unsafe keywords; nothing loads from elsewhere.
_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; media-src 'none'; object-src 'none'; frame-src 'none'; worker-src 'self' blob:;"
    " connect-src 'self'; font-src 'self' data:; form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        """``host`` is the address that the server listens on; requests may name it or a loopback name as Host."""
        self._app = app
        self._hosts = _LOOPBACK | {host.strip("[]").lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request with status 403, or pass it on and add headers and cookie to the response."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers)
        if refusal is not None:
            response = JSONResponse({"cause": refusal, "hint": "open the address that spandraft serve printed"}, 403)
            await response(scope, receive, send)
            return
        cookie_scope = "" if scope_of(_cookies(headers)) else new_scope()

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    out[name] = value
                # Only a page load sets the cookie: parallel requests of a new browser would each set another.
                if cookie_scope and out.get("content-type", "").startswith("text/html"):
                    out.append(
                        "set-cookie", f"{SCOPE_COOKIE}={cookie_scope}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000"
                    )
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _refusal(self, headers: Headers) -> str | None:
        """Why this request is refused; None if it may pass."""
        host = headers.get("host", "")
        if _hostname(host) not in self._hosts:
            return "this server does not answer to that host name"
        for origin in headers.getlist("origin"):
            if urlsplit(origin).netloc.lower() != host.lower():
                return "requests from other web pages are refused"
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return "requests from other web pages are refused"
        return None


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _cookies(headers: Headers) -> dict[str, str]:
    jar = SimpleCookie()
    try:
        jar.load("; ".join(headers.getlist("cookie")))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}
