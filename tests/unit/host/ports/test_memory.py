"""What is freed in large blocks goes back to the system."""

from __future__ import annotations

import subprocess
import sys

GROWN = """
from host.ports import memory
memory.give_large_blocks_back()

def held() -> int:
    with open("/proc/self/statm") as told:
        return int(told.read().split()[1]) * 4096

large = bytes(30_000_000)
del large  # by itself the C library would keep what is smaller than this from now on
before = held()
kept = []
for number in range(20):
    block = bytes(3_000_000)
    kept.append(bytes(1_000))
    del block
blocks = [bytes(3_000_000) for _ in range(20)]
last = bytes(1_000)
del blocks
print(held() - before)
"""


def test_large_blocks_go_back_to_the_system_also_after_a_larger_one_was_freed() -> None:
    told = subprocess.run(
        [sys.executable, "-c", GROWN], check=True, capture_output=True, text=True, timeout=60
    )
    assert int(told.stdout) < 5_000_000
