"""Two hosts on one database that serve at a time, each what it holds."""

from __future__ import annotations

import asyncio
import functools
import json
import signal
from pathlib import Path

import pytest

from host.cli.nodes import drain, show
from host.registry import nodes
from tests.support.postgres import Server
from tests.support.sharing import Sharing, serving_both, serving_restless

ONCE = f"@@call mock_append {json.dumps({'file': 'written', 'line': 'once', 'shared': True})}\n"
COPIED = "SELECT count(*) FROM mailbox_copies WHERE content LIKE '%tool_result%'"
SLOW = "@@sleep 3\n"  # a turn that is under way when something happens to its node
PLACED = "INSERT INTO placements VALUES ('durable', 'w', 'C{}', '{}', 1, ms_now()) RETURNING 1"
KEPT_UP = "INSERT INTO placements VALUES ('durable', 'w', 'F{}', '{}', 1, ms_now() + 3600000) RETURNING 1"
HELD = "SELECT count(DISTINCT node) FROM placements WHERE channel_type <> ''"
FORGET = """
INSERT INTO orders (kind, session_id, body, created_at) VALUES ('forget', '', '{"person": "durable:U-C1", "by": "ann"}', 1)
RETURNING 1
"""
ZOE = "INSERT INTO nodes VALUES ('z', 'zoe', '1', 1, 1) RETURNING 1"  # a node that is away


async def test_two_nodes_answer_each_question_once_between_them(postgres: Server, tmp_path: Path) -> None:
    url = postgres.database()
    async with serving_both(tmp_path, url) as both:
        for number in (1, 2, 3):  # nobody has told him yet
            postgres.says(url, PLACED.format(number, nodes.named(both.bob.data)))
        for number in range(8):
            both.say(f"C{number}", f"question {number}")
        await both.until(lambda: all(both.posts(f"C{number}") for number in range(1, 8)))
        await both.until(lambda: len(both.posts("C0")) == 2)
        assert both.posts("C0") == ["hello", "question 0"]
        assert [both.posts(f"C{number}") for number in range(1, 8)] == [
            [f"question {number}"] for number in range(1, 8)
        ]
        assert both.twice() == []
        assert postgres.says(url, HELD) == "2"

        # Somebody whose conversation is Bob's is forgotten on each disk, and on Zoe's when she comes back.
        [theirs] = postgres.says(url, "SELECT id FROM sessions WHERE platform_id = 'C1'").split()
        stale = both.ada.data / "sessions" / theirs / "inbound" / "inbound.db"
        stale.parent.mkdir(parents=True)
        stale.write_bytes(b"question 1")
        assert both.holding(b"question 1") != []
        postgres.says(url, ZOE)
        postgres.says(url, FORGET)
        await both.until(lambda: postgres.says(url, "SELECT outcome FROM orders"))
        told = postgres.says(url, "SELECT outcome FROM orders")
        assert told.startswith("forgotten: ")
        assert told.endswith("; what lies on the disk of zoe goes once a host runs there, within ten minutes")
        assert both.holding(b"question 1") == []
        assert both.holding(b"question 2") != []
        assert "question 1" not in postgres.says(
            url, "SELECT event FROM inbox UNION SELECT content FROM mailbox_copies"
        )
        assert (
            postgres.says(url, "SELECT node, person, sessions FROM to_forget") == f'z||[["{theirs}", true]]'
        )


