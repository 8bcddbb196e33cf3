"""Where conversations live: forum posts, threads that were there before, whole channels, and what routes say (LESSONS 45, 46)."""

from __future__ import annotations

from tests.support.town import Town


async def test_a_forum_post_is_a_conversation_and_a_route_opens_every_post(town: Town) -> None:
    open_forum = town.discord.add_forum(town.guild, "open")
    forum = town.discord.add_forum(town.guild, "forum")
    town.config = f'[[routes]]\nchannel = "{open_forum.id}"\nengage = "always"\n[[routes]]'
    await town.up()
    me = town.discord.bot.mention
    post, _ = town.discord.post_in_forum(town.ada, forum, "Doves", f"{me} how do they find home?")
    unasked, _ = town.discord.post_in_forum(town.ada, forum, "Crows", "not for you")
    always, _ = town.discord.post_in_forum(town.ada, open_forum, "Gulls", "how do they fish?")
    await town.until(lambda: town.said(post) and town.said(always))
    town.discord.say(town.ada, post, "and pigeons?")
    await town.until(lambda: len(town.said(post)) == 2)
    assert town.said(post) == ["Doves\n\nhow do they find home?", "and pigeons?"]
    assert town.said(always) == ["Gulls\n\nhow do they fish?"]
    assert town.said(unasked) == []


async def test_a_mention_in_a_thread_that_was_there_before_is_answered_there(town: Town) -> None:
    await town.up()
    thread = town.discord.start_thread(town.ada, town.discord.say(town.ada, town.channel, "the build is red"))
    town.discord.say(town.ada, thread, "since noon")
    town.discord.say(town.ada, thread, "why?", mention_bot=True)
    await town.until(lambda: town.said(thread))
    town.discord.say(town.ada, thread, "thank you")
    await town.until(lambda: len(town.said(thread)) == 2)
    assert town.said(thread) == ["why?", "thank you"]
    assert town.said(town.channel) == []


async def test_a_whole_channel_can_be_one_conversation_that_answers_by_replies(town: Town) -> None:
    town.config = '[[routes]]\nsession = "channel"'
    await town.up()
    first = town.discord.say(town.ada, town.channel, "one", mention_bot=True)
    await town.until(lambda: town.said(town.channel) == ["one"])
    second = town.discord.say(town.ada, town.channel, "two", mention_bot=True)
    await town.until(lambda: town.said(town.channel) == ["one", "two"])
    answers = [m for m in town.discord.messages(town.channel) if m.author is town.discord.bot]
    assert [answer.replies_to for answer in answers] == [first, second]
    assert [c for c in town.discord.world.channels.values() if c.is_thread] == []


async def test_a_channel_that_is_switched_off_stays_silent(town: Town) -> None:
    quiet = town.discord.add_text_channel(town.guild, "quiet")
    town.config = f'[[routes]]\nchannel = "{quiet.id}"\nengage = "off"\n[[routes]]'
    await town.up()
    town.discord.say(town.ada, quiet, "hello?", mention_bot=True)
    question = town.discord.say(town.ada, town.channel, "hello", mention_bot=True)
    await town.answered(question)
    assert town.said(quiet) == []


async def test_a_route_can_give_each_person_one_conversation_wherever_they_ask(town: Town) -> None:
    """Two threads of one person are one session; each answer stands in the thread that asked."""
    ben = town.discord.add_user("ben", town.guild)
    town.config = '[[routes]]\nsession = "user"'
    await town.up()
    one = town.discord.say(town.ada, town.channel, "one", mention_bot=True)
    thread = await town.answered(one)
    two = town.discord.say(town.ada, town.channel, "two", mention_bot=True)
    await town.answered(two)
    bens = town.discord.say(ben, town.channel, "mine", mention_bot=True)
    await town.answered(bens)
    town.discord.say(town.ada, thread, "and more")
    await town.answered(one, 2)
    assert [town.said(town.thread_of(asked)) for asked in (one, two, bens)] == [
        ["one", "and more"],
        ["two"],
        ["mine"],
    ]
    assert town.said(town.channel) == []
    assert len(list(town.folder.glob("data/sessions/*"))) == 2


async def test_a_route_can_open_threads_for_what_a_pattern_finds(town: Town) -> None:
    town.config = '[[routes]]\nengage = "pattern"\npattern = "(?i)^help:"'
    await town.up()
    chatter = town.discord.say(town.ada, town.channel, "no help needed")
    asked = town.discord.say(town.ada, town.channel, "Help: where do doves sleep?")
    thread = await town.answered(asked)
    town.discord.say(town.ada, thread, "and when?")
    await town.answered(asked, 2)
    assert town.said(thread) == ["Help: where do doves sleep?", "and when?"]
    assert town.thread_of(chatter) is None
