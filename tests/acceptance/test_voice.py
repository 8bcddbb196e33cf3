"""Voice clips on Slack: by Slack's transcript, by the operator's program in the container, or told to be unheard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from sessiondb import Unavailable
from sessiondb.connection import open_reader
from tests.fakes.model_api import FakeModelAPI, Gate, ToolUse, answer
from tests.fakes.slack import Channel
from tests.support import on_slack, speaking
from tests.support.dockers import clean_up, containers_of
from tests.support.on_slack import PATIENCE, Office
from tests.support.waiting import eventually

pytest_plugins = ["tests.support.engine"]


class Talk:
    """A direct message in which Ann speaks."""

    def __init__(self, office: Office, api: FakeModelAPI) -> None:
        self.office = office
        self.api = api
        self.dm: Channel = office.slack.open_dm(office.ann)
        self._recorded = 0

    def type(self, text: str) -> None:
        self.office.slack.say(self.office.ann, self.dm, text)

    def speak(self, seconds: int, **more: Any) -> None:
        """As Slack tells of a clip: with the type of a video, and a transcript only where there is one."""
        self._recorded += 1
        id_ = f"F0CLIP{self._recorded}"
        address = f"{{api}}/files-pri/{id_}/audio_message.wav"
        file = {
            "id": id_,
            "name": "audio_message.wav",
            "mimetype": "video/mp4",
            "subtype": "slack_audio",
            "mode": "hosted",
            "url_private": address,
            **more,
        }
        self.office.slack.keep(id_, speaking.sound(seconds), "video/mp4", record=file)
        said = {"subtype": "file_share", "text": "", "user": self.office.ann.id, "files": [file]}
        self.office.slack.post(self.dm, said)

    async def answered(self, count: int) -> str:
        slack = self.office.slack
        await slack.wait_until(lambda: len(self._answers()) >= count, PATIENCE)
        assert len(self._answers()) == count
        return self._answers()[-1]

    def _answers(self) -> list[str]:
        slack = self.office.slack
        said = [one for one in slack.messages(self.dm) if one.bot_id == slack.bot_id and one.stream is None]
        return [one.text for one in said]


@pytest.fixture
async def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Talk]:
    async with FakeModelAPI() as api, on_slack.office(tmp_path) as office:
        monkeypatch.setenv("ANTHROPIC_API_KEY", api.key)
        speaking.tell_what_was_heard(api)
        office.configure(more=speaking.CONFIG.format(url=api.base_url))
        yield Talk(office, api)


async def test_slacks_transcript_is_what_was_said_and_without_one_both_sides_are_told(talk: Talk) -> None:
    preview = {"content": "please book the room", "has_more": False}
    await talk.office.start()
    talk.speak(2, transcription={"status": "complete", "preview": preview})
    assert await talk.answered(1) == "You said: please book the room"
    talk.speak(3, transcription={"status": "none"})
    answer = await talk.answered(2)
    deaf = "nothing here writes voice messages down"
    assert speaking.UNHEARD.format(deaf) in answer
    assert answer.endswith("I heard nothing.")
    told = f"You do not know what is said in this voice message: {deaf}"
    assert any(told in request.user_text for request in talk.api.requests)


@pytest.mark.docker
async def test_a_clip_is_written_down_in_the_container_also_after_a_crash_and_while_a_turn_runs(
    talk: Talk, image: str
) -> None:
    office = talk.office
    data = office.folder.path / "data"
    office.configure(more=speaking.CONFIG.format(url=talk.api.base_url) + speaking.COMMAND)
    file = office.folder.path / "dovecote.toml"
    file.write_text(
        file.read_text("utf-8").replace('launcher = "process"', f'launcher = "docker"\nimage = "{image}"')
    )
    speaking.install(data)
    try:
        await office.start()
        talk.speak(7)
        await eventually(lambda: speaking.begun(data) == ["7"])
        [container] = containers_of(data, image)
        container.kill()
        assert await talk.answered(1) == "You said: 7 seconds about pigeons"
        talk.speak(4)
        assert await talk.answered(2) == "You said: 4 seconds about pigeons"

        # While a turn runs, it steers it, as what is typed does; so does a sound that is no clip.
        asked, gate = len(talk.api.requests), Gate()
        talk.api.script(answer(ToolUse("send_message", {"text": "Looking."}), gate=gate), "Both, then.")
        talk.type("Which pigeons?")
        await talk.api.received(asked + 1)
        talk.speak(5)
        talk.speak(6, subtype="", mimetype="audio/wav", name="call.wav")
        await eventually(lambda: claimed(data) == 5)
        await gate.open()
        assert await talk.answered(4) == "Both, then."
        assert len(talk.api.requests) == asked + 2
        told = talk.api.requests[-1].user_text
        for words in ('"audio_message.wav">5 seconds about', '"call.wav">6 seconds about'):
            assert words in told
        await office.stop()
    finally:
        clean_up(data, image)
    assert speaking.begun(data) == ["7", "7", "4", "5", "6"]


def claimed(data: Path) -> int:
    """Messages that the runner has claimed so far."""
    [path] = data.glob("sessions/*/outbound/outbound.db")
    try:
        with contextlib.closing(open_reader(path)) as connection:
            return len(connection.execute("SELECT 1 FROM processing_ack").fetchall())
    except (Unavailable, apsw.BusyError):
        return 0
