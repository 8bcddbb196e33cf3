"""A configuration read again while the host runs: whole or not at all, and a turn ends as it began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from host.app import Host
from host.config import Config, ConfigError, Fault
from host.controls.reloading import RESTART
from host.gateway.budget import OverBudget
from host.gateway.credentials import EnvironmentCredentials
from host.ports.events import Verdict
from host.registry.db import open_host_db
from sessiondb import Address
from tests.fakes.model_api import FakeModelAPI, Gate, Hang, ToolUse, answer
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.hosting import config, serving
from tests.support.viewing import ADA, OWNER, OWNERS, answered, spend, viewer


class File:
    """What a person has written by now."""

    def __init__(self, data: Path, **sections: Any) -> None:
        self._data = data
        self.problem: ConfigError | None = None
        self.written = config(data, **sections)

    def write(self, **sections: Any) -> None:
        self.written = config(self._data, **sections)

    def read(self) -> Config:
        if self.problem is not None:
            raise self.problem
        return self.written


@asynccontextmanager
async def reloadable(
    data: Path, bot: MemoryBot | None = None, **sections: Any
) -> AsyncIterator[tuple[Host, MemoryBot, File]]:
    file = File(data, **sections)
    async with serving(file.written, bot, read=file.read) as (host, served):
        yield host, served, file


def audited(data: Path) -> list[tuple[str, str, str]]:
    connection = open_host_db(data / "host.db")
    try:
        rows = connection.execute("SELECT user, action, detail FROM audit ORDER BY id").fetchall()
        return [(str(user), str(action), str(detail)) for user, action, detail in rows]
    finally:
        connection.close()


async def test_a_wrong_file_changes_nothing_and_says_why(tmp_path: Path) -> None:
    async with reloadable(tmp_path) as (host, bot, file):
        file.write(access={"unknown": "deny"})
        file.problem = ConfigError(
            Path("dovecote.toml"), [Fault("access.unknwon", "no such key", "Did you mean unknown", 7)]
        )
        done = await host.reload("ann")
        assert done is not None
        assert "dovecote.toml:7: access.unknwon: no such key. Did you mean unknown" in done.problem
        assert done.told().startswith("refused; the configuration in force stays:\n")
        assert await answered(bot, "c", "still welcome")
        assert audited(tmp_path) == []


async def test_access_routes_owners_commands_and_prompts_count_at_once(tmp_path: Path) -> None:
    async with reloadable(tmp_path) as (host, bot, file):
        assert await answered(bot, "c", "hello")
        file.write(
            access={"unknown": "deny", "owners": ["memory:U9"]},
            routes=[{"engage": "always"}],
            commands={"aliases": {"hilfe": "help"}},
            agents={"default": {"prompts": [{"title": "T", "message": "Tell me"}]}},
        )
        done = await host.reload("ann")
        assert done is not None
        assert not done.problem
        assert "access.unknown: allow → deny" in done.now
        assert (await bot.say("c", "and now?")).verdict is Verdict.DECLINED
        assert host.controls.is_owner(viewer(OWNER, "c"))
        assert [one.message for one in await host.controls.suggestions(viewer(ADA, "c").address)] == [
            "Tell me"
        ]
        assert host.controls.grammar.aliases == {"hilfe": "help"}
        [(user, action, detail)] = audited(tmp_path)
        assert (user, action) == ("console:ann", "reload")
        assert detail.startswith("v2: ")
        assert "access.unknown: allow → deny" in detail

        again = await host.reload("ann")
        assert again is not None
        assert again.told() == "nothing has changed"
        assert len(audited(tmp_path)) == 1


async def test_what_cannot_change_while_it_runs_is_named_and_the_rest_counts(tmp_path: Path) -> None:
    async with reloadable(tmp_path) as (host, bot, file):
        file.write(access={"unknown": "deny"}, host={"zone": "Europe/Berlin"}, web={"port": 9})
        done = await host.reload("ann")
        assert done is not None
        assert f"host.zone: UTC → Europe/Berlin ({RESTART})" in done.told()
        assert any(line.startswith("web") for line in done.later)
        assert (await bot.say("c", "hello")).verdict is Verdict.DECLINED


async def test_a_turn_ends_as_it_began_and_the_next_begins_anew(tmp_path: Path) -> None:
    """A real runner process under way; its agent's model and words are changed meanwhile, and it asks once more after that."""
    async with FakeModelAPI() as api:
        claude = {"provider": "claude", "model": "claude-opus-5-5", "instructions": "Be OLD."}
        newer = {**claude, "model": "claude-sonnet-5", "instructions": "Be NEW."}
        model = {"base_url": api.base_url}
        file = File(tmp_path, model=model, agents={"default": claude})
        gate = Gate()
        call = ToolUse("send_message", {"text": "half-way"})
        api.script(Hang(gate), answer(call), "The end.", "Anew.")
        keys = EnvironmentCredentials({"ANTHROPIC_API_KEY": api.key})
        async with serving(file.written, read=file.read, credentials=keys) as (host, bot):
            await bot.say("c", "first")
            async with asyncio.timeout(TIMEOUT):
                await gate.reached(1)
            file.write(
                model=model, agents={"default": newer}, routes=[{"channel": "c", "engage": "always"}, {}]
            )
            done = await host.reload("ann")
            assert done is not None
            assert "agents.default.model: claude-opus-5-5 → claude-sonnet-5" in done.now
            await gate.release()
            await bot.until(lambda: len(bot.said("c")) == 2)
            assert await answered(bot, "c", "second") is not None
        asked = [(request.json["model"], str(request.json["system"])) for request in api.requests]
    assert [model for model, _ in asked] == ["claude-opus-5-5", "claude-opus-5-5", "claude-sonnet-5"]
    assert ["Be OLD." in words for _, words in asked] == [True, True, False]
    assert "Be NEW." in asked[-1][1]


