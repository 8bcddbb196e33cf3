"""Two hosts on one database, each a process with a folder of its own: one serves, and when it is gone the other goes on."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
from pathlib import Path

import pytest

from host.cli import doctor
from host.cli.ending import NothingFoundError
from host.cli.nodes import drain
from host.registry import nodes
from tests.support.postgres import NEWER, Server
from tests.support.sharing import Sharing, sharing

# A tool that writes to the workspace that both nodes share, for as long as it is let, and names the runner that it belongs to.
LOOP = "while sleep 0.05; do echo $DOVECOTE_INCARNATION >> $DOVECOTE_SHARED/written; done"
WRITING = f"@@call bash {json.dumps({'command': LOOP})}\n"
AWHILE = 300_000  # ms in which a message is answered on whatever machine
ONCE = f"@@call mock_append {json.dumps({'file': 'written', 'line': 'once', 'shared': True})}\n"  # into the same file
COPIED = "SELECT count(*) FROM mailbox_copies WHERE content LIKE '%tool_result%'"
PACKED = "SELECT count(*) FROM packed JOIN lease USING (node) WHERE serial <> ''"
SLOW = "@@sleep 3\n"  # a turn that is under way when something happens to its node


async def in_the_midst(both: Sharing, first: str = "") -> None:
    both.say("C1", f"{first}{SLOW}one")
    await both.until(lambda: both.at_work(1))


async def test_when_the_node_that_serves_is_killed_the_other_remembers_and_answers_once_what_was_under_way(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with sharing(tmp_path, url) as both:
        await in_the_midst(both, ONCE)
        await both.until(lambda: postgres.says(url, COPIED) == "1")
        await both.ada.kill()
        both.say("C2", "two")
        await both.until(lambda: both.posts("C1") and both.posts("C2"))
        both.say("C0", "@@recall\nagain")
        await both.until(lambda: len(both.posts("C0")) == 2)
        assert [both.posts(channel) for channel in ("C0", "C1", "C2")] == [
            ["hello", "again\nhello"],
            ["one"],
            ["two"],
        ]
        assert both.twice() == []
        assert both.written() == ["once"]  # its turn went on behind what it had done
        told = [both.warnings(channel) for channel in ("C0", "C1", "C2")]
        assert [len(texts) for texts in told] == [1, 1, 0]  # where something was before that does not travel
        assert "on another machine" in told[0][0]
        latest = int(postgres.says(url, "SELECT ms_now() - max(received_at) FROM inbox"))
        assert 0 <= latest < AWHILE  # though Bob's own clock says that it is an hour later
        assert "3600 s ahead of the database's" in both.bob.log()
        assert "I remember what was said" in told[0][0]
        assert not any(
            "Files that lay here" in text for texts in told for text in texts
        )  # there never were any


async def test_a_node_that_was_stopped_and_goes_on_changes_nothing_more_and_ends(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with sharing(tmp_path, url) as both:
        await in_the_midst(both)
        both.ada.signal(signal.SIGSTOP)
        await both.until(lambda: both.posts("C1"))
        both.ada.signal(signal.SIGCONT)
        assert await both.ada.ended() != 0
        assert "another host leads" in both.ada.log()
        both.say("C1", "two")
        await both.until(lambda: len(both.posts("C1")) == 2)
        assert both.posts("C1") == ["one", "two"]
        assert both.twice() == []
        assert both.ada.runners() == []


async def test_without_a_share_files_go_along_all_of_them_in_order_and_those_of_a_killed_node_as_they_were_packed(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()

    def wrote(name: str) -> str:
        """Into the workspace, and into the working folder."""
        return "".join(
            f"@@call mock_append {json.dumps({'file': 'notes', 'line': name, 'shared': shared})}\n"
            for shared in (True, False)
        )

    def notes(data: Path) -> list[list[str]]:
        found = (*data.glob("workspaces/*/*/notes"), *data.glob("sessions/*/work/notes"))
        return [path.read_text().split() for path in found]

    async with sharing(tmp_path, url, mounted=False) as both:
        both.say("C1", f"{wrote('one')}one")
        await both.until(lambda: both.posts("C1"))
        await both.until(lambda: postgres.says(url, PACKED) == "2")
        both.say("C1", f"{SLOW}two")
        await both.until(lambda: both.at_work(1))
        await both.ada.kill()
        both.say("C1", f"{wrote('three')}three")
        await both.until(lambda: len(both.posts("C1")) == 3 and both.warnings("C1"))
        assert notes(both.bob.data) == [["one", "three"]] * 2
        assert "My files are as they were at" in both.warnings("C1")[0]
        both.ada.start()
        await both.until(lambda: "Standing by" in both.ada.log())
        await asyncio.to_thread(drain, both.ada.data, nodes.named(both.bob.data), undo=False)
        assert await both.bob.ended() == 0
        both.say("C1", f"{wrote('four')}four")
        await both.until(lambda: len(both.posts("C1")) == 4)
        assert notes(both.ada.data) == [["one", "three", "four"]] * 2
        assert both.posts("C1") == ["one", "two", "three", "four"]
        assert both.twice() == []
        assert postgres.says(url, "SELECT count(*) FROM packed WHERE left_out <> ''") == "0"


async def test_a_stopped_nodes_runner_ends_itself_and_what_it_writes_ends_before_the_next_ones_first(
    postgres: Server, tmp_path: Path
) -> None:
    """Nobody ends it for the host that is stopped: of the other node's, that finds it on this same machine, it needs nothing."""
    url = postgres.database()
    async with sharing(tmp_path, url) as both:
        both.say("C1", f"{WRITING}one")
        await both.until(both.written)
        both.ada.signal(signal.SIGSTOP)
        both.say("C1", f"{WRITING}two")  # the first call, which was begun, is not made again
        await both.until(lambda: len(set(both.written())) == 2)
        assert len(list(itertools.groupby(both.written()))) == 2
        logs = [path.read_text() for path in both.ada.data.glob("sessions/*/runner.log")]
        assert len([told for told in logs if "the lease is over" in told]) == len(logs) == 2


