"""The fake against the unmodified discord.py: talking, history, threads, files, permissions, intents."""

import asyncio
import io

import discord
import pytest

from tests.fakes.discord import ApiError, FakeDiscord, Intent, Permission, Upload
from tests.fakes.discord.client import ListeningClient, connected, pointed_at


async def test_a_client_logs_in_and_hears_what_a_person_says() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild("Loft")
        channel = server.add_text_channel(guild, "general")
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            assert client.user is not None
            assert client.user.id == server.bot.id
            assert [one.name for one in client.guilds] == ["Loft"]
            said = server.say(ada, channel, "hello", mention_bot=True)
            heard: discord.Message = await client.hear("message")
            assert (heard.id, heard.author.id, heard.author.name) == (said.id, ada.id, "ada")
            assert heard.content == f"<@{server.bot.id}> hello"
            assert client.user in heard.mentions
            answer = await heard.reply("hi there")
            assert [m.content for m in server.messages(channel)] == [said.content, "hi there"]
            assert answer.reference is not None
            assert answer.reference.message_id == said.id


async def test_the_class_attributes_of_the_library_are_restored() -> None:
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    async with FakeDiscord() as server:
        with pointed_at(server):
            assert server.api_url == discord.http.Route.BASE
    assert base == discord.http.Route.BASE
    assert gateway == discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY


async def test_a_wrong_token_fails_the_login() -> None:
    async with FakeDiscord() as server, discord.Client(intents=discord.Intents.none()) as client:
        with pointed_at(server), pytest.raises(discord.LoginFailure):
            await client.login("wrong")


async def test_a_direct_message_reaches_the_bot_and_the_bot_can_open_one() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        ada, bob = server.add_user("ada", guild), server.add_user("bob", guild)
        async with connected(ListeningClient(), server) as client:
            server.say(ada, server.open_dm(ada), "psst")
            heard = await client.hear("message")
            assert isinstance(heard.channel, discord.DMChannel)
            await heard.channel.send("yes?")
            assert [m.content for m in server.messages(server.open_dm(ada))] == ["psst", "yes?"]
            user = await client.fetch_user(bob.id)
            await user.send("hello bob")
            assert [m.content for m in server.messages(server.open_dm(bob))] == ["hello bob"]
            bob.accepts_dms = False
            with pytest.raises(discord.Forbidden) as refused:
                await user.send("still there?")
            assert refused.value.code == 50007


async def test_edits_deletes_and_reactions_arrive_as_raw_events() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        message = server.say(ada, channel, "frist")
        async with connected(ListeningClient(), server) as client:
            server.edit(ada, message, "first")
            edited = await client.hear("raw_message_edit")
            assert (edited.message_id, edited.message.content) == (message.id, "first")
            server.unfurl(message, {"type": "link", "url": "https://example.org"})
            preview = await client.hear("raw_message_edit")
            assert preview.message.content == "first"
            server.react(ada, message, "👍")
            reacted = await client.hear("raw_reaction_add")
            assert (str(reacted.emoji), reacted.user_id) == ("👍", ada.id)
            server.unreact(ada, message, "👍")
            assert (await client.hear("raw_reaction_remove")).message_id == message.id
            server.type_in(ada, channel)
            await client.hear("raw_typing")
            server.delete(ada, message)
            assert (await client.hear("raw_message_delete")).message_id == message.id
            doomed = [server.say(ada, channel, text) for text in ("one", "two")]
            server.delete_many(guild.owner, channel, doomed)
            assert (await client.hear("raw_bulk_message_delete")).message_ids == {m.id for m in doomed}


async def test_the_bot_edits_deletes_reacts_and_types() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        message = server.say(ada, channel, "hello")
        async with connected(ListeningClient(), server) as client:
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            async with target.typing():
                own = await target.send("working…")
            assert len(server.calls("POST /channels/{}/typing")) == 1
            await own.edit(content="done")
            assert server.messages(channel)[-1].content == "done"
            hers = target.get_partial_message(message.id)
            await hers.add_reaction("👀")
            assert message.reactions["👀"].user_ids == [server.bot.id]
            await hers.remove_reaction("👀", client.user)  # type: ignore[arg-type]
            assert message.reactions == {}
            with pytest.raises(discord.HTTPException) as unknown:
                await hers.add_reaction("nonsense")
            assert unknown.value.code == 10014
            await own.delete()
            assert [m.id for m in server.messages(channel)] == [message.id]
            with pytest.raises(discord.Forbidden) as foreign:
                await (await target.fetch_message(message.id)).edit(content="mine now")
            assert foreign.value.code == 50005


async def test_a_nonce_posts_once_until_its_window_has_passed() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        async with connected(ListeningClient(), server) as client:
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            first = await target.send("once", nonce="out-1")
            again = await target.send("once", nonce="out-1")
            assert again.id == first.id
            assert first.nonce == "out-1"
            assert (await client.hear("message")).nonce == "out-1"
            assert len(server.messages(channel)) == 1
            server.clock.advance(server.settings.nonce_window + 1)
            late = await target.send("once", nonce="out-1")
            assert late.id != first.id


