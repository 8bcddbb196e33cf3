"""Folders that go from node to node: two nodes on one PostgreSQL, each with a data folder of its own, one after the other."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from host.folders import packing, stowage
from host.folders.disk import ThreadDisk
from host.folders.stowage import KEPT_ASIDE
from host.mailbox import copies, luggage, remaking, spaces
from host.mailbox.luggage import MIB, Luggage
from host.registry import packs
from host.registry.nodes import Node
from host.registry.port import Registry, Statements
from host.registry.sessions import Session
from sessiondb import Address, SessionFolder, Unavailable
from tests.support.postgres import Server

PLACE = spaces.workspace("default", "memory-w-public-1")
OTHER = spaces.work("s1")
NO_FOLDER = SessionFolder(Path("/nowhere"))
PORTIONS = "SELECT count(*), count(DISTINCT serial) FROM packed_portions"


@dataclass
class Life:
    """Of one node."""

    data: Path
    db: Registry
    luggage: Luggage
    now: list[int]

    @property
    def note(self) -> Path:
        return self.data / PLACE / "notes" / "tea.md"

    async def writes(self, text: str, name: str = "tea.md", place: str = PLACE) -> None:
        """As a runner does."""
        await self.luggage.take_over(place)
        path = self.data / place / "notes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    async def keep(self, *, at_rest: bool = True) -> bool:
        return await self.luggage.keep(PLACE, at_rest=at_rest)

    def aside(self) -> list[str]:
        return [path.read_text() for path in (self.data / stowage.ASIDE).rglob("*.md")]


@asynccontextmanager
async def living(url: str, folder: Path, node: str, most: int = MIB) -> AsyncIterator[Life]:
    from host.registry.postgresql import PostgreSQL

    disk, data, now = ThreadDisk(), folder / node, [1_000]
    data.mkdir(exist_ok=True)
    db = await PostgreSQL.open(url, disk, lambda _: None, Node(node, node))
    try:
        made = Luggage(db, data, lambda: now[0], most)
        await made.begin()
        yield Life(data, db, made, now)
    finally:
        await db.close()
        disk.close()


async def test_a_folder_goes_on_where_another_node_takes_it_over_and_only_changes_are_packed(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "PORTION", 100)
    url = postgres.database()

    def serial() -> str:
        return postgres.says(url, "SELECT serial FROM packed")

    async with living(url, tmp_path, "ada") as ada:
        await ada.writes("one")
        assert ada.luggage.stirred() == [PLACE]
        assert not await ada.luggage.is_current(PLACE)
        assert await ada.keep(at_rest=False)
        assert ada.luggage.stirred() == [PLACE]  # somebody still writes there
        assert await ada.luggage.is_current(PLACE)
        first = serial()
        assert await ada.keep()
        assert ada.luggage.stirred() == []
        ada.note.chmod(ada.note.stat().st_mode)  # looks another, and is the same
        await ada.luggage.take_over(PLACE)
        assert ada.luggage.stirred() == [PLACE]
        assert postgres.says(url, "SELECT at_rest FROM packed") == "0"
        assert await ada.keep()
        assert serial() == first
        await ada.writes("two" * 200)
        assert await ada.keep()
        assert serial() != first
        assert postgres.says(url, PORTIONS).endswith("|1")  # what was before it is gone
    async with living(url, tmp_path, "bob") as bob:
        await bob.luggage.take_over(PLACE)
        assert bob.note.read_text() == "two" * 200
        assert await bob.luggage.is_current(PLACE)
        await bob.writes("three")
        assert await bob.luggage.let_go(PLACE)
    async with living(url, tmp_path, "ada") as ada:
        await ada.luggage.take_over(PLACE)
        assert ada.note.read_text() == "three"
        assert ada.aside() == []  # all of what lay here was packed once


async def test_files_are_said_to_be_lost_only_where_some_were_seen_that_were_not_packed(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, both = postgres.database(), [OTHER, PLACE]
    session = Session(
        "s1", "default", Address("memory", "w", "C1", ""), "memory-w-public-1", NO_FOLDER, node="ada"
    )

    async def missed(life: Life) -> int | None:
        return await life.db.read(lambda connection: remaking.files_of(connection, session))

    async with living(url, tmp_path, "ada") as ada:
        assert await missed(ada) == 0  # no runner was ever begun
        copied = [copies.Copy(copies.STATE, 0, "title", '["tea"]')]
        await ada.db.write(
            lambda c: copies.put(c, "s1", "ada", copies.Changes(copied, (), whole=True), anew=True)
        )
        assert await missed(ada) is None  # one was, before folders were packed
        for place in both:
            (ada.data / place / ".dovecote" / "output").mkdir(parents=True)  # an agent ran a command
        for at_rest in (False, True, False):
            for place in both:
                await ada.luggage.take_over(place)
            await ada.luggage.look_at(both)
            assert await missed(ada) == 0
            for place in both:
                assert await ada.luggage.keep(place, at_rest=at_rest)
            assert await missed(ada) == 0
            assert ada.luggage.stirred() == ([] if at_rest else both)
        note = ada.data / OTHER / "tea.md"
        note.write_text("one")
        await ada.luggage.look_at(both)
        assert await missed(ada) is None
        note.unlink()
        shutil.rmtree(ada.data / OTHER / ".dovecote")
        assert await ada.luggage.keep(OTHER, at_rest=False)
        assert await missed(ada) == 0
        looked = packing.look

        def just_after(root: Path) -> packing.Look:
            seen = looked(root)
            note.write_text("two")
            ada.luggage._bare.discard(OTHER)
            ada.luggage._stirs[OTHER] += 1
            return seen

        with monkeypatch.context() as patch:
            patch.setattr(packing, "look", just_after)
            assert await ada.luggage.keep(OTHER, at_rest=True)
        assert await missed(ada) is None
        assert await ada.luggage.keep(OTHER, at_rest=False)
        assert await missed(ada) == 1_000
    async with living(url, tmp_path, "bob") as bob:
        for place in both:
            await bob.luggage.take_over(place)
        session.node = "bob"
        assert await missed(bob) == 1_000
        assert await bob.luggage.keep(OTHER, at_rest=True)
        assert await missed(bob) == 0


async def test_a_folder_that_was_emptied_is_packed_once(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(postgres.database(), tmp_path, "ada") as ada:
        await ada.writes("one")
        assert await ada.keep()
        shutil.rmtree(ada.data / PLACE / "notes")
        assert await ada.keep()
        assert await ada.luggage.is_current(PLACE)
        monkeypatch.delattr(packing, "pack")
        assert await ada.keep()


async def test_what_was_not_packed_before_its_node_died_gives_way_when_it_comes_back_and_is_kept_aside_for_a_week(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.writes("packed")
        await ada.keep()
        await ada.writes("not packed")
    async with living(url, tmp_path, "bob") as bob:
        await bob.writes("next", name="more.md")
        assert bob.note.read_text() == "packed"
        await bob.keep()
    async with living(url, tmp_path, "ada") as ada:
        await ada.luggage.take_over(PLACE)
        assert sorted(path.name for path in ada.note.parent.iterdir()) == ["more.md", "tea.md"]
        assert ada.note.read_text() == "packed"
        assert ada.aside() == ["not packed"]
        for now, left in ((1_000 + KEPT_ASIDE, ["not packed"]), (1_001 + KEPT_ASIDE, [])):
            stowage.clear_aside(ada.data, now)
            assert ada.aside() == left
        assert postgres.says(url, "SELECT at_rest FROM packed") == "0"


async def test_a_node_that_begins_again_packs_what_its_earlier_life_did_not(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.writes("one")
        scratch = ada.data / stowage.SCRATCH
        scratch.mkdir()
        (scratch / "left.pack").write_text("of one that was killed")
    async with living(url, tmp_path, "ada") as ada:
        assert not list((ada.data / stowage.SCRATCH).glob("*.*"))
        assert ada.luggage.stirred() == [PLACE]
        await ada.luggage.look_at(ada.luggage.stirred())
        assert postgres.says(url, "SELECT at_rest FROM packed") == "0"
        assert await ada.keep()
    async with living(url, tmp_path, "ada") as ada:
        assert ada.luggage.stirred() == []
        shutil.rmtree(ada.data / PLACE)  # as where a disk was lost
        await ada.luggage.take_over(PLACE)
        assert ada.note.read_text() == "one"
        shutil.rmtree(ada.data / PLACE)
        assert await ada.keep()  # what is not there is not packed as empty
        await ada.luggage.take_over(PLACE)
        assert ada.note.read_text() == "one"


async def test_whoever_is_killed_anywhere_on_the_way_leaves_a_pack_that_is_whole_and_a_folder_that_is_brought_anew(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()

    class Killed(Exception):
        pass

    def dies(*_: object, **__: object) -> None:
        raise Killed

    async with living(url, tmp_path, "ada") as ada:
        await ada.writes("one")
        await ada.keep()
        for killed in ("put", "complete"):  # before a portion; before the pack has its name
            with monkeypatch.context() as patch:
                patch.setattr(packs, killed, dies)
                await ada.writes(f"two, {killed}")
                with pytest.raises(Killed):
                    await ada.keep()
        with monkeypatch.context() as patch:
            patch.setattr(stowage, "note", dies)  # the pack has its name, and nobody here knows
            with pytest.raises(Killed):
                await ada.keep()
        assert postgres.says(url, PORTIONS) == "1|1"
        assert await ada.keep()
    for target, name in (
        (packing, "unpack"),
        (stowage, "give_way"),
        (Path, "rename"),
        (stowage, "note"),
        (packs, "hold"),
    ):
        async with living(url, tmp_path, "bob") as bob:
            with monkeypatch.context() as patch:
                patch.setattr(target, name, dies)
                with pytest.raises(Killed):
                    await bob.luggage.take_over(PLACE)
            assert postgres.says(url, "SELECT node FROM packed") == "ada"
    async with living(url, tmp_path, "bob") as bob:
        await bob.luggage.take_over(PLACE)
        assert bob.note.read_text() == "two, complete"
        assert not list((bob.data / stowage.SCRATCH).glob("*.*"))


async def test_a_runner_that_begins_while_a_folder_is_packed_is_not_taken_to_be_at_rest(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.writes("one")
        looked = packing.look

        def meanwhile(root: Path) -> packing.Look:
            ada.luggage._stirs[PLACE] += 1
            return looked(root)

        monkeypatch.setattr(packing, "look", meanwhile)
        assert await ada.keep()
        assert postgres.says(url, "SELECT at_rest FROM packed") == "0"
        assert ada.luggage.stirred() == [PLACE]
        monkeypatch.undo()
        write = ada.db.write

        async def just_after(job: Callable[[Statements], object]) -> object:
            done = await write(job)
            if done is True:  # it was taken to be at rest, and is not by now
                await ada.luggage.take_over(PLACE)
            return done

        monkeypatch.setattr(ada.db, "write", just_after)
        assert await ada.keep()
        assert postgres.says(url, "SELECT at_rest FROM packed") == "0"
        assert ada.luggage.stirred() == [PLACE]
        monkeypatch.undo()
        assert await ada.keep()
        assert postgres.says(url, "SELECT at_rest FROM packed") == "1"
        assert ada.luggage.stirred() == []


async def test_what_is_too_large_stays_as_it_was_packed_last_and_is_named(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada", most=100) as ada:
        await ada.writes("one")
        ada.now[0] = 5_000
        assert await ada.keep()
        await ada.writes("x" * 200, name="large.md")
        for _ in range(2):
            assert not await ada.keep()
        assert ada.luggage.left == {PLACE: 5_000}
        assert await ada.db.read(packs.in_part) == [(PLACE, "more than 0 MiB")]
    async with living(url, tmp_path, "bob") as bob:
        await bob.luggage.take_over(PLACE)
        assert bob.note.read_text() == "one"
        assert await bob.keep()
        assert await bob.db.read(packs.in_part) == []


async def test_what_is_forgotten_comes_back_on_no_node(postgres: Server, tmp_path: Path) -> None:
    url = postgres.database()
    for number, node in enumerate(("ada", "bob", "ada")):  # Ada's last life leaves something aside
        async with living(url, tmp_path, node) as life:
            await life.writes(f"secret {number}")
            if node == "bob":
                await life.keep()
    async with living(url, tmp_path, "bob") as bob:
        await bob.luggage.forget(PLACE)
        assert postgres.says(url, PORTIONS) == "0|0"
        assert not (bob.data / PLACE).exists()
    for path in (
        tmp_path / "ada" / PLACE / "notes" / "tea.md",
        *(tmp_path / "ada" / stowage.ASIDE).rglob("*.md"),
    ):
        assert path.read_text().startswith("secret")
    async with living(url, tmp_path, "ada") as ada:  # before anybody asks for it
        assert not (ada.data / PLACE).exists()
        assert ada.aside() == []
        await ada.luggage.take_over(PLACE)
        assert not (ada.data / PLACE).exists()


async def test_a_pack_that_is_none_any_more_is_named_and_what_lies_here_goes_on(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    for damage in ("DELETE FROM packed_portions", "UPDATE packed SET digest = 'another'"):
        async with living(url, tmp_path, "ada") as ada:
            await ada.writes("one")
            await ada.keep()
            await ada.writes(damage)
            await ada.keep()
        postgres.says(url, damage)
        async with living(url, tmp_path, "bob") as bob:
            await bob.luggage.take_over(PLACE)
            assert await bob.db.read(packs.in_part) == [(PLACE, luggage.NOT_UNPACKED)]
            await bob.writes("new")
            assert await bob.keep()
            assert await bob.db.read(packs.in_part) == []


async def test_a_node_that_has_a_folder_no_more_packs_nothing_over_the_next_ones(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.writes("one")
        await ada.writes("work", place=OTHER)
        postgres.says(url, f"UPDATE packed SET node = 'bob', serial = 'theirs' WHERE place = '{PLACE}'")
        assert not await ada.keep()
        assert await ada.luggage.keep(OTHER, at_rest=True)
        taken = packs.Taken("mine", "", 0, 0, "")

        def job(connection: Statements) -> bool:
            return packs.complete(connection, PLACE, "ada", taken, at_rest=True)

        assert not await ada.db.write(job)
        assert postgres.says(url, f"SELECT serial FROM packed WHERE place = '{PLACE}'") == "theirs"


async def test_files_that_nobody_changes_are_packed_once_come_along_and_go_when_they_are_over(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, came, goes = postgres.database(), luggage.incoming("s1"), luggage.outgoing("s1")
    all_of = "SELECT string_agg(place, ' ' ORDER BY place) FROM packed"

    def lay(data: Path, place: str, text: str) -> None:
        (data / place).mkdir(parents=True)
        (data / place / "0-a.txt").write_text(text)

    async with living(url, tmp_path, "ada") as ada:
        for place in (f"{came}m1", f"{came}m2", f"{goes}turn-c1"):
            lay(ada.data, place, place)
        lay(ada.data, f"{came}m3", "half")
        (ada.data / f"{came}m3" / "1.part").write_text("of one that is still being fetched")
        await ada.luggage.take_what_came("s1")
        assert postgres.says(url, all_of) == ""  # more may come to messages as young as these
        for _ in range(2):
            await ada.luggage.take_what_came("s1", still=0.0)
            await ada.luggage.take_along(f"{goes}turn-c1", "s1")
        assert postgres.says(url, all_of) == f"{came}m1 {came}m2 {goes}turn-c1"
        assert postgres.says(url, "SELECT DISTINCT at_rest FROM packed") == "1"
        assert ada.luggage.stirred() == []
        await ada.luggage.take_what_came("s2")
    async with living(url, tmp_path, "bob") as bob:
        lay(bob.data, f"{came}m1", "fetched anew")
        await bob.luggage.bring_along("s1", goes)
        assert [path.name for path in bob.data.rglob("*.txt")] == ["0-a.txt"] * 2
        await bob.luggage.bring_along("s1", came)
        texts = {path.parent.name: path.read_text() for path in bob.data.rglob("*.txt")}
        assert texts == {"m1": "fetched anew", "m2": f"{came}m2", "turn-c1": f"{goes}turn-c1"}
        assert postgres.says(url, "SELECT DISTINCT node FROM packed") == "bob"
        await bob.luggage.leave(f"{goes}turn-c1")
        shutil.rmtree(bob.data / f"{came}m1")  # as when it is too old
        await bob.luggage.match("s1", before=0)
        assert postgres.says(url, all_of) == f"{came}m2"
    async with living(url, tmp_path, "cyd") as cyd:  # who brought nothing here yet
        await cyd.luggage.match("s1", before=1_000)
        assert postgres.says(url, all_of) == f"{came}m2"
        await cyd.luggage.match("s1", before=1_001)
        assert postgres.says(url, f"{all_of}_portions") == ""


async def test_a_file_that_is_packed_and_broken_is_left_out_and_nothing_beside_it(
    postgres: Server, tmp_path: Path
) -> None:
    url, came = postgres.database(), luggage.incoming("s1")
    async with living(url, tmp_path, "ada") as ada:
        for name in ("m1", "m2"):
            (ada.data / f"{came}{name}").mkdir(parents=True)
            (ada.data / f"{came}{name}" / "0-a.txt").write_text(name)
        await ada.luggage.take_what_came("s1", still=0.0)
        postgres.says(url, "UPDATE packed_portions SET content = 'none' WHERE place LIKE '%m1'")
    async with living(url, tmp_path, "bob") as bob:
        await bob.luggage.bring_along("s1", came)
        assert [path.read_text() for path in bob.data.rglob("*.txt")] == ["m2"]
        assert postgres.says(url, "SELECT DISTINCT node FROM packed") == "bob"


@pytest.mark.parametrize(
    ("said", "folder"),
    [
        ('{"path": "turn-c1/a.txt"}', "turn-c1"),
        ('{"path": "a.txt"}', "a.txt"),
        ('{"path": "../../host.db"}', ""),
        ('{"path": "/etc/passwd"}', ""),
        ('{"path": "a\\u0000b/c"}', ""),
        (f'{{"path": "{"x" * 201}/c"}}', ""),
        ('{"path": ""}', ""),
        ('{"path": "\\ud800/c"}', ""),
        ('{"path": ["a"]}', ""),
        ('{"text": "words"}', ""),
        ("[1]", ""),
        ("7", ""),
        ("no JSON", ""),
        ("[" * 100_000, ""),
    ],
)
def test_what_a_container_calls_a_path_names_a_folder_of_its_own_or_none(said: str, folder: str) -> None:
    assert copies.folder_of(said) == folder


async def test_a_registry_that_cannot_be_had_holds_up_a_start_and_no_pack_is_lost(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.database()
    async with living(url, tmp_path, "ada") as ada:
        await ada.writes("one")
        write: Callable[..., object] = ada.db.write

        async def refused(job: Callable[[Statements], object]) -> object:
            raise Unavailable(tmp_path, "no database")

        monkeypatch.setattr(ada.db, "write", refused)
        for waits in (ada.keep(), ada.luggage.take_over(OTHER)):
            with pytest.raises(Unavailable):
                await waits
        monkeypatch.setattr(ada.db, "write", write)
        assert ada.luggage.stirred() == [PLACE]
        assert await ada.keep()
