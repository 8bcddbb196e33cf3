"""What an answer looks like when it arrives (LESSONS 21, 47, 49)."""

from __future__ import annotations

from tests.fakes.discord import Fault
from tests.support.town import Town

TABLE = "| dove | home |\n|---|--:|\n| Columba | ||loft|| |"
POST = "POST /channels/{}/messages"


async def test_a_long_answer_arrives_whole_and_in_order_whatever_befalls_its_parts(town: Town) -> None:
    await town.up()
    town.discord.faults.next(POST, Fault.unavailable(), Fault.answer_lost(), Fault.rate_limited(0.01))
    question = town.discord.say(town.ada, town.channel, "@@text 5000", mention_bot=True)
    thread = await town.answered(question, 3)
    parts = town.said(thread)
    assert all(len(part) <= 2_000 for part in parts)
    assert len(" ".join(parts)) >= 5_000 - len(parts)


async def test_a_table_arrives_aligned_and_nothing_that_only_discord_reads_as_markup(town: Town) -> None:
    await town.up()
    question = town.discord.say(
        town.ada, town.channel, f"#### Doves\n{TABLE}\n\nnot ||hidden||", mention_bot=True
    )
    thread = await town.answered(question)
    [answer] = town.said(thread)
    assert answer.startswith("**Doves**\n\n```\ndove")
    assert "\\|\\|hidden" in answer or "|\u200b|hidden" in answer


async def test_an_agent_sends_files_and_reacts_to_the_question(town: Town) -> None:
    town.config = '[agents.default]\noptions = { tools = ["create_file", "send_file", "send_document", "add_reaction"] }'
    await town.up()
    steps = [
        '@@call create_file {"path": "a.csv", "text": "x,y\\n"}',
        '@@call send_file {"path": "a.csv", "comment": "the table"}',
        '@@call send_document {"title": "Doves: a report", "text": "# Doves\\n\\nMany.", "comment": "the report"}',
        '@@call add_reaction {"emoji": "eyes"}',
    ]
    question = town.discord.say(town.ada, town.channel, "\n".join(["done", *steps]), mention_bot=True)
    thread = await town.answered(question, 3)
    assert town.said(thread) == ["the table", "the report", "done"]
    table, report = [m for m in town.discord.messages(thread) if m.attachments]
    assert [(file.filename, file.data) for file in table.attachments] == [("a.csv", b"x,y\n")]
    assert [(file.filename, file.data) for file in report.attachments] == [
        ("Doves a report.md", b"# Doves\n\nMany.")
    ]
    await town.until(lambda: list(question.reactions) == ["👀"])
