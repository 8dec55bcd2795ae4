"""Loaders: one file a format, each run in a limited child process.

``load_file`` and ``load_bytes`` are the way in. Importing this package imports no format library.
"""

from corpora.loaders.limited import load_bytes, load_file
from corpora.loaders.limits import Limits

__all__ = ["Limits", "load_bytes", "load_file"]
