"""``spandraft doctor``: looks at this installation and machine, line by line, each with a remedy.

A check may fail, it never raises; heavy libraries are imported inside the checks that need them.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator

from app.config.settings import Settings
from app.doctor.corpora import examine_corpora
from app.doctor.drafting import examine_drafting
from app.doctor.findings import Finding
from app.doctor.installation import examine_chromium, examine_installation, find_chromium
from app.doctor.machine import examine_devices, examine_disk, examine_memory
from app.doctor.models import examine_models
from app.errors import as_user_error

__all__ = ["Finding", "examine", "find_chromium"]


def examine(settings: Settings) -> Iterator[Finding]:
    """Run every check, cheap ones first. Raises nothing: a check that breaks is a finding."""
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "installation": lambda: examine_installation(importlib.metadata.packages_distributions()),
        "memory": lambda: [examine_memory()],
        "disk": lambda: [examine_disk(settings.home)],
        "chromium": lambda: [examine_chromium()],
        "device": examine_devices,
        "models": lambda: examine_models(settings),
        "drafting": lambda: examine_drafting(settings),
        "corpora": lambda: examine_corpora(settings),
    }
    for name, check in checks.items():
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001  # the doctor reports what is broken, whatever it is
            cause, hint = as_user_error(error) or (f"{type(error).__name__}: {error}", "please report this as a bug")
            yield Finding(name, "fail", cause, hint)
