"""Starts the page: one FastAPI application on loopback, with the guard in front and Gradio mounted behind.

``serve`` checks address and port before anything slow, warms up so that the first question is quick, and prints the
address. Knows no models: it is handed a pipeline.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

import gradio as gr
import uvicorn
from fastapi import FastAPI
from gradio.routes import App as GradioApp
from starlette.routing import Mount

from app.config.settings import Settings
from app.conversations.store import Conversations
from app.errors import ServerError
from app.ui.assets.styling import head, icon, style, theme
from app.ui.serving.guard import Guard
from app.ui.serving.page import page
from app.ui.state.app_state import AppState
from app.ui.state.error_display import reporting
from app.ui.state.interfaces import PagePipeline, Registry
from app.ui.state.job_workers import JobWorkers
from app.ui.state.uploads import UploadStore, upload_routes
from corpora.jobs.job_records import Job

_UPLOAD_LIMIT = "200mb"  # of Gradio's own route, which the page does not use
_GRACE_S = 3  # so long may connections stay open after the server was asked to stop


def serve(pipeline: PagePipeline, settings: Settings, *, out: TextIO | None = None) -> None:
    """Serve the page until interrupted.

    Raises ``ServerError`` if the address is not loopback or the port is taken.
    """
    check_address(settings.host, settings.port)
    application = create_app(pipeline, settings)
    warm_up(pipeline)
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"Spandraft is ready: http://{shown}:{settings.port}", file=out or sys.stdout, flush=True)
    PageServer(application, settings).run()


@dataclass(frozen=True, slots=True)
class PageApplication:
    """The ASGI application; its server calls ``resume_jobs`` after it started, ``end_streams`` before it stops."""

    asgi: FastAPI
    resume_jobs: Callable[[], None]
    end_streams: Callable[[], None]


class PageServer(uvicorn.Server):
    """uvicorn that ends the page's open streams when it is asked to stop, instead of waiting for their browsers."""

    def __init__(self, application: PageApplication, settings: Settings) -> None:
        """Serve ``application`` on the address of ``settings``."""
        self._application = application
        super().__init__(
            uvicorn.Config(
                application.asgi,
                host=settings.host,
                port=settings.port,
                log_level="warning",
                timeout_graceful_shutdown=_GRACE_S,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as usual, then continue jobs that an earlier server left unfinished."""
        await super().startup(sockets)
        await asyncio.to_thread(self._application.resume_jobs)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop streams and jobs, then shut down as usual."""
        await asyncio.to_thread(self._application.end_streams)
        await super().shutdown(sockets)


def create_app(pipeline: PagePipeline, settings: Settings, *, registry: Registry | None = None) -> PageApplication:
    """The whole application. ``registry`` defaults to the corpora of ``settings.home``."""
    if registry is None:
        registry = _corpus_registry(pipeline, settings)
    # Gradio reads these when it is built: its files belong into the user's data folder, it reports nothing, and
    # it keeps no table of requests.
    os.environ["GRADIO_TEMP_DIR"] = str(settings.home / "uploads")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(sys.maxsize)
    state = _app_state(pipeline, registry, settings)

    asgi = FastAPI(title="Spandraft", docs_url=None, redoc_url=None, openapi_url=None)
    asgi.add_middleware(Guard, host=settings.host)
    asgi.include_router(upload_routes(state.uploads))

    @asgi.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "target": pipeline.target_name}

    def mount_page() -> FastAPI:
        app: FastAPI = gr.mount_gradio_app(
            asgi,
            page(state),
            "/",
            footer_links=[],
            run_history=False,
            allowed_paths=[],
            show_error=False,
            max_file_size=_UPLOAD_LIMIT,
            ssr_mode=False,
            enable_monitoring=False,
            pwa=False,
            mcp_server=False,
            theme=theme(),
            css=style(),
            head=head(),
            favicon_path=icon(),
        )
        return app

    asgi = _in_event_loop(mount_page)
    mounts = [route.app for route in asgi.routes if isinstance(route, Mount)]

    def end_streams() -> None:
        state.runs.stop_all()
        state.workers.stop()
        state.registry.close()
        for inner in mounts:
            if isinstance(inner, GradioApp):
                inner.stop_event.set()

    return PageApplication(asgi, resume_jobs=state.workers.resume, end_streams=end_streams)


def _app_state(pipeline: PagePipeline, registry: Registry, settings: Settings) -> AppState:
    """The shared objects. When a job has replaced or removed a text, the pipeline forgets what it keeps of it."""

    def forget_replaced(job: Job) -> None:
        if job.outcomes.get("replaced") or job.outcomes.get("removed"):
            pipeline.forget()

    uploads = UploadStore(settings.home / "uploads" / "incoming")
    uploads.sweep()
    return AppState(
        pipeline=pipeline,
        registry=registry,
        conversations=Conversations(settings.home / "conversations.sqlite3"),
        default_corpus=settings.corpus,
        uploads=uploads,
        workers=JobWorkers(registry, forget_replaced),
    )


def _in_event_loop(make: Callable[[], FastAPI]) -> FastAPI:
    """Call ``make`` while an event loop runs; without one Gradio opens one for each lock and closes none."""

    async def make_in_loop() -> FastAPI:
        return make()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make_in_loop())
    return make()


def check_address(host: str, port: int) -> None:
    """Raise ``ServerError`` unless ``host`` is loopback and ``port`` is free on it."""
    if not _is_loopback(host):
        raise ServerError(
            f"{host} is not a loopback address, and the page has no login",
            hint="keep host at 127.0.0.1; from another machine: ssh -L 7860:127.0.0.1:7860 THIS_MACHINE",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As uvicorn binds: an old connection that is still closing does not count as in use.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServerError(
                f"port {port} on {host} cannot be used: {error.strerror}",
                hint=f"stop the program that uses it, or choose another: spandraft serve --port {port + 1}",
            ) from error


def warm_up(pipeline: PagePipeline) -> None:
    """Answer and correct once and discard the output, so that a user's first question finds everything loaded."""
    with reporting():  # such as an empty corpus, which the user is told when asking
        for _ in pipeline.stream("What is this about?"):
            pass
        for _ in pipeline.stream_correct("This are a test."):
            pass


def _corpus_registry(pipeline: PagePipeline, settings: Settings) -> Registry:
    """The corpora of ``settings.home``, sharing with the pipeline its models and the corpus that it has open."""
    # Imported late: these load the models' libraries, and a port that is in use is reported before that.
    from app.library.corpus import Corpus
    from app.pipeline import Pipeline
    from app.ui.state.corpus_registry import CorpusRegistry

    if not isinstance(pipeline, Pipeline):
        return CorpusRegistry(settings)
    opened = [pipeline.corpus] if isinstance(pipeline.corpus, Corpus) else []
    return CorpusRegistry(settings, *opened, models=pipeline.models)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
