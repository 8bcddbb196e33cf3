"""Who may, and what a person who set the bot up wrongly is told (LESSONS 51 to 53)."""

from __future__ import annotations

import pytest

from host.intake.changed import DELETED
from tests.fakes.discord import Intent, Permission
from tests.support.town import Town


async def test_a_stranger_is_told_once_privately_and_gets_no_answer(town: Town) -> None:
    town.config = f'[access]\nunknown = "deny"\nusers = ["discord:{town.ada.id}"]'
    await town.up()
    eve = town.discord.add_user("eve", town.guild)
    refused = town.discord.say(eve, town.channel, "let me in", mention_bot=True)
    town.discord.say(eve, town.channel, "please", mention_bot=True)
    dm = town.discord.open_dm(eve)
    await town.until(lambda: town.said(dm))
    question = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    await town.answered(question)
    assert len(town.said(dm)) == 1
    assert "access" in town.said(dm)[0]
    assert town.said(town.channel) == []
    assert town.thread_of(refused) is None


async def test_a_role_lets_its_members_in(town: Town) -> None:
    keepers = town.discord.add_role(town.guild, "keepers")
    town.discord.set_roles(town.guild, town.ada, [keepers])
    town.config = f'[access]\nunknown = "deny"\ngroups = ["discord:{keepers.id}"]'
    await town.up()
    question = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    await town.answered(question)


async def test_a_stranger_may_not_enter_by_a_command_either(town: Town) -> None:
    town.config = f'[access]\nunknown = "deny"\nusers = ["discord:{town.ada.id}"]'
    await town.up()
    await town.until(lambda: town.discord.world.commands)
    eve = town.discord.add_user("eve", town.guild)
    tried = town.discord.run_command(eve, town.channel, "ask", {"question": "let me in"})
    await town.until(lambda: any("access" in told.content for told in tried.followups))
    assert all(told.ephemeral for told in tried.followups)
    assert town.said(town.channel) == []


async def test_a_deletion_by_nobody_known_tells_nobody_off(town: Town) -> None:
    town.config = f'[access]\nunknown = "deny"\nusers = ["discord:{town.ada.id}"]'
    await town.up()
    question = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    thread = await town.answered(question)
    second = town.discord.say(town.ada, thread, "more")
    await town.answered(question, 2)
    town.discord.delete(town.ada, second)
    town.discord.say(town.ada, thread, "and more")
    await town.until(lambda: "and more" in town.said(thread))
    assert [said for said in town.said(thread) if said != DELETED] == ["hello", "more", "and more"]


async def test_a_missing_intent_is_found_at_the_start_and_explained(town: Town) -> None:
    town.discord.settings.enabled_intents &= ~Intent.MESSAGE_CONTENT
    await town.start()
    await town.until_logged("Message Content Intent")
    assert town.discord.gateway.connections == 0


async def test_a_wrong_token_is_explained(town: Town) -> None:
    await town.start(DISCORD_BOT_TOKEN="wrong")
    await town.until_logged("refuses the token")


async def test_without_a_token_nothing_starts_and_the_reason_is_said(town: Town) -> None:
    await town.start(DISCORD_BOT_TOKEN="")
    assert await town.ended() == 2
    assert "DISCORD_BOT_TOKEN" in town.log()


@pytest.mark.parametrize("lacking", [Permission.CREATE_PUBLIC_THREADS, Permission.READ_MESSAGE_HISTORY])
async def test_a_missing_permission_is_named_with_the_way_to_get_it(town: Town, lacking: Permission) -> None:
    everyone = town.discord.everyone(town.guild)
    town.discord.set_role_permissions(town.guild, everyone, Permission(everyone.permissions & ~lacking))
    await town.up()
    await town.until_logged(str(lacking.name).lower())
    assert "oauth2/authorize" in town.log()


async def test_a_channel_that_the_bot_sees_and_may_not_answer_in_is_named(town: Town) -> None:
    hall = town.discord.add_text_channel(town.guild, "hall")
    everyone = town.discord.everyone(town.guild)
    town.discord.set_overwrite(hall, everyone, deny=Permission.SEND_MESSAGES_IN_THREADS)
    await town.up()
    await town.until_logged("In #hall of")
    assert "send_messages_in_threads" in town.log()


async def test_an_owner_lets_a_stranger_in_by_a_button_and_it_shows_who_did(town: Town) -> None:
    town.config = f'[access]\nunknown = "ask"\nowners = ["discord:{town.ada.id}"]'
    await town.up()
    eve = town.discord.add_user("eve", town.guild)
    town.discord.say(eve, town.channel, "let me in", mention_bot=True)
    dm = town.discord.open_dm(town.ada)
    await town.until(lambda: any(message.components for message in town.discord.messages(dm)))
    [asked] = [message for message in town.discord.messages(dm) if message.components]
    allow = asked.components[0]["components"][0]
    await town.down()
    await town.up()  # the buttons outlive the process
    town.discord.click(town.ada, asked, allow["custom_id"])
    await town.until(lambda: not asked.components)
    assert "Ada" in asked.content
    question = town.discord.say(eve, town.channel, "and now?", mention_bot=True)
    await town.answered(question)
