"""Getting what was accepted to whoever holds its place (`holding`)."""

from __future__ import annotations

from host.registry.holding import Place
from host.registry.port import Registry, Statements
from sessiondb.records import Address


async def reached(db: Registry, address: Address) -> bool:
    """Whether the place is this node's, which takes it where nobody has it; else who has it is told. Raises `SessionError`."""

    def job(connection: Statements) -> bool:
        taken = db.holding.take(connection, address)
        if not taken:
            db.holding.tell(connection, address)
        return taken

    if db.holding.has(address):
        return True
    taken = await db.write(job)
    if taken:
        db.holding.note([Place(*address[:3])])
    return taken
