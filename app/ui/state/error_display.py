"""The border of the page: whatever goes wrong behind it, the user is told in two lines, and a bug is logged."""

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
    """What goes wrong inside the block ends it and stands in the list, as the user should see it."""
    problems: list[Problem] = []
    try:
        yield problems
    except Exception as error:  # noqa: BLE001 - the border of the page: whatever it is, the user is told
        problems.append(_problem(error))


def _problem(error: BaseException) -> Problem:
    """The error as the user should see it. A bug is logged under a reference, and the page gives that."""
    known = as_user_error(error)
    if known is not None:
        return Problem(*known)
    reference = secrets.token_hex(3)
    _log.error("page error %s", reference, exc_info=error)
    return Problem(
        "something went wrong inside Spandraft", f"the terminal shows the details under reference {reference}"
    )