async def test_when_one_of_two_is_killed_the_other_remembers_and_answers_once_what_was_under_way_there(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with serving_both(tmp_path, url) as both:
        both.say("C0", f"{ONCE}{SLOW}one")  # Ada's
        await both.until(lambda: postgres.says(url, COPIED) == "1")
        await both.ada.kill()
        both.say("C0", "!tasks")  # of a channel that she has, until she is missed
        await both.until(lambda: len(both.posts("C0")) == 3)
        told = [text for text in both.posts("C0") if text.startswith("Nothing is scheduled here")]
        assert len(told) == 1
        both.say("C0", "@@recall\nagain")
        await both.until(lambda: len(both.posts("C0")) == 4)
        assert [text for text in both.posts("C0")[:3] if text not in told] == ["hello", "one"]
        assert both.posts("C0")[3] == "again\nhello"
        assert both.twice() == []
        assert both.written() == ["once"]
        assert (
            postgres.says(url, "SELECT count(DISTINCT node) FROM placements WHERE channel_type <> ''") == "1"
        )


async def test_one_of_two_that_was_stopped_changes_nothing_more_and_ends_and_the_other_has_answered(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with serving_both(tmp_path, url) as both:
        both.say("C0", f"{SLOW}one")
        await both.until(lambda: both.at_work(1))
        both.ada.signal(signal.SIGSTOP)
        await both.until(lambda: len(both.posts("C0")) == 2)
        both.ada.signal(signal.SIGCONT)
        assert await both.ada.ended() != 0
        assert "is over" in both.ada.log()
        both.say("C0", "two")
        await both.until(lambda: len(both.posts("C0")) == 3)
        assert both.posts("C0") == ["hello", "one", "two"]
        assert both.twice() == []
        assert both.ada.runners() == []


async def test_what_a_drained_node_has_goes_on_with_the_other_once_its_turns_have_ended(
    postgres: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.database()
    async with serving_both(tmp_path, url) as both:
        both.say("C0", f"{SLOW}one")
        await both.until(lambda: both.at_work(1))
        ada, bob = (nodes.named(node.data) for node in (both.ada, both.bob))
        await both.until(
            lambda: postgres.says(url, f"SELECT works FROM nodes_seen WHERE id = '{ada}'") == "1"
        )
        await asyncio.to_thread(drain, both.bob.data, ada, undo=False)
        assert "holds no channel any more" in (told := " ".join(capsys.readouterr().out.split()))
        assert f"({bob})." in told
        await both.until(lambda: len(both.posts("C0")) == 2)
        assert await both.ada.ended() == 0
        both.say("C0", "two")
        await both.until(lambda: len(both.posts("C0")) == 3)
        assert both.posts("C0") == ["hello", "one", "two"]
        assert both.twice() == []
        assert (
            postgres.says(url, "SELECT count(DISTINCT node) FROM placements WHERE channel_type <> ''") == "1"
        )


async def test_a_node_that_joins_has_its_share_of_what_nobody_holds_and_none_of_what_another_has(
    postgres: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = postgres.database()

    async def nobody_has_it(both: Sharing) -> None:
        both.say("G0", "!tasks")
        both.say("G0", "paint one")
        await both.until(lambda: len(both.posts("G0")) == 2)
        assert (
            "⏳ **painter** needs a machine with gpu, and none is running. I begin as soon as there is one."
            in both.posts("G0")
        )

    async with serving_both(tmp_path, url, nobody_has_it) as both:
        both.say("G1", "paint two")
        await both.until(lambda: both.posts("G1"))
        bob = nodes.named(both.bob.data)
        assert postgres.says(url, "SELECT node FROM placements WHERE platform_id = 'G1'") == bob
        await both.until(lambda: "paint one" in both.posts("G0"))  # Ada gave it back, for he could begin it
        assert postgres.says(url, "SELECT node FROM placements WHERE platform_id = 'G0'") == bob
        assert (both.warnings("G0"), len(both.posts("G0"))) == ([], 3)
        both.say("C0", "one")  # Ada's, whoever takes it in
        both.say("C1", "two")
        await both.until(lambda: len(both.posts("C0")) == 2 and both.posts("C1"))
        ada = nodes.named(both.ada.data)
        assert postgres.says(url, "SELECT node FROM placements WHERE platform_id = 'C0'") == ada
        assert postgres.says(url, "SELECT DISTINCT epoch FROM placements WHERE platform_id LIKE 'C%'") == "1"
        assert both.twice() == []
        # Of both a node tells how much it has.
        told = "SELECT sum(places) FROM nodes_seen"  # by the beats that come next
        await both.until(lambda: postgres.says(url, told) == "4")
        assert postgres.says(url, "SELECT sum(serves) FROM nodes_seen") == "2"
        await asyncio.to_thread(show, both.bob.data, as_json=True)
        found = {one["id"]: one["labels"] for one in json.loads(capsys.readouterr().out)}
        assert found == {ada: [], bob: ["gpu"]}


async def test_a_channel_at_rest_is_given_back_and_each_node_in_turn_remembers_what_was_said_on_the_other(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    free = "SELECT count(*) FROM placements WHERE platform_id = 'C0' AND node = ''"
    where = "SELECT node FROM sessions WHERE platform_id = 'C0'"
    full = "SELECT count(*) FROM serving_until WHERE node = '{}' AND places >= {}"

    def is_so(sql: str) -> bool:
        return postgres.says(url, sql) == "1"

    async with serving_restless(tmp_path, url) as both:
        ada, bob = (nodes.named(node.data) for node in (both.ada, both.bob))
        said, full_up = ["hello"], 0
        for other, to in ((ada, bob), (bob, ada)):
            for _ in range(full_up + 1):  # he is clearly fuller
                postgres.says(url, KEPT_UP.format(full_up := full_up + 1, other))
            await both.until(functools.partial(is_so, full.format(other, full_up // 2 + 1)))
            while postgres.says(url, where) != to:
                await both.until(functools.partial(is_so, free))
                both.say("C0", f"@@recall\nquestion {len(said)}")
                await both.until(lambda: len(both.posts("C0")) == len(said) + 1)
                answer = both.posts("C0")[-1]
                assert answer.startswith(f"question {len(said)}\n")
                assert all(one in answer for one in said)
                said.append(f"question {len(said)}")
        assert both.warnings("C0") == []  # nobody is told: nothing was under way
        assert both.twice() == []