async def test_a_node_that_comes_back_with_its_old_files_believes_none_of_them(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with sharing(tmp_path, url) as both:
        await in_the_midst(both)
        await both.ada.kill()
        await both.until(lambda: both.posts("C1"))
        both.say("C1", "two")
        await both.until(lambda: len(both.posts("C1")) == 2)
        both.ada.start()
        await both.until(lambda: "Its files are another node's by now" in both.ada.log())
        await both.bob.kill()
        both.say("C1", "three")
        await both.until(lambda: len(both.posts("C1")) == 3)
        assert both.posts("C1") == ["one", "two", "three"]
        assert both.twice() == []


async def test_a_node_that_is_drained_ends_its_turns_and_hands_over_at_once_and_one_of_the_last_version_serves_on(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with sharing(tmp_path, url) as both:
        await in_the_midst(both)
        state = doctor.health(both.bob.data)
        assert (state["healthy"], state["last_sweep"]) == (True, None)  # to stand by is to be well
        assert "another host serves" in str(state["stands_by"])
        postgres.says(url, NEWER)  # as if a node of the next version had served in between
        await asyncio.to_thread(drain, both.bob.data, nodes.named(both.ada.data), undo=False)
        assert await both.ada.ended() == 0
        assert both.posts("C1") == ["one"]
        both.say("C2", "two")
        await both.until(lambda: both.posts("C2") == ["two"])
        assert both.twice() == []
        assert postgres.says(url, "SELECT epoch FROM lease") == "2"
        with pytest.raises(NothingFoundError, match="no other node could serve"):
            drain(both.bob.data, nodes.named(both.bob.data), undo=False)
        both.ada.start()
        await both.until(lambda: "dovecote drain" in both.ada.log())
        both.bob.signal(signal.SIGTERM)
        await both.bob.ended()
        drain(both.ada.data, nodes.named(both.ada.data), undo=True)
        both.say("C2", "three")
        await both.until(lambda: both.posts("C2") == ["two", "three"])