async def test_a_runner_with_nothing_to_do_is_ended_and_the_next_is_told_the_new_words(
    tmp_path: Path,
) -> None:
    async with reloadable(tmp_path) as (host, bot, file):
        await answered(bot, "c", "hello")
        [life] = host.house.supervisor.lives.values()
        file.write(agents={"default": {"instructions": "Be brief."}})
        await host.reload("ann")
        async with asyncio.timeout(60):
            await life.task
        await answered(bot, "c", "hello again")
        [other] = host.house.supervisor.lives.values()
        assert other is not life
        file.write(agents={"default": {"instructions": "Be brief."}}, access={"owners": ["memory:U9"]})
        await host.reload("ann")  # nothing that concerns a runner
        assert list(host.house.supervisor.lives.values()) == [other]
        assert not other.ordered_to_stop


async def test_tasks_of_the_file_come_and_go_with_it_and_no_message_is_lost_meanwhile(tmp_path: Path) -> None:
    task = {
        "name": "report",
        "prompt": "p",
        "cron": "0 9 * * *",
        "to": {"platform": "memory", "workspace": "w", "channel": "c"},
    }
    async with reloadable(tmp_path, access=OWNERS) as (host, bot, file):

        async def talk() -> None:
            for number in range(10):
                await bot.say(f"room-{number % 3}", f"message {number}")

        async def change() -> None:
            for number in range(6):
                file.write(
                    access=OWNERS,
                    tasks=[task] if number % 2 == 0 else [],
                    agents={"default": {"instructions": f"v{number}"}},
                )
                await host.reload("ann")

        await asyncio.gather(talk(), change())
        await bot.until(lambda: sum(len(bot.said(f"room-{n}")) for n in range(3)) >= 10)
        assert not await host.controls.tasks(viewer(OWNER, "c"))
        file.write(access=OWNERS, tasks=[task])
        await host.reload("ann")
        [seen] = await host.controls.tasks(viewer(OWNER, "c"))
        assert seen.title == "report"


async def test_a_fault_of_our_own_in_reading_changes_nothing_and_is_named(tmp_path: Path) -> None:
    def broken() -> Config:
        raise LookupError("hush")

    async with serving(config(tmp_path), read=broken) as (host, bot):
        done = await host.reload("ann")
        assert done is not None
        assert done.problem == "the file cannot be judged, by a fault of Dovecote's own (LookupError)"
        assert await answered(bot, "c", "still here")


BUDGET = {"budget_usd_per_day": 0.0}


async def test_budgets_and_quiet_hours_count_at_once(tmp_path: Path) -> None:
    async with reloadable(tmp_path) as (host, bot, file):
        assert await answered(bot, "c", "hello")
        file.write(budgets={"person": BUDGET}, quiet_hours={"everywhere": "22-7"})
        done = await host.reload("ann")
        assert done is not None
        assert done.now == (
            "budgets.person.budget_usd_per_day: inf → 0.0",
            "quiet_hours.everywhere: '' → 22:00-07:00",
        )
        assert done.later == ()
        with pytest.raises(OverBudget, match="for today"):
            await spend(host, Address("memory", "w", "c"), 1)


async def test_a_host_without_a_file_says_so(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, _):
        done = await host.reload("ann")
        assert done is not None
        assert done.problem == "this host was not started from a file"
