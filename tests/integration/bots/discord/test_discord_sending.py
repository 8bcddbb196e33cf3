"""Sending to Discord: once, in the right place, and every failure as what it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bots.discord.bot import DiscordBot
from host.ports.bot import Live, Offline, Rejected, Unknown, Unsent
from sessiondb import Address, content
from tests.fakes.discord import Channel, FakeDiscord, Fault, Guild, Permission, User
from tests.support.discording import Notebook, delivery, online, place
from tests.support.hosting import config

POST = "POST /channels/{}/messages"
HELLO = content.Text("hello")


@dataclass
class Room:
    server: FakeDiscord
    guild: Guild
    channel: Channel
    ada: User
    bot: DiscordBot
    notebook: Notebook
    folder: Path

    def said(self, channel: Channel | None = None) -> list[str]:
        messages = self.server.messages(channel or self.channel)
        return [m.content for m in messages if m.author is self.server.bot]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with online(server, tmp_path) as (bot, notebook):
            yield Room(server, guild, channel, ada, bot, notebook, tmp_path)


async def test_a_post_whose_answer_was_lost_stands_once(room: Room) -> None:
    room.server.faults.next(POST, Fault.answer_lost())
    receipt = await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    assert [str(m.id) for m in room.server.messages(room.channel)] == [receipt.platform_message_id]


async def test_a_post_that_is_carried_out_after_the_caller_gave_up_stands_once(room: Room) -> None:
    late = asyncio.Event()
    room.server.faults.next(POST, Fault.posted_late(late))
    await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    late.set()
    await room.server.wait_for(lambda: [c.status for c in room.server.calls(POST)] == [200, 200])
    assert room.said() == ["hello"]


async def test_an_unavailable_discord_is_proven_unsent_after_a_few_tries(room: Room) -> None:
    room.server.faults.next(POST, Fault.unavailable(), times=3)
    with pytest.raises(Unsent):
        await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    assert room.said() == []


async def test_a_lost_answer_stays_unknown_whatever_the_tries_after_it_came_to(room: Room) -> None:
    unavailable = Fault.unavailable()
    room.server.faults.next(POST, Fault.answer_lost(), unavailable, unavailable)
    with pytest.raises(Unknown):
        await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    room.server.faults.next(POST, Fault.answer_lost(), Fault.rate_limited(300.0))
    with pytest.raises(Unknown):
        await room.bot.send(delivery(room.bot, HELLO, place(room.channel), key="0f"))
    assert room.said() == ["hello", "hello"]


async def test_a_post_that_is_made_again_beyond_the_nonce_is_looked_for_first(room: Room) -> None:
    sent = delivery(room.bot, HELLO, place(room.channel))
    receipt = await room.bot.send(sent)
    long_ago = int(time.time() * 1000) - 600_000
    async with online(room.server, room.folder) as (later, _):
        assert await later.send(replace(sent, first_attempt_at=long_ago)) == receipt
        await later.send(replace(sent, key="0f", first_attempt_at=long_ago))
    assert room.said() == ["hello", "hello"]


async def test_a_long_rate_limit_goes_back_to_the_queue_with_its_time(room: Room) -> None:
    room.server.faults.next(POST, Fault.rate_limited(300.0))
    with pytest.raises(Unsent) as caught:
        await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    assert caught.value.retry_after == pytest.approx(300.0)


async def test_a_short_rate_limit_is_waited_out(room: Room) -> None:
    room.server.faults.next(POST, Fault.rate_limited(0.01))
    await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    assert room.said() == ["hello"]


async def test_a_ban_of_the_proxy_is_waited_for_in_the_queue(room: Room) -> None:
    room.server.faults.next(POST, Fault.cloudflare_ban())
    with pytest.raises(Unsent) as caught:
        await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    assert caught.value.retry_after > 0


async def test_a_missing_permission_is_a_refusal_that_names_the_remedy(room: Room) -> None:
    everyone = room.server.everyone(room.guild)
    room.server.set_overwrite(room.channel, everyone, deny=Permission.SEND_MESSAGES)
    with pytest.raises(Rejected, match="permission"):
        await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))


async def test_what_is_for_one_person_goes_to_their_direct_messages(room: Room) -> None:
    told = delivery(room.bot, HELLO, place(room.channel), private_to=str(room.ada.id))
    await room.bot.send(told)
    assert room.said() == []
    assert room.said(room.server.open_dm(room.ada)) == ["hello"]


async def test_a_person_who_takes_no_direct_messages_is_a_refusal(room: Room) -> None:
    room.ada.accepts_dms = False
    told = delivery(room.bot, HELLO, place(room.channel), private_to=str(room.ada.id))
    with pytest.raises(Rejected, match="direct messages"):
        await room.bot.send(told)


async def test_nobody_is_pinged_whatever_the_text_says(room: Room) -> None:
    words = content.Text(f"hi {room.ada.mention} and @everyone")
    await room.bot.send(delivery(room.bot, words, place(room.channel)))
    [message] = room.server.messages(room.channel)
    assert (message.mentions, message.mention_everyone) == ([], False)


async def test_a_long_message_that_notifies_is_one_message_however_often_it_is_tried(room: Room) -> None:
    called = (str(room.ada.id),)
    first, *_ = room.bot.render(content.Text("word " * 1_000), mentions=called)
    post = replace(delivery(room.bot, HELLO, place(room.channel)), payload=first, mentions=called)
    room.server.faults.next(POST, Fault.answer_lost())
    receipt = await room.bot.send(post)
    [message] = room.server.messages(room.channel)
    assert receipt.platform_message_id == str(message.id)
    assert message.content.startswith(f"<@{room.ada.id}> word")
    assert message.mentions == [room.ada]
    long_ago = int(time.time() * 1000) - 3_600_000
    async with online(room.server, room.folder) as (another_life, _):
        assert await another_life.lookup(replace(post, first_attempt_at=long_ago)) == receipt


async def test_a_thread_is_opened_once_however_often_the_first_send_is_tried(room: Room) -> None:
    question = room.server.say(room.ada, room.channel, "why?", mention_bot=True)
    await room.notebook.next()
    room.server.faults.next("POST /channels/{}/messages/{}/threads", Fault.answer_lost())
    answer = delivery(room.bot, HELLO, place(room.channel, str(question.id)), answers=str(question.id))
    with pytest.raises(Unknown):
        await room.bot.send(answer)
    await room.bot.send(answer)
    thread = room.server.world.channels[question.id]
    assert thread.name == "why?"
    assert "hello" in room.said(thread)
    assert room.said() == []


async def test_an_answer_to_a_deleted_question_goes_nowhere_else(room: Room) -> None:
    question = room.server.say(room.ada, room.channel, "why?", mention_bot=True)
    await room.notebook.next()
    room.server.delete(room.ada, question)
    answer = delivery(room.bot, HELLO, place(room.channel, str(question.id)), answers=str(question.id))
    with pytest.raises(Rejected, match="deleted"):
        await room.bot.send(answer)
    assert room.said() == []


async def test_an_archived_thread_is_written_to_again(room: Room) -> None:
    thread = room.server.add_thread(room.channel, room.ada)
    room.server.archive(thread)
    await room.bot.send(delivery(room.bot, HELLO, place(thread)))
    assert "hello" in room.said(thread)


async def test_a_reaction_to_the_question_that_opened_the_thread_lands_on_it(room: Room) -> None:
    question = room.server.say(room.ada, room.channel, "why?", mention_bot=True)
    address = place(room.channel, str(question.id))
    reaction = content.Reaction("m1", "eyes")
    await room.bot.send(delivery(room.bot, reaction, address, target=str(question.id)))
    assert list(question.reactions) == ["👀"]


async def test_a_reaction_to_a_reply_from_the_channel_lands_on_it(room: Room) -> None:
    post = room.server.say(room.ada, room.channel, "the news")
    thread = room.server.start_thread(room.ada, post)
    reply = room.server.say(room.ada, room.channel, "go on", reply_to=post)
    seen = content.Reaction("the reply", "eyes")
    await room.bot.send(delivery(room.bot, seen, place(thread), target=str(reply.id)))
    assert list(reply.reactions) == ["👀"]


async def test_an_unknown_emoji_is_a_refusal(room: Room) -> None:
    question = room.server.say(room.ada, room.channel, "why?")
    reaction = content.Reaction("m1", "no-such-thing")
    with pytest.raises(Rejected, match="emoji"):
        await room.bot.send(delivery(room.bot, reaction, place(room.channel), target=str(question.id)))


async def test_an_edit_changes_the_message_it_names(room: Room) -> None:
    receipt = await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    changed = content.Edit("m1", "goodbye")
    await room.bot.send(delivery(room.bot, changed, place(room.channel), target=receipt.platform_message_id))
    assert room.said() == ["goodbye"]


async def test_a_file_goes_out_with_its_comment_and_name(room: Room) -> None:
    (room.folder / "m1").mkdir()
    (room.folder / "m1" / "a.csv").write_text("x,y\n")
    sent = content.File("m1/a.csv", "table.csv", "the table")
    await room.bot.send(delivery(room.bot, sent, place(room.channel), files=str(room.folder)))
    [message] = room.server.messages(room.channel)
    assert message.content == "the table"
    assert [(a.filename, a.data) for a in message.attachments] == [("table.csv", b"x,y\n")]


@pytest.mark.parametrize(
    "path", ["link", "linked/secret", "../secret", "/etc/hostname", "folder", "pipe", "absent"]
)
async def test_only_plain_files_of_the_container_go_out(room: Room, path: str) -> None:
    import os

    files = room.folder / "files"
    (files / "folder").mkdir(parents=True)
    (room.folder / "secret").write_text("s")
    (files / "link").symlink_to(room.folder / "secret")
    (files / "linked").symlink_to(room.folder)
    os.mkfifo(files / "pipe")
    with pytest.raises(Rejected):
        await room.bot.send(
            delivery(room.bot, content.File(path, "f"), place(room.channel), files=str(files))
        )
    assert room.server.messages(room.channel) == []


async def test_a_file_beyond_the_servers_limit_is_refused_in_words(room: Room) -> None:
    room.guild.upload_limit = 3
    (room.folder / "big").write_bytes(b"1234")
    sent = content.File("big", "big.bin")
    with pytest.raises(Rejected, match="at most 10 MiB"):
        await room.bot.send(delivery(room.bot, sent, place(room.channel), files=str(room.folder)))


async def test_a_message_sent_long_ago_is_found_in_the_history(room: Room) -> None:
    sent = replace(delivery(room.bot, HELLO, place(room.channel)), bill="Took 12 s")  # no word of it
    receipt = await room.bot.send(sent)
    long_ago = int(time.time() * 1000) - 600_000
    asked = {"first_attempt_at": long_ago, "key": "aa00aa00aa00aa00"}
    assert await room.bot.lookup(delivery(room.bot, HELLO, place(room.channel), **asked)) is None
    async with online(room.server, room.folder) as (later, _):  # another life, which remembers no nonce
        asked["key"] = sent.key
        found = await later.lookup(delivery(later, HELLO, place(room.channel), **asked))
        assert found == receipt
        other = content.Text("never sent")
        assert await later.lookup(delivery(later, other, place(room.channel), **asked | {"key": "b"})) is None


@pytest.mark.parametrize("kind", ["file", "question", "private"])
async def test_each_kind_of_message_is_found_in_the_history_and_no_other(room: Room, kind: str) -> None:
    """Two of a kind that look alike to a careless eye."""
    for name in ("a.csv", "b c.csv"):
        (room.folder / name).write_text("x")
    address = place(room.channel)
    kinds: dict[str, tuple[content.Operation, content.Operation]] = {
        "file": (content.File("a.csv", "a.csv"), content.File("b c.csv", "b c.csv")),
        "question": (content.Question("Which?", ("a", "b")), content.Question("Which?", ("a", "b"))),
        "private": (content.Text("one"), content.Text("two")),
    }
    first, second = kinds[kind]
    more = {"files": str(room.folder), "private_to": str(room.ada.id) if kind == "private" else ""}
    sent = [
        delivery(room.bot, operation, address, key=f"{n:016x}", **more)
        for n, operation in enumerate([first, second], 1)
    ]
    receipts = [await room.bot.send(one) for one in sent]
    long_ago = int(time.time() * 1000) - 600_000
    async with online(room.server, room.folder) as (later, _):
        for one, receipt in reversed(list(zip(sent, receipts, strict=True))):
            assert await later.lookup(replace(one, first_attempt_at=long_ago)) == receipt


async def test_the_same_words_said_before_the_question_are_not_taken_for_its_answer(room: Room) -> None:
    await room.bot.send(delivery(room.bot, HELLO, place(room.channel)))
    question = room.server.say(room.ada, room.channel, "and now?", mention_bot=True)
    long_ago = int(time.time() * 1000) - 3_600_000
    more = {"key": "0e", "answers": str(question.id), "first_attempt_at": long_ago}
    async with online(room.server, room.folder) as (later, _):
        lost = delivery(later, HELLO, place(room.channel), **more)
        assert await later.lookup(lost) is None
        receipt = await later.send(lost)
    async with online(room.server, room.folder) as (last, _):
        assert await last.lookup(lost) == receipt


async def test_what_is_to_be_said_in_a_forum_beside_its_posts_is_refused_in_words(room: Room) -> None:
    forum = room.server.add_forum(room.guild)
    with pytest.raises(Rejected, match="a forum has posts, and nothing can be said in it"):
        await room.bot.send(delivery(room.bot, HELLO, place(forum)))


async def test_a_reaction_to_a_forum_post_lands_on_it(room: Room) -> None:
    forum = room.server.add_forum(room.guild)
    thread, post = room.server.post_in_forum(room.ada, forum, "Topic", "what now?")
    await room.notebook.next()
    reaction = content.Reaction("m1", "eyes")
    await room.bot.send(delivery(room.bot, reaction, place(thread), target=str(post.id)))
    assert list(post.reactions) == ["👀"]


async def test_a_bot_that_is_not_connected_is_offline(tmp_path: Path) -> None:
    bot = DiscordBot(config(tmp_path), tmp_path, "t")
    with pytest.raises(Offline):
        await bot.send(delivery(bot, HELLO, Address("discord", "1", "2")))


async def test_long_answers_are_split_within_the_limit_and_all_chunks_are_accepted(room: Room) -> None:
    text = "\n".join(f"line {n} " + "word " * 30 for n in range(60)) + "\n```py\n" + "x = 1\n" * 500 + "```"
    chunks = room.bot.render(content.Text(text))
    assert len(chunks) > 3
    for number, chunk in enumerate(chunks):
        template = delivery(room.bot, HELLO, place(room.channel))
        await room.bot.send(replace(template, key=f"{number:016x}", payload=chunk))
    assert len(room.said()) == len(chunks)


async def test_while_calls_are_left_none_is_refused_however_far_off_the_reset_is(room: Room) -> None:
    """The bucket of threads is reset in minutes: the second mention gets its thread all the same."""
    for number in range(3):
        asked = room.server.say(room.ada, room.channel, f"question {number}", mention_bot=True)
        event = await room.notebook.next(number + 1)
        answer = delivery(
            room.bot, HELLO, event.address._replace(thread_id=event.opens_thread), key=f"{number:016}"
        )
        async with asyncio.timeout(20):
            await room.bot.send(answer)
        assert asked.thread is not None
    assert {c.status for c in room.server.calls("POST /channels/{}/messages/{}/threads")} == {200}


async def test_the_call_that_takes_the_last_place_is_answered_and_the_next_is_proven_unsent(
    room: Room,
) -> None:
    room.server.quotas.wide[POST] = (300.0, 2)
    async with asyncio.timeout(20):
        for text in ("one", "two"):
            await room.bot.send(
                delivery(room.bot, content.Text(text), place(room.channel), key=f"{text:>16}")
            )
        with pytest.raises(Unsent) as refused:
            await room.bot.send(delivery(room.bot, content.Text("three"), place(room.channel), key="3" * 16))
    assert refused.value.retry_after > 200
    assert room.said() == ["one", "two"]
    assert len(room.server.calls(POST)) == 2, "what would be refused is not even asked"


async def test_a_short_wait_for_a_place_is_waited_out(room: Room) -> None:
    room.server.quotas.wide[POST] = (0.5, 1)
    async with asyncio.timeout(20):
        for text in ("one", "two", "three"):
            await room.bot.send(
                delivery(room.bot, content.Text(text), place(room.channel), key=f"{text:>16}")
            )
    assert room.said() == ["one", "two", "three"]


async def test_no_address_that_is_posted_is_fetched_for_a_preview(room: Room) -> None:
    leak = "see https://leak.example/?secret=1 and [here](https://leak.example/?secret=2)"
    receipt = await room.bot.send(delivery(room.bot, content.Text(leak), place(room.channel)))
    cards = content.Card("Card", leak, url="https://leak.example/?secret=3")
    await room.bot.send(delivery(room.bot, cards, place(room.channel), key="0c"))
    edit = delivery(room.bot, content.Edit("m1", leak + "!"), place(room.channel), key="0e")
    await room.bot.send(replace(edit, target=receipt.platform_message_id))
    live = Live("0a", place(room.channel), "", str(room.ada.id), "reading", leak)
    opened = await room.bot.open_live(live)
    await room.bot.update_live(replace(live, text=leak + "!"), opened.platform_message_id)
    await room.server.wait_for(lambda: room.said()[-1].endswith("!"))
    act = room.server.run_command(room.ada, room.channel, "ask", {"question": leak})
    await room.server.wait_for(lambda: any("asks:" in words for words in room.said()))
    assert act is not None
    assert len(room.said()) == 4
    assert room.server.world.fetched == []


async def test_a_card_is_found_by_its_words_and_edited_in_its_place(room: Room) -> None:
    card = content.Card("Sales", "up 5 %", url="https://shop.example/q")
    long_ago = time.time_ns() // 1_000_000 - 600_000
    sent = delivery(room.bot, card, place(room.channel))
    receipt = await room.bot.send(sent)
    [message] = room.server.messages(room.channel)
    assert message.content == ">>> ### Sales\n\nup 5 %"
    async with online(room.server, room.folder) as (later, _):
        sent = replace(sent, first_attempt_at=long_ago)
        assert await later.lookup(sent) == receipt
        other = replace(sent, payload={**sent.payload, "content": ">>> ### Sales\n\nup 6 %"})
        assert await later.lookup(replace(other, key="0d")) is None
        edit = delivery(later, content.Edit("m1", "down 2 %"), place(room.channel), key="0e")
        await later.send(replace(edit, target=receipt.platform_message_id))
    assert (message.content, len(message.components)) == ("down 2 %", 1)
    assert len(room.server.messages(room.channel)) == 1
