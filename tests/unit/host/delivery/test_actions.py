"""System actions whose preparation goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from host.delivery.actions import ActionError, Actions, Asked, Handler
from host.mailbox.inbound import InboundWriter
from host.registry.sessions import Session
from sessiondb import Address, content
from sessiondb.errors import Unavailable
from tests.support.firing import Clock, living

ASKED = Asked("row", content.Action("break", {}), Address("memory", "w", "C1"), None)


@asynccontextmanager
async def faulty(_: Session, asked: Asked) -> AsyncIterator[Handler]:
    if asked.row_id:
        raise OverflowError("date value out of range")
    yield lambda _: ""


@asynccontextmanager
async def locked(_: Session, asked: Asked) -> AsyncIterator[Handler]:
    if asked.row_id:
        raise Unavailable(Path("inbound.db"), "locked")
    yield lambda _: ""


async def test_a_fault_of_ours_is_an_answer_and_a_locked_file_is_tried_again(tmp_path: Path) -> None:
    clock = Clock(0)
    async with living(tmp_path, clock) as life:
        session = await life.session()

        def refused(writer: InboundWriter) -> None:
            with pytest.raises(ActionError, match="a fault of its own"):
                handler(writer)

        async with Actions({"break": faulty}).prepared(session, ASKED) as handler:
            await life.mailboxes.use(session, refused)
        with pytest.raises(Unavailable):
            async with Actions({"break": locked}).prepared(session, ASKED):
                pass
