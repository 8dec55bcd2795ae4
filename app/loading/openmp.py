"""How the worker threads of the numerical libraries wait for each other.

By default they spin, which on a machine that does something else as well makes a step many times slower (measured
beside a busy program on two cores: 144 ms instead of 4.5 ms). Must run before torch is imported.
"""

from __future__ import annotations

import os


def wait_passively() -> None:
    """Let OpenMP's threads sleep at barriers, unless the user has chosen otherwise."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
