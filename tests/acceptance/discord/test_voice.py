"""Voice messages on Discord, which tells no words of them: by the operator's program in the container, or told to be unheard."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.discord import Channel
from tests.fakes.discord.model import Attachment
from tests.fakes.model_api import FakeModelAPI
from tests.support import speaking
from tests.support.dockers import clean_up
from tests.support.town import Town

pytest_plugins = ["tests.support.engine"]


@pytest.fixture
async def api(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeModelAPI]:
    async with FakeModelAPI() as made:
        monkeypatch.setenv("ANTHROPIC_API_KEY", made.key)
        speaking.tell_what_was_heard(made)
        town.config = speaking.CONFIG.format(url=made.base_url)
        yield made


def speak(town: Town, dm: Channel, data: bytes, seconds: float = 2.4) -> None:
    """As Discord sends one: a flag, one attachment with its length and shape, and no words."""
    id_ = town.discord.world.ids.next()
    name, kind = "voice-message.wav", "audio/wav"
    town.discord.world.attachments[id_] = Attachment(id_, name, data, kind, "")
    address = f"{{cdn}}/attachments/1/{id_}/{name}?ex=ffffffff"
    file = {"id": str(id_), "filename": name, "content_type": kind, "size": len(data), "url": address}
    shape = {"proxy_url": address, "duration_secs": seconds, "waveform": "FzYACgAAAAA="}
    town.discord.post(town.ada, dm, {"flags": 1 << 13, "attachments": [{**file, **shape}]})


async def test_where_nothing_writes_it_down_both_sides_are_told(town: Town, api: FakeModelAPI) -> None:
    await town.up()
    dm = town.discord.open_dm(town.ada)
    speak(town, dm, speaking.sound(2))
    await town.until(lambda: town.said(dm))
    deaf = "nothing here writes voice messages down"
    assert town.said(dm) == [f"_{speaking.UNHEARD.format(deaf)}_\n\nI heard nothing."]
    told = f"You do not know what is said in this voice message: {deaf}"
    assert any(told in request.user_text for request in api.requests)


@pytest.mark.docker
async def test_what_somebody_says_is_written_down_in_the_container_and_a_broken_message_is_answered_all_the_same(
    town: Town, api: FakeModelAPI, image: str
) -> None:
    data = town.folder / "data"
    town.config += speaking.COMMAND
    town.launcher = f'launcher = "docker"\nimage = "{image}"'
    speaking.install(data)
    speech = speaking.understood(data, "one two three four five")
    try:
        await town.up()
        dm = town.discord.open_dm(town.ada)
        speak(town, dm, speaking.sound(3))
        await town.until(lambda: len(town.said(dm)) == 1)
        speak(town, dm, b"no sound at all")
        await town.until(lambda: len(town.said(dm)) == 2)
        if speech:
            speak(town, dm, speech)
            await town.until(lambda: len(town.said(dm)) == 3)
        await town.down()
    finally:
        clean_up(data, image)
    failed = speaking.UNHEARD.format("the program that writes it down failed")
    first, second, *heard = town.said(dm)
    assert [first, second] == ["You said: 3 seconds about pigeons", f"_{failed}_\n\nI heard nothing."]
    assert speaking.begun(data) == ["3"]
    assert ["two three four five" in one for one in heard] == [True] * bool(speech)
