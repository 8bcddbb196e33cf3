"""What starts without a person, or goes elsewhere, in a Discord server: webhooks, scripts, destinations (law 7)."""

from __future__ import annotations

import asyncio
import json
import re

import aiohttp

from tests.support.town import DOVECOTE, TIMEOUT, Town
from tests.support.webhooking import SECRET, generic

LISTENS = "Webhooks listen on "


async def test_a_webhook_is_answered_once_in_its_channel_and_a_reply_goes_on_with_it(town: Town) -> None:
    town.config = (
        '[webhooks]\nport = 0\n[webhooks.ci]\nsecret_env = "CI_SECRET"\nplatform = "discord"\n'
        f'workspace = "{town.guild.id}"\nchannel = "{town.channel.id}"\n'
    )
    await town.start(CI_SECRET=SECRET)
    await town.until_logged(LISTENS)
    found = re.search(rf"{LISTENS}(http://[\d.:]+)/", town.log())
    assert found is not None
    body = b"build 7 is red"
    async with aiohttp.ClientSession() as session:
        for expected in (202, 200):  # the second is the same delivery again
            headers = generic(body, "b7")
            async with session.post(f"{found[1]}/hooks/ci", data=body, headers=headers) as answer:
                assert answer.status == expected
    await town.until(lambda: town.said(town.channel))
    [post] = [m for m in town.discord.messages(town.channel) if m.author is town.discord.bot]
    town.discord.say(town.ada, town.channel, "why?", reply_to=post)
    thread = await town.answered(post)
    assert (town.said(town.channel), town.said(thread)) == (["build 7 is red"], ["why?"])
    assert len(list(town.folder.glob("data/sessions/*"))) == 1


async def test_an_agent_writes_only_where_it_may_and_a_script_where_it_is_told(
    town: Town,
) -> None:
    news, other = (town.discord.add_text_channel(town.guild, name) for name in ("news", "other"))
    town.config = (
        "[agents.default.destinations]\n"
        f'news = {{ platform = "discord", workspace = "{town.guild.id}", channel = "{news.id}" }}\n'
    )
    await town.up()
    calls = [{"text": "for all", "destination": "news"}, {"text": "not here", "destination": str(other.id)}]
    asked = "\n".join(f"@@call send_message {json.dumps(call)}" for call in calls) + "\n@@results"
    question = town.discord.say(town.ada, town.channel, asked, mention_bot=True)
    thread = await town.answered(question)
    await town.until(lambda: town.said(news))
    assert (town.said(news), town.said(other)) == (["for all"], [])
    assert "news" in town.said(thread)[0]  # the destinations there are, told with the refusal
    address = f"discord/{town.guild.id}/{other.id}"
    script = await asyncio.create_subprocess_exec(
        str(DOVECOTE),
        *("send", "--config", str(town.folder / "dovecote.toml"), address, "**backup** done"),
        stdout=asyncio.subprocess.PIPE,
        cwd=town.folder,
    )
    async with asyncio.timeout(TIMEOUT):
        printed, _ = await script.communicate()
    [posted] = town.discord.messages(other)
    assert (posted.content, printed.decode().split()) == ("**backup** done", [str(posted.id)])
