"""An agent that is sent out of a thread, without an agent."""

from __future__ import annotations

from pathlib import Path

from host.ports.events import EventClass, Verdict
from sessiondb import Address
from tests.support.hosting import config, serving

THREAD = Address("memory", "w", "c", "t")


async def test_a_thread_that_is_muted_is_no_longer_followed_and_is_told_so(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        db = host.house.records.db
        await db.write(
            lambda c: c.execute(
                "INSERT INTO engaged VALUES (?, ?, ?, ?, 'default', 5, '')", THREAD
            ).fetchall()
        )
        muted = await bot.say("c", "", event_class=EventClass.CONTROL, value="mute", address=THREAD)
        assert muted.verdict is Verdict.DECLINED
        await bot.until(lambda: any("stay out of this thread" in text for text in bot.said("c")))
        assert await db.read(lambda c: c.execute("SELECT * FROM engaged").fetchall()) == []
