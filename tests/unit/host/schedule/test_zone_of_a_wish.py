"""Whose time a task keeps when what led to it told none: that of the person, as it was known last, or else the host's."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.config import Config
from host.config.settings import Settings
from host.delivery.actions import Asked, Handler
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage
from host.ports.bot import Bots
from host.registry.port import Statements
from host.schedule.actions import TaskActions
from host.schedule.homes import Homes
from host.schedule.readers import Readers
from sessiondb import MessageIn, content
from tests.support import keeping
from tests.support.firing import PLACE, Clock, Life, living

NOON = {"title": "Lunch", "prompt": "Remind us of lunch", "cron": "0 12 * * *"}


async def zone_of(life: Life, person: str) -> str:
    """Of a task that an agent makes in a run whose message tells no zone."""
    settings = Settings(Config())
    records = keeping.records(life.db, life.registry, life.mailboxes)
    homes = Homes(settings, records, Readers(settings, life.db, Bots({})))
    actions = TaskActions(life.scheduler, homes, life.db, life.mailboxes, "Asia/Tokyo", lambda: 1_000)
    session = await life.session()
    said = NewMessage("m1", "webhook", PLACE, content.Webhook("hook", "now"), 1, author_id=person)

    origin = await life.mailboxes.use(session, lambda writer: _put(writer, said))
    asked = Asked("o1", content.Action("schedule_task", NOON), PLACE, origin)
    async with actions.prepared(session, asked) as handler:
        await life.mailboxes.use(session, lambda writer: _done(writer, handler))
        [task] = await life.mailboxes.use(session, lambda writer: writer.tasks.all())
    return task.schedule.zone


def _put(writer: InboundWriter, said: NewMessage) -> MessageIn | None:
    with writer.writing():
        writer.insert(said)
    return writer.message(said.id)


def _done(writer: InboundWriter, handler: Handler) -> None:
    with writer.writing():
        handler(writer)


@pytest.mark.parametrize(
    ("person", "zone"),
    [("U1", "Europe/Berlin"), ("U2", "Asia/Tokyo"), ("U3", "Asia/Tokyo"), ("", "Asia/Tokyo")],
)
async def test_the_zone_of_a_person_is_what_the_host_last_knew_and_else_its_own(
    tmp_path: Path, person: str, zone: str
) -> None:
    """U2 was seen and has told none, U3 was never seen, and a webhook is nobody."""

    def know(connection: Statements) -> None:
        connection.executemany(
            "INSERT INTO users (channel_type, workspace_id, user_id, name, zone, seen_at) VALUES (?, ?, ?, ?, ?, 1)",
            [(*PLACE[:2], "U1", "Ada", "Europe/Berlin"), (*PLACE[:2], "U2", "Bo", "")],
        )

    async with living(tmp_path / "data", Clock(1_000)) as life:
        await life.db.write(know)
        assert await zone_of(life, person) == zone
