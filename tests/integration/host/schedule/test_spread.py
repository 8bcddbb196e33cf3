"""Two hundred tasks that are due at the same moment, through real runners with few places: spread, promised, and kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from host.app import Host
from host.config.recurrence import Schedule
from host.mailbox.inbound import InboundWriter
from host.mailbox.tasks import Occurrence, Task
from host.registry import sessions
from host.registry.port import Statements
from host.registry.sessions import Session
from host.schedule import index
from sessiondb import Address
from tests.support.hosting import config, now_ms, serving
from tests.support.tasking import ask

ROOMS, EACH = 8, 25
WINDOW = 15_000  # ms
PLACES = 10  # of which two are kept for people


async def test_200_tasks_of_one_moment_begin_within_their_window_and_none_before_its_time(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path, runner={"concurrent": PLACES})) as (host, bot):
        rooms = [await room(host, number) for number in range(ROOMS)]
        await ask(bot, "D1", "hello")  # the first runner of a process waits for its imports
        due = now_ms() + 2_000
        await asyncio.gather(*(put(host, session, due) for session in rooms))
        async with asyncio.timeout(60):
            await bot.until(lambda: len(bot.sent) == ROOMS * EACH + 1)
        assert not any("Later than I promised" in str(one.payload) for one in bot.sent)
        begun = [one.started_at for session in rooms for one in await runs(host, session)]
        assert len(begun) == ROOMS * EACH
        assert all(due <= at <= due + WINDOW for at in begun)
        crowd = Counter((at - due) // (WINDOW // 10) for at in begun)
        assert max(crowd.values()) < ROOMS * EACH // 2  # they did not begin together


async def room(host: Host, number: int) -> Session:
    place = Address("memory", "w", f"C{number}")

    def job(connection: Statements) -> Session:
        id_ = sessions.upsert(connection, "default", place, "public", now_ms())
        index.look_again(connection, id_)
        return host.house.records.sessions.load(connection, "id = ?", (id_,))[0]

    session = await host.house.records.db.write(job)
    await runs(host, session)  # its file is made
    return session


async def put(host: Host, session: Session, due: int) -> None:
    def job(writer: InboundWriter) -> None:
        with writer.writing():
            for number in range(EACH):
                id_ = f"t{session.address.platform_id[1:]}x{number}"
                writer.tasks.put(
                    Task(id_, "News", "news", Schedule("UTC", "0 9 * * *"), "", "run_once", (), "active", due, 0, 0, "", "",
                         "file", session.id, session.address, now_ms(), WINDOW)
                )  # fmt: skip

    await host.house.records.mailboxes.use(session, job)
    await host.house.scheduler.look(session)
    host.house.scheduler.changed()


async def runs(host: Host, session: Session) -> list[Occurrence]:
    def job(writer: InboundWriter) -> list[Occurrence]:
        return [one for task in writer.tasks.known() for one in writer.tasks.occurrences(task.id, 10)]

    return await host.house.records.mailboxes.use(session, job)
