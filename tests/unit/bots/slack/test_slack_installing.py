"""Bolt's own authorisation over our store: each workspace has its token, and no other's."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_bolt.authorization.async_authorize import AsyncInstallationStoreAuthorize
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.oauth.installation_store import Installation

from bots.slack.client.installing import InstallationStore, StateStore
from host.config.environment import SEAL_KEY
from host.folders.disk import ThreadDisk
from host.folders.seal import Seal
from host.registry.db import HostDB
from host.registry.installs import Installs


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Installs]:
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    yield Installs(db, Seal(tmp_path, {SEAL_KEY: "a key that somebody chose"}), "slack", lambda: 1_000)
    await db.close()
    disk.close()


def install(
    token: str, team: str | None, enterprise: str | None = None, *, org: bool = False
) -> Installation:
    return Installation(
        app_id="A1",
        enterprise_id=enterprise,
        enterprise_name=enterprise and f"{enterprise} Inc",
        team_id=team,
        team_name=team and f"{team} team",
        bot_token=token,
        bot_id="B1",
        bot_user_id="U1",
        bot_scopes=["chat:write", "commands"],
        user_id="U2",
        is_enterprise_install=org,
        installed_at=1_700_000_000.25,
    )


async def test_a_token_is_found_for_its_workspace_or_organisation_alone(kept: Installs) -> None:
    store = InstallationStore(kept)
    await store.async_save(install("xoxb-1", "T1"))
    await store.async_save(install("xoxb-2", "T2", "E1"))
    await store.async_save(install("xoxb-org", None, "E1", org=True))

    async def token(enterprise: str | None, team: str | None, *, org: bool = False) -> str | None:
        found = await store.async_find_bot(enterprise_id=enterprise, team_id=team, is_enterprise_install=org)
        return None if found is None else found.bot_token

    assert await token(None, "T1") == "xoxb-1"
    assert await token("E7", "T1") == "xoxb-1", "it joined an organisation and kept its id"
    assert await token("E1", "T2") == "xoxb-2"
    assert await token("E1", "T9", org=True) == "xoxb-org"
    assert await token("E1", "T9") is None
    assert await token(None, "T9") is None
    assert await token(None, None) is None
    assert [(one.holder, one.name) for one in await kept.all()] == [
        ("E1", "E1 Inc"),
        ("T1", "T1 team"),
        ("T2", "T2 team"),
    ]


async def test_what_was_kept_is_what_bolt_gave(kept: Installs) -> None:
    store = InstallationStore(kept)
    given = install("xoxb-1", "T1")
    await store.async_save(given)
    found = await store.async_find_bot(enterprise_id=None, team_id="T1")
    assert found is not None
    assert found.to_dict() == given.to_bot().to_dict()


async def test_bolt_lets_nobody_in_whose_workspace_removed_the_app(kept: Installs) -> None:
    store = InstallationStore(kept)
    await store.async_save(install("xoxb-1", "T1"))
    await store.async_save(install("xoxb-2", "T2"))
    authorize = AsyncInstallationStoreAuthorize(
        logger=logging.getLogger(__name__), installation_store=store, bot_only=True
    )
    await store.async_delete_all(enterprise_id=None, team_id="T1")
    context = AsyncBoltContext({})
    assert await authorize(context=context, enterprise_id=None, team_id="T1", user_id="U1") is None
    assert [(one.holder, one.ended) for one in await kept.all()] == [
        ("T1", "the app was removed"),
        ("T2", ""),
    ]
    assert await store.async_find_bot(enterprise_id=None, team_id="T2") is not None


async def test_states_are_the_hosts_own(kept: Installs) -> None:
    states = StateStore(kept)
    state = await states.async_issue()
    assert await states.async_consume(state)
    assert not await states.async_consume(state)
