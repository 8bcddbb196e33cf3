"""`dovecote chat` as a person meets it: a real terminal of 80×24, keys in, a screen out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dovecote import Folder
from tests.support.terminal import CTRL_C, CTRL_D, ENTER, NEW_LINE, TAB, WIDTH, Terminal
from tests.support.waiting import until

MOCK = '[agents.default]\nprovider = "mock"\n'


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "dovecote.toml").write_text(MOCK)
    opened = Terminal(tmp_path, "chat")
    opened.see("/help for commands")
    opened.see("default · mock · main")  # below the prompt: keys are read one by one from now on
    yield opened
    opened.close()
    Folder(tmp_path).kill_runners()


def test_one_sees_with_whom_one_talks_and_what_was_answered(terminal: Terminal) -> None:
    terminal.see("default · mock · main")
    terminal.enter("hello there")
    terminal.see("hello there", times=2)
    terminal.until(lambda: "working…" not in terminal.all, "the end of the status")
    assert [line for line in terminal.all.splitlines() if "› hello there" in line] == ["› hello there"]
    assert terminal.leave() == 0
    assert "Traceback" not in terminal.all


def test_the_readme_s_example_works_as_it_is_written(terminal: Terminal) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    first, second = re.findall(r"^@@.*$", readme, re.MULTILINE)[:2]
    terminal.enter(first)
    terminal.see("2. blue")
    terminal.enter("2")
    terminal.see("blue", times=3)
    terminal.enter(second)
    terminal.see("(done)")


def test_commands_are_listed_completed_and_slips_refused_with_the_nearest(terminal: Terminal) -> None:
    terminal.enter("/help")
    terminal.see("stops what runs; twice leaves")
    for command in ("/new [name]", "/switch name", "/sessions", "/stop", "/clear", "/status", "/quit"):
        assert [line for line in terminal.all.splitlines() if line.startswith(command)], command
    terminal.enter("/stpo")
    terminal.see("There is no /stpo. Did you mean /stop?")
    terminal.enter("/frobnicate")
    terminal.see("There is no /frobnicate. /help lists them.")
    terminal.type("/sess" + TAB)
    terminal.see("› /sessions")
    terminal.enter("")
    terminal.see("• main")
    terminal.enter("/etc/hosts is no command")
    terminal.see("/etc/hosts is no command", times=2)
    terminal.enter("//stop")
    terminal.see("/stop", times=4)


def test_a_key_makes_a_new_line_and_the_message_is_one(terminal: Terminal) -> None:
    terminal.type("first line" + NEW_LINE + "second line")
    terminal.see("second line")
    terminal.enter("")
    terminal.see("first line", times=2)
    terminal.see("second line", times=2)


def test_ctrl_c_stops_the_turn_and_twice_leaves(terminal: Terminal) -> None:
    terminal.enter("@@sleep 600")
    terminal.see("waiting")
    terminal.type(CTRL_C)
    terminal.see("Stopping.")
    terminal.until(lambda: "waiting" not in terminal.all, "the end of the status")
    terminal.enter("still here")
    terminal.see("still here", times=2)
    terminal.type(CTRL_C)
    terminal.see("once more leaves, or Ctrl-D")
    assert terminal.leave(CTRL_C) == 0


def test_whoever_has_left_ends_at_once_what_still_runs(terminal: Terminal) -> None:
    terminal.enter("@@sleep 600")
    terminal.see("waiting")
    terminal.type(CTRL_D)
    terminal.see("Ctrl-C twice ends at once")
    until(terminal.interrupt)
    assert terminal.end() == 130


def test_keys_typed_while_something_is_printed_are_keys_all_the_same(terminal: Terminal) -> None:
    terminal.type(("/help" + ENTER) * 200)
    terminal.wait_unread()
    assert terminal.leave() == 0, "Ctrl-D was taken while the help was on its way to the screen"


def test_a_conversation_that_cannot_be_read_is_said_to_be_so_and_the_others_go_on(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.enter("hello")
    terminal.see("hello", times=2)
    [file] = (tmp_path / "data").rglob("main.jsonl")
    (file.parent / "broken.jsonl").mkdir()
    terminal.enter("/switch broken")
    terminal.see("That did not work")
    terminal.enter("/switch main")
    terminal.enter("still here")
    terminal.see("still here", times=2)


def test_nothing_stale_stays_above_what_is_typed_meanwhile(terminal: Terminal) -> None:
    words = " ".join(f"word{number}" for number in range(40))
    terminal.enter(f"@@stream 0.05\n{words}".replace("\n", NEW_LINE))
    terminal.see("word5")
    terminal.enter("and this")
    terminal.see("and this", times=2)
    terminal.until(
        lambda: "working…" not in terminal.all and " s\n" not in terminal.all, "the end of the status"
    )
    terminal.see("word39", times=2)
    assert terminal.all.count("word0 ") == 2, "as it was typed, and as it was answered"


def test_conversations_are_listed_with_their_last_line_and_time(terminal: Terminal) -> None:
    terminal.enter("hello")
    terminal.see("hello", times=2)
    terminal.enter("/new garden")
    terminal.see("garden")
    terminal.enter("seeds please")
    terminal.see("seeds please", times=2)
    terminal.enter("/sessions")
    terminal.see("• garden")
    listed = [line for line in terminal.lines if re.match(r"[• ] (garden|main)", line)]
    assert [bool(re.search(r"\d\d:\d\d", line)) for line in listed] == [True, True]
    assert "seeds please" in listed[0]
    assert "hello" in listed[1]
    terminal.enter("/switch gardne")
    terminal.see("There is no conversation “gardne”. Did you mean “garden”?")


def test_wide_tables_fold_into_the_terminal(terminal: Terminal) -> None:
    head = "| " + " | ".join(f"column {number}" for number in range(9)) + " |"
    row = "| " + " | ".join(f"a rather long cell {number}" for number in range(9)) + " |"
    terminal.enter(NEW_LINE.join([head, "|---" * 9 + "|", row]))
    terminal.see("column 8: a rather long cell 8")
    assert max(len(line) for line in terminal.lines) <= WIDTH


def test_after_a_restart_one_sees_that_an_earlier_message_is_still_worked_on(tmp_path: Path) -> None:
    (tmp_path / "dovecote.toml").write_text(MOCK + "[runner]\nstop_grace = 0.2\n")
    first = Terminal(tmp_path, "chat")
    first.see("/help for commands")
    first.enter("@@sleep 6")
    first.see("waiting")
    first.type(CTRL_D)
    first.see("Waiting for what runs in “main”")
    assert first.end() == 0
    again = Terminal(tmp_path, "chat")
    again.see("› @@sleep 6")
    again.until(lambda: any(re.search(r"… \d+ s", line) for line in again.lines), "a status")
    again.see("(done)")
    again.until(lambda: not any(re.search(r"… \d+ s", line) for line in again.lines), "the end of the status")
    assert again.leave() == 0


def test_a_window_that_is_closed_drains(tmp_path: Path) -> None:
    (tmp_path / "dovecote.toml").write_text(MOCK)
    window = Terminal(tmp_path, "chat")
    window.see("/help for commands")
    window.enter("@@sleep 1")
    window.see("waiting")
    window.hang_up()
    assert window.end() == 0
    assert "Stopping" in (tmp_path / "data" / "logs" / "host.log").read_text()
    Folder(tmp_path).chat()
    Folder(tmp_path).kill_runners()


def test_what_is_not_well_is_said_above_the_prompt_and_one_can_talk_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "dovecote.toml").write_text(MOCK)
    window = Terminal(tmp_path, "chat", TZ="Mars/Olympus")
    window.see(["TZ=Mars/Olympus is none that this machine knows", " or unset TZ."][0][:40])
    window.enter("hello")
    window.see("hello", times=2)
    window.until(lambda: "working…" not in window.all, "the end of the status")
    assert window.leave() == 0
