"""In which line a key stands, however the file was written."""

from __future__ import annotations

import pytest

from host.config.lines import Lines, Path

TEXT = '''# a remark

data = "x"
host.zone = "UTC"
"quoted key" = 1
[runner] # how
idle_exit = 5
long = """
[not.a.table]
key = "no"
"""
limits = { cpus = 1, pids = 2 }

[[routes]]
agent = "a"
[[routes]]
tags = [
  "one", # of them
  { name = "two" },
]
[routes.inner]
deep = 1
[agents.default]
[agents.default.options]
effort = "x"
[[agents.default.list]]
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("data",), 3),
        (("host", "zone"), 4),
        (("quoted key",), 5),
        (("runner",), 6),
        (("runner", "idle_exit"), 7),
        (("runner", "long"), 8),
        (("runner", "limits", "pids"), 12),
        (("runner", "missing"), 6),
        (("routes", 0), 14),
        (("routes", 0, "agent"), 15),
        (("routes", 1), 16),
        (("routes", 1, "agent"), 16),
        (("routes", 1, "tags", 1, "name"), 17),
        (("routes", 1, "inner", "deep"), 22),
        (("agents", "default"), 23),
        (("agents", "default", "options", "effort"), 25),
        (("agents", "default", "list", 0), 26),
        (("nowhere", "at", "all"), 0),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_each_key_has_its_line(path: Path, line: int, ends: str) -> None:
    assert Lines(TEXT.replace("\n", ends)).of(path) == line
