"""What becomes of places and people on Discord: deleted, locked, archived for silence, let go. Each is said in words."""

from __future__ import annotations

import json

from tests.fakes.discord import Channel, Message
from tests.fakes.discord.permissions import Permission
from tests.support.town import Town

SEEN = Permission.VIEW_CHANNEL


async def with_task(town: Town, channel: Channel, title: str, **more: str) -> Channel:
    """The thread in which Ada asked for it."""
    wish = {"title": title, "prompt": "the week", "cron": "0 9 * * 1", **more}
    asked = f"@@call schedule_task {json.dumps(wish)}\n@@results"
    return await town.answered(town.discord.say(town.ada, channel, asked, mention_bot=True))


def told(town: Town, *words: str) -> list[Message]:
    """To Ada alone."""
    room = town.discord.open_dm(town.ada)
    return [m for m in town.discord.messages(room) if all(word in m.content for word in words)]


async def test_tasks_of_a_place_that_is_closed_rest_and_whoever_asked_is_told_alone(town: Town) -> None:
    side = town.discord.add_text_channel(town.guild, "side")
    await town.up()
    await with_task(town, side, "Sideways", destination="channel")
    thread = await with_task(town, town.channel, "Here")
    # A thread that Discord archives for its silence is no end; one that somebody locks is.
    town.discord.archive(thread)
    town.discord.say(town.ada, thread, "still there?")
    await town.until(lambda: "still there?" in town.said(thread))
    assert not told(town, "paused")
    town.discord.edit_thread(town.guild.owner, thread, locked=True)
    await town.until(lambda: told(town, "paused the task “Here”", "is locked"))
    town.discord.edit_thread(town.guild.owner, thread, locked=False)
    await town.until(lambda: told(town, "again. I paused the task “Here”"))
    # Kept from everybody, and opened again: what is kept there is kept apart, and its people hear so.
    town.discord.set_overwrite(town.channel, town.discord.bot, allow=SEEN)
    everyone = town.discord.everyone(town.guild)
    town.discord.set_overwrite(town.channel, everyone, deny=SEEN)
    await town.until(lambda: "private now" in " ".join(town.said(town.channel)))
    town.discord.set_overwrite(town.channel, everyone)
    await town.until(lambda: "public now" in " ".join(town.said(town.channel)))
    # While nobody listens a channel is deleted: told at the next connect.
    await town.down()
    town.discord.delete_channel(town.guild.owner, side)
    await town.up()
    await town.until(lambda: told(town, "paused the task “Sideways”", "#side", "is not there any more"))
    assert len(told(town, "I paused the task")) == 3
    assert "Traceback" not in town.log()


async def test_tasks_of_somebody_who_left_and_of_a_server_that_lets_the_bot_go_rest(town: Town) -> None:
    bob = town.discord.add_user("bob", town.guild)
    forum = town.discord.add_forum(town.guild, "ideas", tags=["bug", "wish"])
    routes = (
        f'[[routes]]\nchannel = "{forum.id}"\nengage = "always"\n[[routes]]\nchannel = "{town.channel.id}"\n'
    )
    town.config = f'[access]\nunknown = "allow"\n{routes}'
    await town.up()
    # A post comes with what its author filed it under.
    post, _ = town.discord.post_in_forum(town.ada, forum, "Beaks", "are too short", tags=["wish"])
    await town.until(lambda: town.said(post))
    assert town.said(post)[0].startswith("Beaks\n[tags: wish]")
    wish = {"title": "Weekly", "prompt": "the week", "cron": "0 9 * * 1", "destination": "channel"}
    asked = f"@@call schedule_task {json.dumps(wish)}\n@@results"
    await town.answered(town.discord.say(bob, town.channel, asked, mention_bot=True))
    await town.down()
    town.discord.remove_member(town.guild, bob)
    await town.up()
    await town.until(
        lambda: [
            said
            for said in town.said(town.channel)
            if "paused the task “Weekly” (" in said and "Bob, who asked" in said
        ]
    )
    # He comes again, and says something: of that the bot hears.
    town.discord.world.clock.advance(3600)
    town.discord.add_member(town.guild, bob)
    await town.answered(town.discord.say(bob, town.channel, "here I am", mention_bot=True))
    await town.until_logged("Somebody is back")
    town.discord.remove_member(town.guild, town.discord.bot)
    await town.until_logged("A place is now removed")
    town.discord.let_in(town.guild)
    await town.until_logged("A place is now open")
    assert "Traceback" not in town.log()
