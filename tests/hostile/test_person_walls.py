"""A person in the chat: what they name, attach and click is theirs to choose, and nobody else's harm."""

from __future__ import annotations

import html
import io
import logging
import re
from pathlib import Path

import pytest

from bots.console import transcript
from bots.console.pipe import CHANNEL, PipeScreen
from bots.console.terminal import TerminalScreen
from bots.markup import slack as markup
from bots.slack.sending import rendering as slack
from host.cli import listing
from host.folders import logs
from host.intake import incoming
from host.mailbox import questions
from host.mailbox.rows import Question
from host.ports import printing
from sessiondb import content
from tests.support.redteam import Seat, attack, walled

pytestmark = attack(Seat.PERSON, 7)

LINE = "2026-11-28T10:00:00Z [info] Runner started session=forged"
BREAKS = {
    "a line feed": "\n",
    "a carriage return": "\r",
    "both": "\r\n",
    "a line separator": "\u2028",
    "a next line": "\x85",
    "a terminal's command": "\x1b[2K\x1b[1G",
    "a turn of direction": "\u202e",
}


@walled
@pytest.mark.parametrize("how", BREAKS)
@attack(Seat.PERSON, 13)
def test_a_name_writes_a_line_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(logs, "_one_line", lambda _, __, event: event)
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    try:
        logs.set_up(file=tmp_path / "host.log")
        logging.getLogger("host").warning(
            "From %s", f"Ada{BREAKS[how]}{LINE}", extra={"key": f"k{BREAKS[how]}k"}
        )
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = before
    written = (tmp_path / "host.log").read_bytes().decode()
    assert (BREAKS[how] in written.rstrip("\n")) is not standing


SEQUENCES = {
    "clears the screen": "\x1b[2J",
    "writes the clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "by one character": "\x9b2K",
    "hides what it says": "\u202e",
}


class OfATerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@walled
@pytest.mark.parametrize("what", SEQUENCES)
@attack(Seat.PERSON, 16)
def test_a_title_or_an_option_drives_the_terminal_of_whoever_runs_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: str, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(printing, "DRIVES", re.compile(r"(?!)"))
    odd = f"Report {SEQUENCES[what]}of today"
    shown, piped = OfATerminal(), OfATerminal()
    console = printing.SafeConsole(file=shown, width=80, color_system=None)
    monkeypatch.setattr(listing, "_out", console)
    listing.table(["title"], [[odd]])
    listing.say_json({"title": odd})
    printing.echo(f"# {odd}")
    asked = transcript.Line("l1", "agent", odd, 0, question="q", options=(odd,))
    TerminalScreen(console, "Ada")._print(asked)
    PipeScreen(io.BytesIO(), piped, piped).said(CHANNEL, asked)
    said = [shown.getvalue(), piped.getvalue(), capsys.readouterr().out]
    assert all("of today" in one for one in said)
    assert any(SEQUENCES[what] in one for one in said) is not standing


NAMES = {
    "up": "../../../host.db",
    "absolute": "/etc/passwd",
    "of another system": "..\\..\\host.db",
    "with an end": "a\0.txt",
    "of a folder": "..",
    "of nothing": "",
    "without an end": "x" * 5_000,
    "hidden": ".bashrc",
    "with a line": "a\nb",
}


@walled
@pytest.mark.parametrize("how", NAMES)
@attack(Seat.PERSON, 16)
def test_a_files_name_is_a_path(how: str, standing: bool) -> None:
    """Taken as it is said, it leads elsewhere, cannot be a name, or hides."""
    name = incoming.safe_name(NAMES[how]) if standing else NAMES[how]
    good = (
        Path(name).name == name
        and 0 < len(name.encode()) <= 255
        and not name.startswith(".")
        and not set(name) & {"\0", "/", "\\", "\n"}
    )
    assert good is standing


@walled
@pytest.mark.parametrize("owner", [False, True], ids=["a stranger", "an owner"])
def test_somebody_else_answers_what_a_person_was_asked(owner: bool, standing: bool) -> None:
    """An owner stands in for others, but not where a tool's call is to be allowed."""
    asked = Question("row", "key", ("U1",) if standing else (), approval=owner)
    refused = questions.refusal(asked, "U2", is_owner=owner, now=1)
    assert bool(refused) is standing


@walled
def test_a_question_is_answered_after_its_end(standing: bool) -> None:
    asked = Question("row", "key", (), expires_at=1_000 if standing else 0)
    assert bool(questions.refusal(asked, "U1", is_owner=False, now=1_000)) is standing


CALLS = ("<!channel>", "<!here>", "<!everyone>", "<!subteam^S123|team>", "<!subteam^S123>")


@walled
@attack(Seat.SLACK, 7)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("plain", [False, True], ids=["marked", "plain"])
def test_words_of_a_model_call_everybody(
    monkeypatch: pytest.MonkeyPatch, call: str, plain: bool, standing: bool
) -> None:
    """A person had it repeat them. Broken, not only escaped: who reads the entities finds no call either."""
    if not standing:
        for place, name in ((markup, "MASS"), (markup._Markdown, "mass"), (markup._Plain, "mass")):
            monkeypatch.setattr(place, name, re.compile("(?!)"))
    for operation in (content.Text(f"Hello {call}"), content.Card(call, call), content.Edit("m", call)):
        shown = html.unescape(str(slack.operation(operation, plain=plain)))
        assert (call in shown) is not standing
