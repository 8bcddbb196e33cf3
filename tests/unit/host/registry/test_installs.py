"""Workspaces that installed an app: kept sealed, one token each; an installation comes back once, and in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.config.environment import SEAL_KEY
from host.folders import seal
from host.folders.seal import Seal
from host.ports.installs import Install, InstallsError
from host.registry import installs, logins
from host.registry.db import HostDB
from host.registry.installs import Installs

KEY = {SEAL_KEY: "a key that somebody chose"}
TOMORROW = {SEAL_KEY: "another that somebody chose", seal.FORMER: KEY[SEAL_KEY]}


class Time:
    now = 1_000

    def __call__(self) -> int:
        return self.now


def kept(db: HostDB, folder: Path, environment: dict[str, str] = KEY, now: Time | None = None) -> Installs:
    return Installs(db, Seal(folder, environment), "slack", now or Time())


async def test_each_holder_has_its_own_secret_and_the_file_shows_none(db: HostDB, tmp_path: Path) -> None:
    here = kept(db, tmp_path)
    await here.keep("T1", "Aviary", "xoxb-one")
    await here.keep("T2", "Barn", "xoxb-two")
    await here.keep("T1", "Aviary", "xoxb-three")
    assert [await here.secret(holder) for holder in ("T1", "T2", "T3", "")] == [
        "xoxb-three",
        "xoxb-two",
        "",
        "",
    ]
    assert await Installs(db, Seal(tmp_path, KEY), "discord", Time()).secret("T1") == ""
    assert await db.scrub()
    assert b"xoxb-" not in (tmp_path / "host.db").read_bytes()


async def test_one_that_ended_has_no_secret_says_why_and_may_begin_again(db: HostDB, tmp_path: Path) -> None:
    time = Time()
    here = kept(db, tmp_path, now=time)
    await here.keep("T1", "Aviary", "xoxb-one")
    time.now = 2_000
    assert await here.end("T1", "the app was removed")
    assert not await here.end("T1", "told again"), "the first reason stays"
    assert await here.secret("T1") == ""
    assert await here.all() == [Install("T1", "Aviary", 2_000, "the app was removed")]
    assert (await db.read(lambda c: c.execute("SELECT sealed FROM installs").fetchone())) == (b"",)
    await here.keep("T1", "Aviary", "xoxb-two")
    assert await here.secret("T1") == "xoxb-two"
    assert await here.all() == [Install("T1", "Aviary", 2_000)]


async def test_what_keeps_one_from_being_served_is_kept_with_when_it_began_until_it_is_over(
    db: HostDB, tmp_path: Path
) -> None:
    time = Time()
    here = kept(db, tmp_path, now=time)
    assert await here.trouble("T1", "nobody knows it") == 0
    await here.keep("T1", "Aviary", "xoxb-one")
    time.now = 2_000
    assert await here.trouble("T1", "invalid_auth") == 2_000
    time.now = 3_000
    assert await here.trouble("T1", "missing_scope") == 2_000
    assert await here.all() == [Install("T1", "Aviary", 1_000, "", "missing_scope", 2_000)]
    assert await db.read(lambda c: installs.gone(c, 4_000)) == [
        "Aviary (T1): missing_scope; nothing waits to be said there"
    ]
    assert await here.trouble("T1", "") == 0
    assert await here.all() == [Install("T1", "Aviary", 1_000)]
    for mend in (here.keep("T1", "Aviary", "xoxb-two"), here.end("T1", "the app was removed")):
        await here.trouble("T1", "invalid_auth")
        await mend
        assert [(one.trouble, one.since) for one in await here.all()] == [("", 0)]
    assert await here.trouble("T1", "told late") == 0, "it ended"


async def test_a_key_that_changed_opens_what_was_kept_and_after_a_renewal_alone(
    db: HostDB, tmp_path: Path
) -> None:
    await kept(db, tmp_path).keep("T1", "Aviary", "xoxb-one")
    login = logins.Login("bird", "notes", "https://notes.example", {"access_token": "t"}, 0.0, {})
    sealed = logins.sealed(Seal(tmp_path, KEY), login)
    await db.write(lambda c: logins.keep(c, login, sealed, 1))
    alone = {SEAL_KEY: TOMORROW[SEAL_KEY]}
    with pytest.raises(InstallsError, match="cannot be opened with the key of DOVECOTE_SEAL_KEY"):
        await kept(db, tmp_path, alone).secret("T1")
    assert await kept(db, tmp_path, TOMORROW).secret("T1") == "xoxb-one"
    assert await db.write(lambda c: installs.renew(c, Seal(tmp_path, TOMORROW))) == 2
    assert await db.write(lambda c: installs.renew(c, Seal(tmp_path, TOMORROW))) == 0
    assert await kept(db, tmp_path, alone).secret("T1") == "xoxb-one"
    found = await db.read(lambda c: logins.load(c, "bird", "notes", "T1"))
    assert found is not None
    assert logins.opened(Seal(tmp_path, alone), found, "bird", "notes", login.url) == login


async def test_a_state_comes_back_once_in_time_and_to_nobody_who_made_it_up(
    db: HostDB, tmp_path: Path
) -> None:
    time = Time()
    here = kept(db, tmp_path, now=time)
    state, late = await here.begin(), await here.begin()
    assert not await here.comes_back("made up")
    assert not await here.comes_back("")
    assert not await here.comes_back("x" * 100_000)
    assert await here.comes_back(state)
    assert not await here.comes_back(state)
    time.now += installs.GOOD_FOR
    assert not await here.comes_back(late)
    assert await here.comes_back(await here.begin())
    assert await db.read(lambda c: c.execute("SELECT count(*) FROM install_states").fetchone()) == (1,)


async def test_whoever_begins_installations_without_end_writes_nothing_and_pushes_out_nobodys(
    db: HostDB, tmp_path: Path
) -> None:
    here = kept(db, tmp_path)
    mine = await here.begin()
    before = (tmp_path / "host.db").read_bytes(), (tmp_path / "host.db-wal").read_bytes()
    states = {await here.begin() for _ in range(1_500)}
    assert len(states) == 1_500
    assert ((tmp_path / "host.db").read_bytes(), (tmp_path / "host.db-wal").read_bytes()) == before
    assert await here.comes_back(mine)


async def test_of_those_that_came_back_no_more_than_a_bound_are_kept(
    db: HostDB, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installs, "MOST_BACK", 3)
    time = Time()
    here = kept(db, tmp_path, now=time)
    for _ in range(5):
        state = await here.begin()
        assert await here.comes_back(state)
        time.now += 1
    assert not await here.comes_back(state)
    assert await db.read(lambda c: c.execute("SELECT count(*) FROM install_states").fetchone()) == (3,)


async def test_a_state_is_of_its_platform_and_nothing_else_that_is_sealed_is_one(
    db: HostDB, tmp_path: Path
) -> None:
    here, sealed = kept(db, tmp_path), Seal(tmp_path, KEY)
    state = await Installs(db, sealed, "discord", Time()).begin()
    assert not await here.comes_back(state)
    for other in ("xoxb-one", "installation:slack:x:y", "token:slack:99999999999999:1", "a:b:c:d:e"):
        assert not await here.comes_back(sealed.seal(other).decode())
    mine = await here.begin()
    spelled = (mine, f"{mine}=", f"{mine}\n", f" {mine}", mine.rstrip("="), mine.swapcase())
    assert [await here.comes_back(state) for state in spelled].count(True) == 1, "however it is spelled"


async def test_a_state_of_a_key_that_is_no_more_in_use_comes_back_to_nobody(
    db: HostDB, tmp_path: Path
) -> None:
    state = await kept(db, tmp_path).begin()
    alone = {SEAL_KEY: TOMORROW[SEAL_KEY]}
    assert not await kept(db, tmp_path, alone).comes_back(state)
    assert await kept(db, tmp_path, TOMORROW).comes_back(state)