async def test_history_pages_before_after_and_around_a_message() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        said = [server.say(ada, channel, f"m{number}") for number in range(130)]
        async with connected(ListeningClient(), server) as client:
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            missed = [m.content async for m in target.history(after=discord.Object(said[4].id), limit=None)]
            assert missed == [f"m{number}" for number in range(5, 130)]
            older = [m.content async for m in target.history(before=discord.Object(said[3].id))]
            assert older == ["m2", "m1", "m0"]
            near = {m.content async for m in target.history(around=discord.Object(said[50].id), limit=5)}
            assert near == {"m48", "m49", "m50", "m51", "m52"}
            latest = [m.content async for m in target.history(limit=2)]
            assert latest == ["m129", "m128"]


async def test_a_thread_started_from_a_message_has_the_messages_id() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            question = server.say(ada, channel, "how?", mention_bot=True)
            heard = await client.hear("message")
            thread = await heard.create_thread(name="how")
            assert thread.id == question.id
            with pytest.raises(discord.HTTPException) as second:
                await heard.create_thread(name="again")
            assert second.value.code == 160004
            await thread.send("like this")
            inside = server.world.channels[thread.id]
            assert [m.content for m in server.messages(inside)] == ["", "like this"]
            starter = await anext(thread.history(oldest_first=True))
            assert starter.type is discord.MessageType.thread_starter_message
            assert isinstance(starter.reference, discord.MessageReference)
            assert isinstance(starter.reference.resolved, discord.Message)
            assert starter.reference.resolved.id == question.id
            assert server.bot.id in inside.thread_members
            server.say(ada, inside, "thanks")
            reply = await client.hear("message")
            while reply.content != "thanks":
                reply = await client.hear("message")
            assert isinstance(reply.channel, discord.Thread)
            assert reply.channel.parent_id == channel.id


async def test_a_person_starts_a_thread_and_the_bot_hears_of_it() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            message = server.say(ada, channel, "let us talk")
            thread = server.start_thread(ada, message, "talk")
            made = await client.hear("thread_create")
            assert (made.id, made.name, made.owner_id) == (message.id, "talk", ada.id)
            server.delete_channel(guild.owner, thread)
            assert (await client.hear("thread_delete")).id == thread.id


async def test_a_message_unarchives_its_thread_and_a_locked_one_refuses() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        thread = server.add_thread(channel, ada, "plans")
        async with connected(ListeningClient(), server) as client:
            mirror = client.get_channel(thread.id)
            assert isinstance(mirror, discord.Thread)
            server.archive(thread)
            await client.hear("raw_thread_update")
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            assert [t.id async for t in target.archived_threads()] == [thread.id]
            assert await target.guild.active_threads() == []
            await mirror.send("awake")
            assert not thread.archived
            assert [t.id for t in await target.guild.active_threads()] == [thread.id]
            server.edit_thread(guild.owner, thread, locked=True, archived=True)
            with pytest.raises(discord.HTTPException) as locked:
                await mirror.send("hello?")
            assert locked.value.code == 50083


async def test_threads_without_a_message_are_announced_and_private_ones_hidden() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            public = await target.create_thread(name="open", type=discord.ChannelType.public_thread)
            assert public.id != server.messages(channel)[0].id
            notice = await client.hear("message")
            assert notice.type is discord.MessageType.thread_created
            secret = server.add_thread(channel, ada, "secret", private=True)
            assert {t.id for t in await target.guild.active_threads()} == {public.id}
            with pytest.raises(discord.Forbidden) as hidden:
                await client.fetch_channel(secret.id)
            assert hidden.value.code == 50001
            server.add_to_thread(secret, server.bot)
            assert (await client.hear("thread_join")).id == secret.id
            server.remove_from_thread(secret, server.bot)
            assert (await client.hear("thread_remove")).id == secret.id


async def test_a_forum_post_is_a_thread_whose_first_message_shares_its_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_PAYLOADS", "full")
    async with FakeDiscord() as server:
        guild = server.add_guild()
        forum = server.add_forum(guild, "questions", tags=["bug"])
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            post, first = server.post_in_forum(ada, forum, "It broke", "see title", tags=["bug"])
            made = await client.hear("thread_create")
            assert made.id == post.id == first.id
            assert [tag.name for tag in made.applied_tags] == ["bug"]
            assert (await client.hear("message")).id == post.id
            mirror = client.get_channel(forum.id)
            assert isinstance(mirror, discord.ForumChannel)
            file = discord.File(io.BytesIO(b"log"), "log.txt")
            own = await mirror.create_thread(name="Mine", content="first", file=file)
            assert own.thread.id == own.message.id
            assert [a.filename for a in own.message.attachments] == ["log.txt"]


