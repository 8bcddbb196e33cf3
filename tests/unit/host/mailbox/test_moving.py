"""A conversation whose files are another node's: what lies here goes, and last it is this node's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from host.folders.disk import ThreadDisk
from host.mailbox import moving
from host.mailbox.inbound import InboundWriter
from host.registry import sessions
from host.registry.db import HostDB
from host.registry.sessions import Session, Sessions
from sessiondb import Address

PLACE = Address("memory", "w", "c")


def test_only_what_another_node_has_is_elsewhere(session: Session) -> None:
    for node, own, elsewhere in (("", "", False), ("", "n1", False), ("n1", "n1", False), ("n2", "n1", True)):
        assert moving.is_elsewhere(replace(session, node=node), own) is elsewhere, (node, own)
    assert not moving.is_elsewhere(replace(session, node="n2"), "")


def test_files_from_an_earlier_time_go_and_what_an_agent_made_stays(
    session: Session, writer: InboundWriter
) -> None:
    made = session.folder.work / "plot.png"
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_bytes(b"plot")
    assert session.folder.inbound_db.exists()
    moving.clear(session.folder)
    moving.clear(session.folder)
    assert not session.folder.inbound.exists()
    assert not session.folder.outbound.exists()
    assert made.read_bytes() == b"plot"


async def test_a_conversation_that_has_arrived_is_this_nodes(tmp_path: Path) -> None:
    disk = ThreadDisk()
    db = await HostDB.open(tmp_path / "host.db", disk)
    known = Sessions(tmp_path)
    id_ = await db.write(lambda c: sessions.upsert(c, "default", PLACE, "public", 1))
    [session] = await db.read(lambda c: known.load(c, "id = ?", (id_,)))
    assert session.node == ""
    await db.write(lambda c: moving.arrive(c, session, "n1"))
    [session] = await db.read(lambda c: Sessions(tmp_path).load(c, "id = ?", (id_,)))
    assert session.node == "n1"
    await db.close()
    disk.close()
