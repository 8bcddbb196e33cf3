"""Every sync of every file takes long: nothing dies of it, nothing is spent, everything is said once."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from host.runners.launch.process import ProcessLauncher
from tests.support.hosting import config, serving
from tests.support.slow_disk import syncing_for

PATIENCE = 300.0  # s; a slow disk may take what it takes


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("seconds", "posts"), [(0.15, 6), (0.5, 1)])
async def test_a_turn_with_many_posts_on_a_slow_disk_is_one_turn(
    tmp_path: Path, seconds: float, posts: int
) -> None:
    """audit_slow. No death, no attempt, each post once, and the live message is there meanwhile (law 15)."""
    said = [f"post {number}" for number in range(posts)]
    turn = "".join(f'@@call send_message {{"text": "{post}"}}\n' for post in said)
    with syncing_for(seconds, tmp_path):
        launcher = ProcessLauncher("tests.support.slow_disk")
        async with serving(config(tmp_path), launcher=launcher) as (_, bot):
            await bot.say("c", f"{turn}final")
            await bot.until(lambda: "final" in bot.said("c") or "⚠️" in str(bot.said("c")), PATIENCE)
            assert bot.said("c") == [*said, "final"]
            assert "opened" in bot.live_log
    [inbound] = tmp_path.glob("sessions/*/inbound/inbound.db")
    connection = apsw.Connection(str(inbound), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows = connection.execute("SELECT status, attempts FROM messages_in WHERE kind = 'chat'").fetchall()
    finally:
        connection.close()
    assert rows == [("completed", 0)]
    [log] = tmp_path.glob("sessions/*/runner.log")
    assert "for too long" not in log.read_text()


async def test_a_message_that_comes_during_a_slow_commit_is_found_without_another_change(
    tmp_path: Path,
) -> None:
    """audit_poll. The look that found the file busy is the last one that a change asks for: the runner looks again by itself."""
    with syncing_for(0.15, tmp_path):
        launcher = ProcessLauncher("tests.support.slow_disk")
        settings = config(tmp_path, host={"bells": False}, runner={"idle_exit": 600})
        async with serving(settings, launcher=launcher) as (_, bot):
            for number in range(3):
                await bot.say("c", f"message {number}")
                await bot.until(lambda number=number: f"message {number}" in bot.said("c"), PATIENCE)  # type: ignore[misc]