async def test_files_travel_both_ways_and_links_expire(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_PAYLOADS", "full")
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            server.say(ada, channel, "look", attachments=[Upload("cat.png", b"\x89PNG", "image/png")])
            heard = await client.hear("message")
            (attachment,) = heard.attachments
            assert (attachment.filename, attachment.size) == ("cat.png", 4)
            assert attachment.content_type == "image/png"
            assert await attachment.read() == b"\x89PNG"
            files = [discord.File(io.BytesIO(b"%d" % n), f"{n}.txt", description=f"no {n}") for n in (1, 2)]
            sent = await heard.channel.send("two files", files=files)
            stored = server.messages(channel)[-1]
            assert [(a.filename, a.data, a.description) for a in stored.attachments] == [
                ("1.txt", b"1", "no 1"),
                ("2.txt", b"2", "no 2"),
            ]
            await sent.edit(attachments=[sent.attachments[1]])
            assert [a.filename for a in stored.attachments] == ["2.txt"]
            server.clock.advance(server.settings.attachment_lifetime + 1)
            with pytest.raises(discord.NotFound):
                await attachment.read()


async def test_missing_permissions_are_refused_with_discords_codes() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        hidden = server.add_text_channel(guild, "staff", private_to=[guild.owner])
        ada = server.add_user("ada", guild)
        message = server.say(ada, channel, "hello")
        async with connected(ListeningClient(), server) as client:
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            with pytest.raises(discord.Forbidden) as access:
                await client.fetch_channel(hidden.id)
            assert access.value.code == 50001
            with pytest.raises(discord.Forbidden) as delete:
                await target.get_partial_message(message.id).delete()
            assert delete.value.code == 50013
            server.set_overwrite(channel, server.everyone(guild), deny=Permission.SEND_MESSAGES)
            with pytest.raises(discord.Forbidden) as send:
                await target.send("may I?")
            assert send.value.code == 50013
            admin = server.add_role(guild, "admin", Permission.ADMINISTRATOR, server.bot)
            await target.send("I may")
            await target.get_partial_message(message.id).delete()
            server.set_role_permissions(guild, admin, Permission.VIEW_CHANNEL)
            with pytest.raises(discord.Forbidden):
                await target.send("no longer")
            with pytest.raises(ApiError):
                server.say(ada, hidden, "let me in")


async def test_nothing_is_dispatched_from_a_channel_the_bot_cannot_see() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        hidden = server.add_text_channel(guild, "staff", private_to=[guild.owner])
        channel = server.add_text_channel(guild)
        async with connected(ListeningClient(), server) as client:
            server.say(guild.owner, hidden, "secret")
            server.say(guild.owner, channel, "public")
            assert (await client.hear("message")).content == "public"


async def test_without_the_content_intent_only_mentions_and_dms_are_readable() -> None:
    async with FakeDiscord() as server:
        server.settings.enabled_intents = Intent.GUILD_MEMBERS
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        intents = discord.Intents.all()
        intents.message_content = intents.presences = False
        async with connected(ListeningClient(intents), server) as client:
            server.say(ada, channel, "quiet", attachments=[Upload("a.txt", b"a")])
            server.say(ada, channel, "loud", mention_bot=True)
            server.say(ada, server.open_dm(ada), "direct")
            quiet, loud, direct = [await client.hear("message") for _ in range(3)]
            assert (quiet.content, quiet.attachments) == ("", [])
            assert loud.content.endswith("loud")
            assert direct.content == "direct"
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            assert (await target.fetch_message(quiet.id)).content == ""


async def test_members_are_fetched_by_rest_and_asked_for_at_the_gateway() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        server.add_user("ada", guild)
        bob = server.add_user("bob", guild)
        role = server.add_role(guild, "crew")
        server.set_roles(guild, bob, [role])
        intents = discord.Intents.all()
        intents.presences = False
        async with connected(ListeningClient(intents), server) as client:
            mirror = client.guilds[0]
            assert {member.name for member in mirror.members} == {"owner", "dove", "ada", "bob"}
            assert [m.id for m in await mirror.query_members("bo")] == [bob.id]
            fetched = await mirror.fetch_member(bob.id)
            assert [r.name for r in fetched.roles] == ["@everyone", "crew"]
            assert {m.name async for m in mirror.fetch_members()} == {"dove", "owner", "ada", "bob"}
            server.remove_member(guild, bob)
            assert (await client.hear("member_remove")).id == bob.id
            with pytest.raises(discord.NotFound):
                await mirror.fetch_member(bob.id)


async def test_waiting_for_a_state_names_the_latest_calls_when_it_never_comes() -> None:
    async with FakeDiscord() as server:
        channel = server.add_text_channel(server.add_guild())
        async with connected(ListeningClient(), server) as client:
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            seen = asyncio.create_task(server.wait_for(lambda: server.messages(channel)))
            await target.send("there")
            assert [m.content for m in await seen] == ["there"]
            with pytest.raises(TimeoutError, match=r"POST /channels/\{\}/messages -> 200"):
                await server.wait_for(lambda: False, timeout=0.01)
