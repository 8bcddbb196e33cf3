"""The sign of life: written for what it says alone, and touched else."""

from __future__ import annotations

import os
from pathlib import Path

from host.folders import pulse
from host.folders.pulse import Pulse, Told


def test_a_beat_that_says_the_same_touches_the_file_and_another_one_replaces_it(tmp_path: Path) -> None:
    mine, path = Pulse(tmp_path), tmp_path / pulse.NAME
    mine.beat(Told({"slack": True}))
    first = path.stat().st_ino
    os.utime(path, (1, 1))
    assert pulse.age(tmp_path) > pulse.STALE
    mine.beat(Told({"slack": True}))
    assert pulse.age(tmp_path) < pulse.STALE
    assert path.stat().st_ino == first
    mine.beat(Told({"slack": False}, ("slack",)))
    assert pulse.read(tmp_path) == Told({"slack": False}, ("slack",))


def test_one_that_was_taken_away_is_written_again(tmp_path: Path) -> None:
    mine = Pulse(tmp_path)
    mine.beat(Told({"slack": True}))
    (tmp_path / pulse.NAME).unlink()
    mine.beat(Told({"slack": True}))
    assert pulse.read(tmp_path) == Told({"slack": True})
