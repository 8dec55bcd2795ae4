"""Loaders: one file a format, each run in a limited child process.

``load_file``, ``load_bytes`` and, for archives, ``expand`` are the way in. Importing this package imports no format
library.
"""

from corpora.loaders.formats.archives import is_archive
from corpora.loaders.isolation.sandboxed_loader import Member, expand, load_bytes, load_file
from corpora.loaders.limits import Limits

__all__ = ["Limits", "Member", "expand", "is_archive", "load_bytes", "load_file"]
