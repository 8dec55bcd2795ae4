"""Where browsers send files: one request a file, so that names keep their folders and one bad file stops no other.

Gradio's own upload forgets the folders and takes a thousand files at most. Refuses with cause and hint as JSON. The
guard has looked at every request before.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from app.errors import InputError
from app.ui.serving.uploads import Incoming


def upload_routes(incoming: Incoming) -> APIRouter:
    """The routes: open a batch, send a file of it, give it up."""
    routes = APIRouter(prefix="/library/uploads")

    @routes.post("")
    def begin() -> JSONResponse:
        try:
            return JSONResponse({"batch": incoming.open()})
        except OSError as error:
            return _refused(f"files cannot be kept: {error.strerror}", "free some space, then try again")

    @routes.post("/{batch}")
    async def receive(batch: str, name: str, request: Request) -> Response:
        length = request.headers.get("content-length", "0")
        try:
            size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 0
            await incoming.receive(batch, name, size, request.stream())
        except InputError as error:
            return _refused(error.cause, error.hint)
        except ClientDisconnect:
            return Response(status_code=499)
        return Response(status_code=204)

    @routes.delete("/{batch}")
    def give_up(batch: str) -> Response:
        incoming.discard(batch)
        return Response(status_code=204)

    return routes


def _refused(cause: str, hint: str) -> JSONResponse:
    return JSONResponse({"cause": cause, "hint": hint}, 422)
