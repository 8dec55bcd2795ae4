"""The heap of a CPU run: freed blocks of changing sizes do not add up. Each case runs in a process of its own."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
from concurrent.futures import ThreadPoolExecutor
import psutil
from app.training.loop.process import return_freed_blocks
is_set = sys.argv[1] == "set" and return_freed_blocks()
import torch
torch.set_num_threads(1)

def work(seed):
    sizes = torch.Generator().manual_seed(seed)
    kept = []
    for _ in range(40):
        size = int(torch.randint(2**18, 2**22, (1,), generator=sizes))
        kept = [*kept[-6:], torch.ones(size)]
        small = torch.ones(40_000)  # lies between them, and outlives them
        yield small

with ThreadPoolExecutor(2) as threads:
    small = list(threads.map(lambda seed: list(work(seed)), range(24)))
print(psutil.Process().memory_info().rss, int(is_set))
"""


def test_freed_blocks_go_back_to_the_system() -> None:
    left_bytes, _ = _rss_bytes("as it is")
    returned_bytes, is_set = _rss_bytes("set")
    assert is_set or not sys.platform.startswith("linux")
    assert not is_set or returned_bytes < left_bytes - 100 * 2**20


def _rss_bytes(how: str) -> tuple[int, bool]:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, how], check=True, capture_output=True, text=True)
    rss_bytes, is_set = map(int, done.stdout.split())
    return rss_bytes, bool(is_set)
