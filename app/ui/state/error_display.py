"""Turns whatever goes wrong behind the page into the two lines that the user sees, and logs bugs."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Iterator

from app.conversations.turns import Problem
from app.errors import as_user_error

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def reporting() -> Iterator[list[Problem]]:
    """Catch any exception of the block; the list that is yielded then holds it as the user should see it."""
    problems: list[Problem] = []
    try:
        yield problems
    except Exception as error:  # noqa: BLE001 - nothing is above the page that could handle it; the user is told
        problems.append(_problem(error))


def _problem(error: BaseException) -> Problem:
    """Cause and hint of ``error``. A bug is logged under a reference, and the user is given the reference."""
    known = as_user_error(error)
    if known is not None:
        return Problem(*known)
    reference = secrets.token_hex(3)
    _log.error("page error %s", reference, exc_info=error)
    return Problem(
        "something went wrong inside Spandraft", f"the terminal shows the details under reference {reference}"
    )
