"""`dovecote forget` beside a running host of each platform: a search over the whole data folder finds nothing of the person."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fakes.discord import FakeDiscord
from tests.support import on_slack
from tests.support.dovecote import ordered
from tests.support.town import Town

PATIENCE = 60.0  # s


def left(data: Path, *words: str) -> list[str]:
    """Where any of them stands: names of files and folders, free pages and journals count."""
    wanted = [word.encode() for word in words]
    return sorted(
        f"{path.relative_to(data)}: {word!r}"
        for path in data.rglob("*")
        for word in wanted
        if word in str(path.relative_to(data)).encode() or (path.is_file() and word in path.read_bytes())
    )


async def test_on_slack_nothing_of_a_person_is_left_in_any_file_while_the_host_runs(tmp_path: Path) -> None:
    async with on_slack.office(tmp_path) as office:
        slack, data = office.slack, tmp_path / "data"
        eve = slack.add_user("evelyn")
        channel = slack.add_channel("eves", members=[eve, office.bob])
        await office.start()
        dm = slack.open_dm(eve)
        slack.say(eve, dm, "sesame for me")
        asked = slack.say(
            eve, channel, f"{slack.mention()} sesame for all\n@@ask sesame? | open | shut\n@@results"
        )
        root = slack.say(office.bob, office.channel, f"{slack.mention()} poppies")
        early = slack.say(eve, channel, "sesame before anybody asked")
        slack.say(office.bob, channel, f"{slack.mention()} poppies, and what was that?", early.ts)
        for message in (asked, root, early):
            await office.answered(message)
        await slack.wait_until(lambda: [m for m in slack.messages(dm) if m.bot_id == slack.bot_id], PATIENCE)
        slack.react(eve, root, "wave")
        assert left(data, "sesame", eve.id)
        told = await ordered(tmp_path, "forget", f"slack:{eve.id}")
        assert told.startswith("forgotten: ")
        assert left(data, "sesame", eve.id, "evelyn") == []
        exports = [await ordered(tmp_path, "export", path.name, "--json") for path in data.glob("sessions/*")]
        assert not re.search(f"sesame|{eve.id}|evelyn", "".join(exports))
        assert left(data, "poppies")
        slack.say(office.bob, office.channel, f"{slack.mention()} more poppies", root.ts)
        await slack.wait_until(lambda: any("more poppies" in m.text for m in office.answers(root)), PATIENCE)


async def test_on_discord_nothing_of_a_person_is_left_in_any_file_while_the_host_runs(tmp_path: Path) -> None:
    async with FakeDiscord() as discord:
        guild = discord.add_guild("Dovetown")
        town = Town(discord, guild, discord.add_text_channel(guild), discord.add_user("ada", guild), tmp_path)
        eve, data = discord.add_user("evelyn", guild), tmp_path / "data"
        try:
            await town.up()
            dm = discord.open_dm(eve)
            discord.say(eve, dm, "sesame for me\n@@ask sesame? | open | shut\n@@results")
            await town.until(lambda: town.said(dm))
            script = "sesame for all\n@@ask sesame? | open | shut\n@@results"
            await town.answered(discord.say(eve, town.channel, script, mention_bot=True))
            other = await town.answered(discord.say(town.ada, town.channel, "poppies", mention_bot=True))
            assert left(data, "sesame", str(eve.id))
            assert len(list(data.glob("discord/questions/*.json"))) == 2
            told = await ordered(tmp_path, "forget", f"discord:{eve.id}")
            assert told.startswith("forgotten: ")
            assert left(data, "sesame", str(eve.id), "evelyn") == []
            assert left(data, "poppies")
            before = len(town.said(other))
            discord.say(town.ada, other, "more poppies")
            await town.until(lambda: len(town.said(other)) > before)
        finally:
            await town.down()
