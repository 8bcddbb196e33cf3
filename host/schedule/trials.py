"""A task's first run, tried where one person alone reads it: now, by the same agent, asked the same.

The series knows nothing of it: no occurrence is recorded and no time moves on. It works under the rules and on the budget of
the place where the task works, and may write to nobody but whoever tries it. What a crash does: the conversation is marked busy,
then its message is written, in one transaction of its file. Before that there is no trial; from then on there is one, which is
answered as any message is. While it runs no other begins, so that a second press after a crash is no second answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import TypeAdapter

from host.governance import words
from host.mailbox.inbound import InboundWriter
from host.mailbox.open import Records
from host.mailbox.rows import NewMessage
from host.ports.bot import Bots, DeliveryError, OpensDirect
from host.ports.controls import Forbidden, NotNow
from host.ports.events import Viewer
from host.registry import sessions, trials
from host.registry.sessions import Session
from host.schedule.homes import Homes
from host.words import Sentence, as_it_is, moment, say
from sessiondb import content
from sessiondb.records import Address

TRY = "try"
NOBODY = say("I cannot write to you directly here, where alone it would be said.")
UNREACHABLE = say(
    "I cannot write to you directly right now: allow direct messages from me, or try again in a minute."
)
UNDER_WAY = say("It is being tried already: its answer comes in your direct messages.")


@dataclass(frozen=True, slots=True)
class Tried:
    """What is tried: a task, or one that is to be."""

    id: str  # the task's, or of what would make it one
    title: str
    prompt: str
    script: str
    zone: str


class Trials:
    """`wake` is called with the conversation that got something to run."""

    def __init__(
        self,
        homes: Homes,
        records: Records,
        bots: Bots,
        wake: Callable[[Session], None],
        now: Callable[[], int],
    ) -> None:
        self._homes = homes
        self._mailboxes = records.mailboxes
        self._errands = records.errands
        self._errands.ways[TRY] = self._asked_to
        self._bots = bots
        self._wake = wake
        self._now = now

    async def begin(self, viewer: Viewer, agent: str, tried: Tried) -> str:
        """One line for them. Raises `Forbidden`, `sessiondb.SessionError`."""
        bot, person, now = self._bots.get(viewer.address.channel_type), viewer.author.id, self._now()
        if not isinstance(bot, OpensDirect):
            raise Forbidden(NOBODY)
        try:
            place = await bot.direct(viewer.address, person)
        except DeliveryError as error:
            raise NotNow(UNREACHABLE) from error
        if (answer := await self._asked(place, viewer, agent, tried)) is not None:
            return answer
        own = place._replace(thread_id=trials.thread(tried.id))
        scope = sessions.scope_name("dm", place, person)
        session = await self._homes.conversation(agent, own, scope, now)
        new = NewMessage(
            id="k" + hashlib.sha256(f"{session.id}\x1f{now}".encode()).hexdigest()[:24],
            kind="task",
            address=place,
            content=content.Task(
                tried.prompt,
                tried.title,
                moment(now, tried.zone),
                script=tried.script,
                trial=True,
            ),
            created_at=now,
            author_id=person,
            task_id=tried.id,
            occurrence_at=now,
        )
        if not await self._mailboxes.use(session, lambda writer: _begun(writer, new)):
            raise Forbidden(UNDER_WAY)
        self._wake(session)
        return say(
            "I try “{title}” now, in your direct messages, where you alone read it. It counts as no run. It is asked what the"
            " real run is asked, by the same rules and on the same budget, without what was said where the task works. It can"
            " post nowhere else; whatever else its tools do is done.",
            title=words.name(tried.title),
        )

    async def _asked(self, place: Address, viewer: Viewer, agent: str, tried: Tried) -> Sentence | None:
        """Of whoever holds their direct messages; None where it is this node."""
        if not self._errands.are_needed:
            return None
        said = await self._errands.ask(place, TRY, _WANTED.dump_json((viewer, agent, tried)).decode())
        if said is None:
            return None
        found = json.loads(said)
        text = Sentence.unpacked(found["text"])
        if found["refused"]:
            raise (NotNow if found["refused"] == "now" else Forbidden)(text)
        return text

    async def _asked_to(self, body: str) -> str:
        viewer, agent, tried = _WANTED.validate_json(body)
        try:
            text, refused = as_it_is(await self.begin(viewer, agent, tried)), ""
        except Forbidden as error:
            text, refused = as_it_is(error.args[0]), "now" if isinstance(error, NotNow) else "ever"
        return json.dumps({"text": text.packed(), "refused": refused})


_WANTED: TypeAdapter[tuple[Viewer, str, Tried]] = TypeAdapter(tuple[Viewer, str, Tried])


def _begun(writer: InboundWriter, new: NewMessage) -> bool:
    with writer.writing():
        return not any(message.task_id for message in writer.pending()) and writer.insert(new)
