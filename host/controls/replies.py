"""What the host itself answers to an order that was typed among people: about the place where it was typed, and no other.

Everybody there reads it. So nothing is said that is not this channel's own, whatever its author may see elsewhere; in a direct
message nobody else reads along, and it is all that its author may see.
"""

from __future__ import annotations

from dataclasses import replace

from host.controls.service import Service
from host.controls.telling import Telling, telling
from host.governance import words
from host.governance.languages import Languages
from host.ports import commands
from host.ports.controls import Controls, Forbidden, Running, TaskList, TaskOrder, TaskView
from host.ports.events import InboundEvent, Ingested, Viewer
from host.words import Sentence, clauses, joined, known, laid_out, say, told
from sessiondb.records import Address

MOST_LISTED = 15
NO_SUCH_TASK = say("There is no such task here: `!tasks` names those that there are.")
NOTHING_RUNS = say("Nothing is running here.")
NO_TASKS = say(
    "Nothing is scheduled here. Ask the agent to do something later or regularly, and it will show up."
)


class Replies:
    def __init__(self, service: Service, languages: Languages) -> None:
        self._service = service
        self._languages = languages
        self._controls = Telling(service, languages)

    @property
    def controls(self) -> Controls:
        return self._controls

    async def told(self, event: InboundEvent, ingested: Ingested) -> Ingested:
        language = await self._languages.of_viewer(Viewer(event.author, event.address, event.privacy))
        return replace(ingested, reason=known(ingested.reason).told(language))

    async def welcome(self, place: Address) -> str:
        return await self._service.greeting.welcome(place)

    async def to(self, order: InboundEvent) -> str:
        """Markdown. `order` is a CONTROL with one of `commands.SHOWN` as its value."""
        viewer = await self._service.zoned(Viewer(order.author, order.address, order.privacy))
        language = await self._languages.of_viewer(viewer)
        try:
            with telling(language, self._service.shown):
                return told(await self._told(viewer, order.value, order.text), language)
        except Forbidden as error:
            return str(error)

    async def _told(self, viewer: Viewer, name: str, rest: str) -> str:
        match name:
            case commands.STATUS:
                return await self._status(viewer)
            case commands.TASKS if tried := commands.tried(rest):
                return await self._try(viewer, tried)
            case commands.TASKS:
                return await self._tasks(viewer)
            case commands.USAGE:
                spent = await self._service.usage(viewer)
                return spent.text if viewer.privacy == "dm" else spent.here
            case commands.WHY:
                within = None if viewer.privacy == "dm" else viewer.address
                return (await self._service.why(viewer, commands.message_named(rest), within)).text
            case commands.AGAIN:
                return await self._service.again_here(viewer, rest)
            case commands.HANDOFF:
                return await self._service.hand_over(viewer, rest, read_by_all=True)
            case commands.MEMORY:
                return await self._service.memory(viewer, rest)
            case commands.GRANTS:
                return await self._service.grants(viewer, rest)
            case commands.CONFIG:
                return await self._service.configure(viewer, rest)
        return await self._service.help(viewer)

    async def _status(self, viewer: Viewer) -> str:
        overview = await self._service.overview(viewer)
        here = [one for one in overview.running if _is_here(one, viewer)]
        zone = words.zone_of(viewer.author.zone, self._service.zone)
        lines = [
            say(
                "- **{agent}** {status}, since {time}",
                agent=one.agent,
                status=one.status,
                time=words.moment(one.since, zone),
            )
            for one in here[:MOST_LISTED]
        ]
        return joined("\n", lines) if lines else NOTHING_RUNS

    async def _tasks(self, viewer: Viewer) -> str:
        found = await self._service.tasks(viewer)
        here = [one for one in found if _is_here(one, viewer)]
        lines = [
            laid_out(
                "- **{title}** ({id}): {details}",
                title=words.name(one.title),
                id=one.id,
                details=_details(one),
            )
            for one in here[:MOST_LISTED]
        ]
        left = found.left if len(here) == len(found) else 0  # those of here come first
        if rest := TaskList(tuple(here), left, found.page).rest(MOST_LISTED):
            lines.append(laid_out("- {rest}", rest=rest))
        return joined("\n", lines) if lines else NO_TASKS

    async def _try(self, viewer: Viewer, task_id: str) -> str:
        """Of this place alone: what it is called is said to all who read here."""
        here = {one.id for one in await self._service.tasks(viewer) if _is_here(one, viewer)}
        if task_id not in here:
            raise Forbidden(NO_SUCH_TASK)
        return await self._service.order(viewer, task_id, TaskOrder.TRY)


def _is_here(one: Running | TaskView, viewer: Viewer) -> bool:
    return viewer.privacy == "dm" or one.address[:3] == viewer.address[:3]


def _details(task: TaskView) -> Sentence:
    said = replace(task, problem=_literal(task.problem), why_paused=_literal(task.why_paused))
    return clauses(said.details)


def _literal(text: str) -> str:
    return text if isinstance(text, Sentence) else words.name(text)
