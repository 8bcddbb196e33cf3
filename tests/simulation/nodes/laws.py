"""What must hold over all nodes after a run, whatever went wrong in it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

from host.ports.events import Verdict
from sessiondb import Address
from tests.simulation.laws import OURS, WARNING
from tests.simulation.load import Said
from tests.simulation.nodes.world import Nodes
from tests.simulation.outcome import Law

PART = re.compile(r"answer (\d+) part (\d+)")
TICK = re.compile(r"tick (\d+)")


def check(world: Nodes) -> None:
    """Adds to the outcome's violations whatever does not hold."""
    laws = _Laws(world)
    laws.kept()
    laws.once()
    laws.seen()
    laws.order()
    laws.live()
    laws.tasks()


class _Laws:
    def __init__(self, world: Nodes) -> None:
        self._world = world
        self._violated = world.violated
        self._posts = world.platform.posts
        self._said = {one.number: one for one in world.people.said}
        rows = world.server.rows("SELECT message_id, id, state FROM inbox ORDER BY id")
        self._inbox = {str(id_): int(at) for id_, at, _ in rows}

    def kept(self) -> None:
        world = self._world
        for id_, verdict in world.platform.verdicts.items():
            if verdict is Verdict.STORED and world.platform.taken_as[id_] not in self._inbox:
                self._violated(Law.KEPT, f"{id_} was acknowledged and is lost")
        for said in world.people.said:
            if world.platform.verdicts.get(said.event.message_id) not in (Verdict.STORED, Verdict.DUPLICATE):
                self._violated(Law.KEPT, f"message {said.number} was never taken in")
        if open_ := world.server.rows(_OPEN):
            self._violated(Law.REST, f"left open: {open_}")

    def once(self) -> None:
        for key, count in Counter(post.key for post in self._posts).items():
            if count > 1:
                self._violated(Law.ONCE, f"{key} was posted {count} times")
        for text, count in Counter(post.text for post in self._posts if OURS.match(post.text)).items():
            if count > 1:
                self._violated(Law.ONCE, f"{text!r} was posted {count} times")
        for post in self._posts:
            found = OURS.match(post.text)
            if found and post.address != _place(self._said[int(found[2])]):
                self._violated(Law.PLACE, f"{post.text!r} was posted at {post.address}")

    def seen(self) -> None:
        for said in self._world.people.said:
            mine = [post for post in self._posts if (m := OURS.match(post.text)) and int(m[2]) == said.number]
            here = [post for post in self._posts if post.address == _place(said)]
            if not (
                any(post.text.startswith("answer") for post in mine)
                or said.deleted
                or any(WARNING in post.text for post in here)
                or said.event.address.platform_id in self._world.people.stopped
                or self._waited_with(said)
            ):
                self._violated(Law.OUTCOME, f"nobody sees what became of message {said.number}")

    def _waited_with(self, said: Said) -> bool:
        """A question was asked in its turn."""
        asked = {one.number for one in self._world.people.said if one.asks and _place(one) == _place(said)}
        texts = [post.text for post in self._posts if post.address == _place(said)]
        return any((m := OURS.match(text)) and m[1] == "question" and int(m[2]) in asked for text in texts)

    def order(self) -> None:
        """Who asked first at a place is answered first; the parts of an answer come in their order."""
        parts: defaultdict[int, list[int]] = defaultdict(list)
        answered: defaultdict[Address, list[int]] = defaultdict(list)
        parked = {_place(said) for said in self._world.people.said if said.asks}
        for post in self._posts:
            if (found := PART.match(post.text)) is None:
                continue
            number, part = int(found[1]), int(found[2])
            parts[number].append(part)
            at = self._inbox.get(self._said[number].event.message_id, 0)
            if part == 1 and post.address not in parked:
                answered[post.address].append(at)
        for number, found_parts in parts.items():
            if found_parts != sorted(found_parts):
                self._violated(Law.ORDER, f"the parts of answer {number} came as {found_parts}")
        for address, numbers in answered.items():
            if numbers != sorted(numbers):
                self._violated(Law.ORDER, f"{address}: answered in the order {numbers}")

    def live(self) -> None:
        for key, post in self._world.platform.live.items():
            if not post.removed:
                self._violated(Law.LIVE, f"live message {key} is left at {post.address}")

    def tasks(self) -> None:
        ticks = Counter(int(found[1]) for post in self._posts if (found := TICK.search(post.text)))
        for number, count in ticks.items():
            if count > 1:
                self._violated(Law.TASKS, f"task {number} ran {count} times")


def _place(said: Said) -> Any:
    address = said.event.address
    return address._replace(thread_id=said.event.opens_thread) if said.event.opens_thread else address


_OPEN = "SELECT session_id, seq, state FROM ledger WHERE state NOT IN ('sent', 'failed')"
