"""An empty picture and how it becomes a file: the only module that knows matplotlib's canvas.

Spandraft itself does not need matplotlib.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import InputError, MissingPartError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HINT = "name a file that ends in .png"


def blank(width: float, height: float) -> Figure:
    """An empty figure, so many inches large. Raises MissingPartError without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPartError("drawing needs matplotlib", hint="install it: pip install matplotlib") from error
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def require(file: Path) -> None:
    """Raise MissingPartError or InputError now, where ``save`` would raise it after minutes of work."""
    kinds = blank(1, 1).canvas.get_supported_filetypes()
    if file.suffix.lower().removeprefix(".") not in kinds:
        raise InputError(f"{file} cannot be written: no kind of picture", hint=_HINT)
    if not file.parent.is_dir():
        raise InputError(f"the folder {file.parent} does not exist", hint="make it first")


def save(figure: Figure, file: Path) -> None:
    """Write the picture. Raises InputError where nothing can be written."""
    try:
        figure.savefig(file, metadata={"Software": None})
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be written: {error}", hint=_HINT) from error
