"""A conversation, taken out of its two files beside the host that serves it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from host.cli.ending import NothingFoundError
from host.cli.exporting import export
from host.ports.events import Author
from host.upkeep.exporting import as_json, as_markdown, entries
from sessiondb import Unavailable
from sessiondb.connection import open_writer
from sessiondb.content import Part
from tests.support.hosting import config, serving


async def test_what_was_said_is_there_in_order_with_who_said_it_and_what_it_answers(tmp_path: Path) -> None:
    quoted = Part("quoted", "the old\nplan", author="Bo")
    async with serving(config(tmp_path)) as (host, bot):
        paper = bot.file("plan.txt", b"one two", "text/plain")
        first = await bot.say(
            "c", "# Look", author=Author("U1", "Ada\n# Lovelace"), parts=(quoted,), files=(paper,)
        )
        await host.settled(first.message_id)
        second = await bot.say("c", "thanks")
        await host.settled(second.message_id)
        [root] = (tmp_path / "sessions").iterdir()
        found = await asyncio.to_thread(entries, root)
    people = [entry for entry in found if entry.who_id]
    agents = [entry for entry in found if not entry.who_id]
    assert [entry.id for entry in people] == [first.message_id, second.message_id]
    assert [entry.answers for entry in agents] == [first.message_id, second.message_id]
    assert people[0].said == "# Look\n\n> quoted Bo\n> the old\n> plan\n\n[file: plan.txt]"
    assert people[1].platform_message_id == "n2"
    page = as_markdown("c on memory", found)
    assert page.startswith("# c on memory\n")
    assert "**Ada # Lovelace** · " in page
    assert [line for line in page.splitlines() if line.startswith("#")] == ["# c on memory"]
    assert "> # Look" in page
    told = json.loads(json.dumps(as_json("c on memory", found)))
    assert [entry["raw"]["type"] for entry in told["entries"]].count("text") == 2
    assert told["entries"][0]["raw"]["status"] == "completed"


async def test_a_conversation_that_was_never_answered_is_exported_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "inbound").mkdir()
    open_writer(tmp_path / "inbound" / "inbound.db", "inbound").close()
    assert entries(tmp_path) == []
    assert as_markdown("empty", []) == "# empty\n"


def test_a_folder_without_a_conversation_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        entries(tmp_path)


async def test_the_command_takes_the_beginning_of_an_id_and_prints_either_form(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        await host.settled((await bot.say("c", "hello")).message_id)
    [id_] = [path.name for path in (tmp_path / "sessions").iterdir()]
    page = export(tmp_path, id_[:8], as_json_text=False)
    assert page.startswith(f"# default in Ada, memory ({id_})\n")
    assert page.count("> hello") == 2  # the question and the echo
    told = json.loads(export(tmp_path, id_, as_json_text=True))
    assert [entry["said"] for entry in told["entries"]] == ["hello", "hello"]
    with pytest.raises(NothingFoundError):
        export(tmp_path, "nothing", as_json_text=False)
