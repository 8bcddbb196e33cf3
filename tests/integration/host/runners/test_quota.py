"""A conversation that fills the disk: its runner ends, people are told, and it can clean up."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.hosting import config, serving

LIMITS = {"limits": {"disk_mb": 8, "files": 100}}


def shell(command: str, then: str = "") -> str:
    return f"@@call bash {json.dumps({'command': command})}\n{then}"


async def test_a_runner_that_fills_the_disk_is_ended_and_what_it_was_at_fails(tmp_path: Path) -> None:
    agents = {"default": {"options": {"tools": ["bash"]}}}
    settings = config(tmp_path, runner=LIMITS, agents=agents)
    async with serving(settings) as (host, bot):
        message = (await bot.say("c", shell("head -c 20M /dev/zero >large; sleep 100"))).message_id
        await bot.until(lambda: len(bot.said("c")) == 1)
        assert "more than 8 MiB" in bot.said("c")[0]
        assert await host.settled(message) == "failed"

        # Beyond its quota it starts all the same: how else could it delete anything?
        await bot.say("c", shell("rm large", "deleted"))
        await bot.until(lambda: len(bot.said("c")) == 2)

    assert bot.said("c")[1] == "deleted"
    assert list(tmp_path.glob("sessions/*/work/large")) == []
