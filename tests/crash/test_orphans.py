"""What a killed writer has started goes on for a moment: it must not write into what the next writer does."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.crash.acts import Act
from tests.crash.children import Child, Zygote
from tests.crash.tally import Tally

BEFORE: list[Act] = [["create"], *[["put", f"long{number}.txt", 1] for number in range(30)]]
THEN: list[Act] = [["remove", f"long{number}.txt"] for number in range(0, 30, 2)]
AFTER: list[Act] = [["put", f"long{number}.txt", 2] for number in range(40, 70)]


def stopped_helper(child: Child) -> psutil.Process | None:
    """The process that erases for the writer, held at its beginning; None if the writer ends without one."""
    writer = psutil.Process(child.pid)
    while writer.is_running() and writer.status() != psutil.STATUS_ZOMBIE:
        for helper in writer.children():
            try:
                if "zero" in helper.cmdline():
                    helper.suspend()
                    return helper
            except psutil.Error:  # It has ended, or has not begun to be what it will be.
                continue
    return None


@pytest.mark.parametrize("further", [0.0, 0.01])
def test_an_eraser_that_outlives_its_writer(
    zygotes: list[Zygote], tmp_path: Path, further: float, tally: Tally
) -> None:
    """The writer is killed while another process erases for it; that one wakes after the next writer has written.

    ``further`` is how long it has gone on, in seconds, before it is held up.
    """
    home, files = tmp_path / "home", str(tmp_path / "files")
    first, second = zygotes
    assert first.run("write", home=str(home), acts=BEFORE, files=files).code == 0
    writer = first.start("write", home=str(home), acts=THEN, files=files)
    helper = stopped_helper(writer)
    assert helper is not None, "nothing was erased"
    if further:
        with contextlib.suppress(psutil.Error):
            helper.resume()
            time.sleep(further)
            helper.suspend()
    writer.kill()
    gone = len(writer.wait().said("done")) + 1
    later = second.start("write", home=str(home), acts=AFTER, files=files)
    time.sleep(2)  # The next writer waits, or is done with some: both are well.
    with contextlib.suppress(ProcessLookupError):  # It was quick.
        os.kill(helper.pid, signal.SIGCONT)
    ended = later.wait()
    psutil.wait_procs([helper], timeout=30)
    looked = first.run("look", home=str(home), gone=[(act[1], 1) for act in THEN[:gone]])
    problems = [f"not readable: {looked.lines}"] if looked.code else looked.last("problems")
    if ended.code != 0:
        problems.append(f"the next writer failed: {ended.lines[-2:]}")
    tally.add("an eraser that outlives its writer", problems)
