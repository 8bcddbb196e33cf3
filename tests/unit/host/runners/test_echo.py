"""What a runner prints, in the host's log: bounded, marked, and never more than a value, whatever it looks like."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from host.folders import logs
from host.runners.launch import echo
from host.runners.launch.echo import LINES, LONGEST_LINE, Allowance, Echo, Followed

FORGED = "Receipt: sent    action=receipt session=s2 message_id=m77 platform_message=1712.9"
ATTACKS = (
    FORGED,
    f"x\r{FORGED}",
    f"\x1b[2K\x1b[1G{FORGED}",
    f"\u2028{FORGED}",
    f"'{FORGED}",
    f'" {FORGED}',
    '"}\u2029{"action": "receipt"}',
    "action=receipt",
)


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heard(clock: Clock, caplog: pytest.LogCaptureFixture) -> Echo:
    caplog.set_level(logging.DEBUG)
    return Echo("s1", "i1", of_all=Allowance(10_000, clock.now), clock=clock.now)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.said for record in caplog.records if hasattr(record, "said")]


def left_out(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [record.lines for record in caplog.records if hasattr(record, "lines")]


def test_each_line_is_a_record_with_session_and_runner(heard: Echo, caplog: pytest.LogCaptureFixture) -> None:
    heard.hear(b"INFO runner.loop: Turn t1\n\n   \nERROR runner: it bro")
    assert said(caplog) == ["INFO runner.loop: Turn t1"]
    heard.hear(b"ke\nWARNING odd\nDEBUG small\nTraceback (most recent call last):")
    heard.end()
    assert said(caplog)[1:] == [
        "ERROR runner: it broke",
        "WARNING odd",
        "DEBUG small",
        "Traceback (most recent call last):",
    ]
    for record in caplog.records:
        assert (record.action, record.session, record.runner) == ("runner", "s1", "i1")  # type: ignore[attr-defined]
    # A container pages nobody by what it prints.
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING", "DEBUG", "INFO"]


def test_a_flood_costs_so_many_lines_a_minute_and_is_counted(
    heard: Echo, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    heard.hear(b"".join(b"line %d\n" % number for number in range(5_000)))
    assert len(said(caplog)) == LINES
    assert left_out(caplog) == []
    clock.at += 61.0
    heard.hear(b"still here\n")
    assert left_out(caplog) == [5_000 - LINES]
    assert said(caplog)[-1] == "still here"


def test_many_runners_together_have_an_allowance_too(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    together = Allowance(25, clock.now)
    for number in range(10):
        one = Echo(f"s{number}", "i", of_all=together, clock=clock.now)
        one.hear(b"a\nb\nc\nd\n")
        one.end()
    assert len(said(caplog)) == 25
    assert sum(left_out(caplog)) == 15


def test_a_line_without_an_end_is_shown_once_and_cut(heard: Echo, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(200):
        heard.hear(b"x" * 10_000)
    heard.hear(b"\nnext\n")
    heard.end()
    assert said(caplog) == ["x" * LONGEST_LINE + "…", "next"]


def test_bytes_that_are_no_text_are_shown_as_such(heard: Echo, caplog: pytest.LogCaptureFixture) -> None:
    heard.hear(b"\xff\xfe ok \xf0\x9f\x90\xa6\x00\n")
    assert said(caplog) == ["\ufffd\ufffd ok 🐦\x00"]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_nothing_that_is_printed_can_pass_for_a_line_or_a_field_of_the_hosts(
    tmp_path: Path, as_json: bool
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        file = tmp_path / "host.log"
        logs.set_up(file=file, json=as_json)
        one = Echo("s1", "i1")
        for attack in ATTACKS:
            one.hear(attack.encode() + b"\n")
        for handler in root.handlers:
            handler.flush()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = file.read_text("utf-8").split("\n")[:-1]
    assert len(lines) == 8
    assert not set("\x1b\r\u2028\u2029") & set("".join(lines))
    for line in lines:
        if as_json:
            found = json.loads(line)
            assert (found["action"], found["session"], found["event"]) == ("runner", "s1", "A runner says")
        else:
            before, _, after = line.partition(" said=")
            assert "receipt" not in before
            assert after[0] in "'\""  # quoted: what is in it is no field
            assert line.count(" action=runner ") == 1


def test_what_an_engine_tells_twice_is_heard_once(heard: Echo, caplog: pytest.LogCaptureFixture) -> None:
    one, two = b"2026-11-28T17:00:00.100000000Z one\n", b"2026-11-28T17:00:01.000000000Z two\n"
    heard.hear_stamped(one)
    heard.hear_stamped(one + two)
    heard.hear_stamped(two)
    heard.hear_stamped(b"")
    assert said(caplog) == ["one", "two"]


def test_what_has_no_time_before_it_moves_none(heard: Echo, caplog: pytest.LogCaptureFixture) -> None:
    heard.hear_stamped(b"zzzz no time\n9999 neither\n2026-11-28T17:00:00.000000000Z yes\n")
    heard.hear_stamped(b"2026-11-28T17:00:02.000000000Z and this\n")
    assert said(caplog) == ["yes", "and this"]


def test_a_file_is_followed_from_where_it_ended(
    tmp_path: Path, heard: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "runner.log"
    path.write_bytes(b"of an earlier life\n")
    followed = Followed(path, heard)
    with path.open("ab") as out:
        out.write(b"one\ntw")
        out.flush()
        followed.read()
        out.write(b"o\nlast words")
    followed.end()
    followed.close()
    assert said(caplog) == ["one", "two", "last words"]


def test_of_more_than_is_read_the_end_is_heard(
    tmp_path: Path,
    heard: Echo,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(echo, "LARGEST_READ", 64)
    path = tmp_path / "runner.log"
    followed = Followed(path, heard)
    path.write_bytes(b"x" * 1_000 + b"\nthe end\n")
    followed.read()
    followed.close()
    heard.end()
    assert said(caplog) == ["the end"]
    assert left_out(caplog) == [1]


def test_what_is_no_file_is_not_followed(tmp_path: Path, heard: Echo) -> None:
    (tmp_path / "elsewhere").write_text("a secret")
    (tmp_path / "link.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        Followed(tmp_path / "link.log", heard)
    (tmp_path / "folder.log").mkdir()
    with pytest.raises(IsADirectoryError):
        Followed(tmp_path / "folder.log", heard)
