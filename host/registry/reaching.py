"""Getting what was accepted to whoever holds its place (`holding`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from host.registry.holding import Place
from host.registry.port import Registry, Statements
from sessiondb.records import Address

PRECEDENCE = 0.5  # s that a node which is to have a place has before the others: people wait, Discord for three seconds


async def deals(db: Registry, address: Address) -> bool:
    """Of nodes that all hear the same: whether this one deals with what happens at the place, which it takes where nobody has it:
    at once, or a moment later where another node is to have it. Raises `SessionError`."""
    if db.holding.has(address):
        return db.leads()  # one that is over by its own clock leaves it to nobody yet
    other, has = await db.write(lambda connection: db.holding.take_or_leave(connection, address))
    if other and not has:
        await asyncio.sleep(PRECEDENCE)
        return await _taken(db, address, lambda connection: db.holding.take(connection, address))
    if not other:
        db.holding.note([Place(*address[:3])])
    return not other


async def is_anothers(db: Registry, address: Address) -> bool:
    """Whether another node that serves has the place. Raises `SessionError`."""
    if db.holding.has(address):
        return False
    return await db.read(lambda connection: db.holding.is_anothers(connection, address))


async def handed_on(db: Registry, address: Address) -> bool:
    """Whether the place is this node's, which takes it where nobody has it and no other node is to; else that one is told. What
    nobody took within a moment is taken by whoever looks next. Raises `SessionError`."""
    if db.holding.has(address):
        return True
    return await _taken(db, address, lambda connection: db.holding.take_or_tell(connection, address))


async def reached(db: Registry, address: Address) -> bool:
    """Whether the place is this node's, which takes it where nobody has it; else who has it is told. Raises `SessionError`."""

    def job(connection: Statements) -> bool:
        taken = db.holding.take(connection, address)
        if not taken:
            db.holding.tell(connection, address)
        return taken

    if db.holding.has(address):
        return True
    return await _taken(db, address, job)


async def _taken(db: Registry, address: Address, job: Callable[[Statements], bool]) -> bool:
    if taken := await db.write(job):
        db.holding.note([Place(*address[:3])])
    return taken
