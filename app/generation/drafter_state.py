"""What the drafter has learned on this machine, kept in the home folder: acceptance of each source, and weights.

One small JSON file a target. Losing it costs some speed until it is learned again, so nothing here may ever stop a
request: a file that cannot be read is set aside with a warning. It holds counts, no text and no token ids.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from corpora.store.atomic_write import write_file
from decoding.drafting.calibration import Calibration

if TYPE_CHECKING:
    from decoding.sources.blend.blend_state import BlendState

log = logging.getLogger(__name__)

_EVERY_S = 30.0
_CALIBRATION, _BLEND = "calibration", "blend"


class DrafterState:
    """The calibration of one target and the weights of its blend, with the file they live in.

    ``blend`` is what the target's sources share; what is known of it is put back at once. Safe to use from several
    threads.
    """

    def __init__(self, home: Path, target: str, blend: BlendState) -> None:
        self._file = home / "learned" / f"{_file_name(target)}.json"
        self._lock = threading.Lock()
        self._saved_at = time.monotonic()
        self._blend = blend
        self.calibration = self._read()

    def saw_a_request(self) -> None:
        """Save now and then."""
        if time.monotonic() - self._saved_at > _EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the file, whole or not at all."""
        with self._lock:
            self._saved_at = time.monotonic()
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                state = {_CALIBRATION: self.calibration.state(), _BLEND: self._blend.state()}
                write_file(self._file, [json.dumps(state).encode()])
            except (OSError, RuntimeError) as error:  # RuntimeError: a session added a cell meanwhile; next time.
                log.warning("what was learned about drafts is not saved: %s", error)

    def _read(self) -> Calibration:
        try:
            state = json.loads(self._file.read_text(encoding="utf-8"))
            calibration = Calibration.from_state(state[_CALIBRATION])
            self._blend.restore(state[_BLEND])
            return calibration
        except FileNotFoundError:
            return Calibration()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("%s is not used, it cannot be read: %s", self._file.name, error)
            return Calibration()


def _file_name(target: str) -> str:
    """A readable name that no other target shares."""
    words = re.sub(r"[^A-Za-z0-9.-]+", "-", target).strip("-.")[-40:]
    return f"{words}-{hashlib.sha256(target.encode()).hexdigest()[:8]}"
