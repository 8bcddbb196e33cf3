"""Where several nodes keep what the conversations of a privacy scope share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host.cli.looks import records
from host.config import Agent, Config
from host.folders import share
from host.runners import sweep
from host.upkeep import packing
from sessiondb import SessionError
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, now_ms, serving
from tests.support.postgres import Server
from tests.support.viewing import answered
from tests.support.waiting import eventually

NOTE = f"@@call mock_append {json.dumps({'file': 'notes', 'line': 'remembered', 'shared': True})}\n"


def settings(folder: Path, url: str, common: Path) -> Config:
    return config(folder, cluster={"database": url, "workspaces": str(common)})


def notes(folder: Path) -> list[str]:
    return [line for path in folder.rglob("notes") for line in path.read_text().splitlines()]


def seen(settings: Config, what: str = "Workspaces") -> str:
    found = records.look(settings, Path(settings.data), now_ms(), before_start=False).findings
    return " ".join(one.sentence for one in found if one.what == what)


async def test_nodes_keep_workspaces_in_one_folder_and_begin_no_runner_and_no_service_where_it_is_not_mounted(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common, mark, bot = tmp_path / "mnt", tmp_path / "mnt" / share.MARK, MemoryBot()
    ada, bob = (
        settings(tmp_path / name, url, common) for url in [postgres.database()] for name in ("ada", "bob")
    )

    async def begins(node: Config) -> None:
        async with serving(node, bot):
            pass

    with pytest.raises(SessionError, match="there is no such folder"):
        await begins(ada)
    common.mkdir(mode=0o700)
    assert "it is a new one. Mount it; of a new one it is made once: touch" in seen(ada)
    mark.touch()
    monkeypatch.setattr(sweep, "START_BACKOFF", 50)  # ms
    async with serving(ada, bot) as (host, _):
        await answered(bot, "C1", f"{NOTE}one")
        assert notes(common) == ["remembered"]
        assert seen(ada) == f"Workspaces: {common}, which all nodes share."
        painter = {"default": Agent(), "painter": Agent(needs=("gpu",))}
        assert seen(ada.model_copy(update={"agents": painter}), "Machines") == (
            "Machines: agent painter needs gpu, and no node that serves has that. Start a node with labels = ["
            '"gpu"] in [cluster], or with these in DOVECOTE_LABELS.'
        )
        assert seen(ada, "Machines") == ""
        [session] = host.house.records.sessions._known.values()
        await host.house.supervisor.stop(session)
        await eventually(lambda: not host.house.supervisor.lives)
        known = mark.read_text()
        common.rename(tmp_path / "gone")  # as when it is unmounted
        common.mkdir()
        await bot.say("C1", f"{NOTE}two")
        await eventually(lambda: "is not mounted" in postgres.says(ada.cluster.database, FAILED))  # type: ignore[union-attr]
        assert list(common.iterdir()) == []
        common.rmdir()
        (tmp_path / "gone").rename(common)
        await bot.until(lambda: "two" in bot.said("C1"))
    mark.write_text("another\n")
    with pytest.raises(SessionError, match="it is another folder than the one that the nodes"):
        await begins(bob)
    assert "another folder" in seen(bob)
    mark.write_text(known)
    async with serving(bob, bot):
        await answered(bot, "C1", f"{NOTE}three")
    assert notes(common) == ["remembered"] * 3
    assert not list(tmp_path.glob("*/workspaces"))


FAILED = "SELECT start_error FROM sessions"


async def test_without_a_share_a_scope_is_packed_and_handed_over_and_people_and_the_doctor_hear_of_one_too_large(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "WHILE_WRITTEN", 0.0)
    monkeypatch.setattr(packing, "SHARE", 0)  # however long a pack took, the next round makes another
    url, bot = postgres.database(), MemoryBot()
    ada = config(tmp_path / "ada", cluster={"database": url, "folder_mb": 1})
    async with serving(ada, bot) as (host, _):
        spaces, packer = host.house.records.spaces, host.house.upkeep.packer
        await answered(bot, "C1", f"{NOTE}one")
        [session] = host.house.records.sessions._known.values()
        scope = session.agent, session.scope
        assert not await spaces.is_current(*scope)
        assert await spaces.keep(*scope, at_rest=False)
        assert await spaces.is_current(*scope)
        large = host.house.records.sessions.shared(session) / "large"
        large.write_bytes(bytes(2**20 + 1))
        for _ in range(2):
            await packer.round()
            await bot.until(
                lambda: any("My files here take more than 1 MiB" in text for text in bot.said("C1"))
            )
        assert "is not packed whole: more than 1 MiB. Have what is not" in seen(ada, "Folders")
        assert not await spaces.let_go(*scope)
        large.unlink()
        await packer.round()
        assert seen(ada, "Folders") == ""
        assert await spaces.let_go(*scope)
        await host.house.supervisor.stop(session)
        await answered(bot, "C1", f"{NOTE}two")
    assert postgres.says(url, "SELECT DISTINCT at_rest FROM packed") == "1"  # all of it, in the end
    bob = config(tmp_path / "bob", cluster={"database": url})
    async with serving(bob, bot):
        await answered(bot, "C1", f"{NOTE}three")
    assert notes(tmp_path / "bob") == ["remembered"] * 3
    assert sum("My files here" in text for text in bot.said("C1")) == 1
