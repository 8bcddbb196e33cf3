"""What is said in voice messages is written down by the operator's program: once, bounded, and whatever becomes of it the message
is answered."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from host.mailbox.inbound import InboundWriter
from runner import hearing, maintain
from runner.formatter import PromptMessage, prompt
from runner.hearing import MOST_BEGUN, MOST_CLIPS, Hearing
from runner.inbound import InboundReader
from runner.outbound import OutboundWriter
from runner.settings import Agent, Settings, Voice
from runner.turn import Turn, told_first, user_step
from sessiondb import Address, SessionFolder, content
from sessiondb.contract import EVERYTHING
from sessiondb.records import Step
from sessiondb.signals import Progress
from tests.support.waiting import DEADLINE, eventually

HERE = Address("memory", "w", "c", "t1")
LENGTH = """\
import sys, wave
with open("runs", "a") as runs: runs.write("x")
with wave.open(sys.argv[1]) as sound: print(f" about {sound.getnframes() // sound.getframerate()} seconds of speech ")
"""


class Ear:
    """A session with sound in it, and what listens to it."""

    def __init__(self, path: Path) -> None:
        self.folder = SessionFolder(path / "session")
        self.folder.create()
        self.workspace = path / "work"
        self.workspace.mkdir()
        self.host = InboundWriter(self.folder.inbound_db, lambda: 1)
        with self.host.writing():
            self.host.set_value("incarnation", "one")
        self.inbound = InboundReader(self.folder.inbound_db)
        self.outbound = OutboundWriter(self.folder.outbound_db, self.inbound, "one", lambda: 1)
        self.ended = asyncio.Event()
        self.rung = asyncio.Event()
        self.settings = Settings(self.folder, self.workspace, path, "one", Agent("a"))
        self.program(LENGTH)

    def program(self, text: str, timeout: float = DEADLINE, largest: int = 1_000_000) -> None:
        file = self.workspace / "hear.py"
        file.write_text(text)
        self.settings = replace(
            self.settings, voice=Voice((sys.executable, str(file)), timeout, largest=largest)
        )

    def clip(self, name: str = "voice.wav", seconds: int = 3, by: str = "m1") -> content.Attachment:
        file = self.folder.inbound_files / by / f"0-{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(file), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(1)
            sound.setframerate(100)
            sound.writeframes(bytes(100 * seconds))
        return content.Attachment(name, f"{by}/0-{name}", "audio/wav", file.stat().st_size, voice=True)

    def hearing(self) -> Hearing:
        return Hearing(self.settings, self.outbound, lambda _: self.ended.is_set(), self.rung.set)

    async def hear(self, *messages: PromptMessage, resumed: list[Step] | None = None) -> Turn:
        begun = Turn(
            "m1-1", HERE, 1, list(messages), [message.id for message in messages], resumed=resumed or []
        )

        async with asyncio.timeout(DEADLINE):
            await self.hearing().hear(begun)
        return begun

    @property
    def runs(self) -> int:
        file = self.workspace / "runs"
        return len(file.read_text()) if file.exists() else 0

    def close(self) -> None:
        for one in (self.outbound, self.inbound, self.host):
            one.close()


@pytest.fixture
def ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    """As in a container, whose session is where containers see it."""
    monkeypatch.setattr(hearing, "CONTAINER", tmp_path / "session")
    made = Ear(tmp_path)
    yield made
    made.close()


def spoken(
    *clips: content.Attachment, id_: str = "m1", trigger: bool = True, **more: object
) -> PromptMessage:
    body = content.Chat("", "Ada", attachments=clips, **more)  # type: ignore[arg-type]
    return PromptMessage(id_, "chat", trigger, 0, "U1", body)


async def test_what_the_program_prints_are_the_words_and_it_runs_once(ear: Ear) -> None:
    message = spoken(ear.clip())
    begun = await ear.hear(message)
    said = prompt(begun.messages)
    assert '<transcript title="voice.wav">about 3 seconds of speech</transcript>' in said
    assert 'voice="yes"' in said
    assert told_first(begun) == ""
    again = await ear.hear(spoken(ear.clip(), id_="m2", event="again"))
    assert "about 3 seconds of speech" in prompt(again.messages)
    assert ear.runs == 1


async def test_the_platforms_own_transcript_needs_no_program(ear: Ear) -> None:
    words = content.Part("transcript", "buy milk", title="voice.wav")
    begun = await ear.hear(spoken(ear.clip(), parts=(words,)))
    assert prompt(begun.messages).count("<transcript") == 1
    assert ear.runs == 0


async def test_a_sound_that_is_no_voice_message_is_listened_to_as_well_and_missed_without_a_word(
    ear: Ear,
) -> None:
    song = replace(ear.clip(), voice=False)
    begun = await ear.hear(spoken(song))
    assert '<transcript title="voice.wav">about 3 seconds of speech</transcript>' in prompt(begun.messages)
    ear.program(LENGTH + "sys.exit(1)")
    another = replace(ear.clip(by="m2"), voice=False)
    text = replace(another, path="m2/1-notes.txt", name="notes.txt", media_type="text/plain")
    begun = await ear.hear(spoken(another, text, id_="m2"))
    assert (told_first(begun), "<note>" in prompt(begun.messages)) == ("", False)
    ear.settings = replace(ear.settings, voice=Voice())
    await ear.hear(spoken(replace(ear.clip(by="m3"), voice=False), id_="m3"))
    assert ear.runs == 2


async def test_what_comes_while_a_turn_runs_is_listened_to_beside_it_and_heard_once(ear: Ear) -> None:
    ear.program(f"open('go').read(); {LENGTH}")
    os.mkfifo(ear.workspace / "go")
    hearing, message = ear.hearing(), spoken(ear.clip())
    other = spoken(ear.clip("other.wav", by="m2"), id_="m2")
    assert hearing.holds(message)
    assert hearing.holds(other), "one after the other"
    assert hearing.holds(message)
    assert hearing.known(message).unheard
    beside = hearing.aside
    assert beside is not None
    begun = Turn(
        "m1-1", HERE, 1, [message], ["m1"]
    )  # the turn ended meanwhile: the next one waits for the same run
    async with asyncio.timeout(DEADLINE):
        listening = asyncio.create_task(hearing.hear(begun))
        await asyncio.to_thread((ear.workspace / "go").write_text, "")
        await listening
    assert beside.done()
    assert hearing.aside is None
    assert not hearing.holds(message)
    assert prompt(begun.messages) == prompt([hearing.known(message)])
    assert "about 3 seconds of speech" in prompt(begun.messages)
    assert ear.runs == 1


async def test_of_more_than_a_turn_listens_to_the_next_one_hears_the_rest(ear: Ear) -> None:
    hearing = ear.hearing()
    clips = [ear.clip(f"{number}.wav", 1, by=f"m{number}") for number in range(MOST_CLIPS + 1)]
    for number, clip in enumerate(clips):
        message = spoken(clip, id_=f"m{number}")
        assert hearing.holds(message)
        async with asyncio.timeout(DEADLINE):
            while (beside := hearing.aside) is not None:
                await asyncio.wait({beside})
        assert hearing.holds(message) is (number == MOST_CLIPS)
    assert ear.runs == MOST_CLIPS
    begun = await ear.hear(spoken(clips[-1]))
    assert "about 1 seconds" in prompt(begun.messages)


async def test_a_runner_that_ends_leaves_no_program_behind(ear: Ear) -> None:
    ear.program("import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(1000)")
    hearing = ear.hearing()
    assert hearing.holds(spoken(ear.clip()))
    file = ear.workspace / "pid"
    await eventually(lambda: file.exists() and file.read_text())
    await hearing.close()
    assert not Path(f"/proc/{file.read_text()}").exists()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; print('half'); sys.exit('no model')", "the program that writes it down failed"),
        ("import time; time.sleep(1000)", "the program that writes it down was stopped"),
        ("while True: print('x' * 1000)", "the program that writes it down was stopped"),
        ("print('  ')", "no words were found in it"),
    ],
    ids=["failing", "slow", "endless", "silent"],
)
async def test_a_program_that_fails_costs_the_words_and_not_the_message(
    ear: Ear, program: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    ear.program(program, timeout=2.0)
    with caplog.at_level(logging.WARNING):
        begun = await ear.hear(spoken(ear.clip()))
    told = f"<note>You do not know what is said in this voice message: {reason}; its author is told so above your answer.</note>"
    assert told in prompt(begun.messages)
    assert told_first(begun) == f"*I do not know what you said in your voice message: {reason}.*\n\n"
    assert "no model" not in prompt(begun.messages), "what it printed is a stranger's"
    if "no model" in program:
        assert "no model" in caplog.text


async def test_what_failed_is_tried_again_with_another_try_and_not_for_ever(ear: Ear) -> None:
    ear.program(LENGTH + "sys.exit(1)")
    for _ in range(MOST_BEGUN + 2):
        begun = await ear.hear(spoken(ear.clip()))
        assert begun.messages[0].unheard == "the program that writes it down failed"
    assert ear.runs == MOST_BEGUN


async def test_a_program_that_ends_its_runner_is_run_a_few_times_and_then_the_message_is_answered_without(
    ear: Ear,
) -> None:
    """As it is after a crash: its beginning is recorded, and no end."""
    ear.program("import time; time.sleep(1000)")
    clip = ear.clip()
    for _ in range(MOST_BEGUN):
        listening = asyncio.create_task(ear.hear(spoken(clip)))
        async with asyncio.timeout(DEADLINE):
            await ear.rung.wait()
        listening.cancel()
        await asyncio.wait([listening])
        ear.rung.clear()
    ear.program(LENGTH)
    begun = await ear.hear(spoken(clip))
    assert begun.messages[0].unheard == "the program that writes it down did not come to an end"
    assert ear.runs == 0


async def test_a_turn_that_is_taken_up_again_has_what_it_had(ear: Ear) -> None:
    message = spoken(ear.clip())
    ear.program(LENGTH + "sys.exit(1)")
    await ear.hear(message)
    ear.program(LENGTH)
    step = Step(1, "m1-1", "user", "", "complete", user_step([message], "told"))
    begun = await ear.hear(message, resumed=[step])
    assert begun.messages[0].unheard == "the program that writes it down failed"
    assert ear.runs == 1


async def test_people_can_end_the_turn_while_it_listens(ear: Ear) -> None:
    ear.program("import time; time.sleep(1000)")
    ear.ended.set()
    begun = await ear.hear(spoken(ear.clip()))
    assert begun.messages[0].unheard


async def test_people_and_the_host_see_that_it_listens(ear: Ear) -> None:
    await ear.hear(spoken(ear.clip()))
    shown = Progress.read(ear.folder.progress)
    assert shown is not None
    assert (shown.message_id, shown.status) == ("m1", "listening to the voice message…")
    assert ear.rung.is_set()


async def test_so_many_are_listened_to_in_a_turn_and_the_rest_is_named(ear: Ear) -> None:
    clips = [ear.clip(f"{number}.wav", 1) for number in range(MOST_CLIPS + 1)]
    begun = await ear.hear(spoken(*clips))
    assert prompt(begun.messages).count("<transcript") == ear.runs == MOST_CLIPS
    assert begun.messages[0].unheard == "it was not listened to"


async def test_a_large_one_and_one_without_a_program_are_told_of_and_nothing_runs(ear: Ear) -> None:
    ear.program(LENGTH, largest=100)
    assert (await ear.hear(spoken(ear.clip()))).messages[0].unheard == "it has more than 100 bytes"
    ear.settings = replace(ear.settings, voice=Voice())
    begun = await ear.hear(spoken(ear.clip()))
    assert begun.messages[0].unheard == "nothing here writes voice messages down"
    context = await ear.hear(spoken(ear.clip(), trigger=False))
    assert "above your answer" not in prompt(context.messages)
    assert told_first(context) == "", "nobody asked"
    assert ear.runs == 0


async def test_outside_of_a_container_nothing_is_run(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "CONTAINER", Path("/session"))
    begun = await ear.hear(spoken(ear.clip()))
    assert "runs only in containers" in begun.messages[0].unheard
    assert ear.runs == 0


async def test_words_are_forgotten_with_the_rest(ear: Ear) -> None:
    await ear.hear(spoken(ear.clip()))
    assert "seconds" in ear.outbound.state("heard:m1/0-voice.wav")
    ear.outbound.close()
    maintain.maintain(ear.folder.outbound_db, delivered_up_to=0, older_than=EVERYTHING)
    ear.outbound = OutboundWriter(ear.folder.outbound_db, ear.inbound, "one", lambda: 1)
    assert ear.outbound.state("heard:m1/0-voice.wav") == ""


def test_what_a_runner_is_told_of_the_program_is_read_or_refused() -> None:
    from runner.settings import SettingsError

    base = {
        "DOVECOTE_SESSION_DIR": "/s",
        "DOVECOTE_AGENT": json.dumps({"name": "a"}),
        "DOVECOTE_INCARNATION": "1",
    }
    told = json.dumps({"command": ["hear", "-q"], "timeout": 5, "largest": 9})
    assert Settings.from_environment(base).voice == Voice()
    assert Settings.from_environment({**base, "DOVECOTE_VOICE": told}).voice == Voice(("hear", "-q"), 5, 9)
    for wrong in ("[]", '{"loud": 1}', "{"):
        with pytest.raises(SettingsError, match="DOVECOTE_VOICE"):
            Settings.from_environment({**base, "DOVECOTE_VOICE": wrong})
