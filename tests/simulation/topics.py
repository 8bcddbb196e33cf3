"""What a run is about besides talk: one or two of these to a seed, each at places of its own and with chance of its own.

They add to what people do, to the configuration and to what goes wrong, and look at the end whether what they are about holds.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from host.ports.events import Author, EventClass, InboundEvent, Verdict
from sessiondb import Address
from tests.simulation.load import Said
from tests.simulation.outcome import Law
from tests.simulation.patches import Patch
from tests.simulation.platform import Post

if TYPE_CHECKING:
    from tests.simulation.records import Session
    from tests.simulation.world import World

TO_A_SEED = (1, 2)
LATER = (
    0.35  # of the seeds from `FROM` on; those before are named in tests or run by CI, and stay what they were
)
FROM = 501
MINUTE, DAY = 60_000, 86_400_000  # ms
SLOWEST_DISK = 100_000  # ms that a process may hang within a statement
PROMISED = re.compile(r"Scheduled: (t[0-9a-f]+)")


class Topic:
    """Does nothing by itself."""

    place: tuple[str, str] = ("D2", "")

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = world.apart(type(self).__name__)

    def settings(self, given: dict[str, Any]) -> None:
        """Of the next boot."""

    def plan(self) -> None:
        """Once, when the run begins."""

    def patches(self) -> list[Patch]:
        """Of the code, where chance, time or death come in."""
        return []

    def hears(self, post: Post) -> None:
        """Whatever lands on the platform."""

    def check(self, sessions: list[Session]) -> None:
        """At the end of the run."""

    # ── small parts ──────────────────────────────────────────────────────────────────────────────────────

    def says(self, lines: list[str], at: float, **changes: Any) -> Said:
        """A person does so at the topic's place, and wants an answer."""
        said = self.world.people.asks(*self.place)
        text = "\n".join([*lines, said.event.text])
        said.event = replace(said.event, **{"text": text, **changes})
        self.world.platform.publish(said.event, at)
        return said

    def event(self, kind: EventClass, id_: str, at: float, **changes: Any) -> InboundEvent:
        """One that wants no answer of the agent."""
        blank = self.world.people.event(0, *self.place)
        event = replace(
            blank, event_class=kind, natural_id=id_, platform_message_id=id_, **{"text": "", **changes}
        )
        self.world.platform.publish(event, at)
        return event

    def here(self, post: Post) -> bool:
        return post.address.platform_id == self.place[0]

    def verdict(self, event: InboundEvent) -> Verdict | None:
        return self.world.platform.verdicts.get(event.message_id)


class Repeated(Topic):
    """A task for every minute, which is changed, rests, goes on and ends."""

    place = ("D2", "")

    def settings(self, given: dict[str, Any]) -> None:
        given["agents"]["default"]["shortest_task_interval"] = 30

    def plan(self) -> None:
        self.task = ""
        self.ended: Said | None = None
        self.changed = False
        self.missed = self.chance.choice(("run_all", "skip", "run_once"))
        self.world.faults.jumps = (-5_000, 5_000, 65_000, -65_000, 190_000)  # a day has many minutes
        wish = f'{{"title": "R", "prompt": "tock", "cron": "* * * * *", "missed": "{self.missed}"}}'
        self.says([f"@@call schedule_task {wish}", "@@results"], self.chance.uniform(0, 10))

    def hears(self, post: Post) -> None:
        found = PROMISED.search(post.text) if self.here(post) else None
        if found is None or self.task:
            return
        self.task = found[1]
        at = 0.0
        if self.chance.random() < 0.6:
            at += self.chance.uniform(10, 80)
            self._order("pause_task", at)
            at += self.chance.uniform(5, 70)
            self._order("resume_task", at)
        if self.chance.random() < 0.5:
            at += self.chance.uniform(1, 60)
            self.changed = True
            self._order("update_task", at, ', "cron": "*/2 * * * *"')
        self.ended = self._order("cancel_task", at + self.chance.uniform(30, 120))

    def _order(self, tool: str, at: float, more: str = "") -> Said:
        return self.says([f'@@call {tool} {{"task_id": "{self.task}"{more}}}'], at)

    def check(self, sessions: list[Session]) -> None:
        """Fired at its own times only, never before them; by its policy."""
        for session in sessions:
            task = next((row for row in session.tasks if row["id"] == self.task), None)
            if task is None:
                continue
            fired = sorted(
                (row for row in session.occurrences if row["task_id"] == self.task),
                key=lambda row: int(row["due_at"]),
            )
            self.world.outcome.counted["runs of repeated tasks"] += len(fired)
            for row in fired:
                if row["due_at"] % MINUTE or row["fired_at"] < row["due_at"]:
                    self._wrong(f"ran at {row['fired_at']} for {row['due_at']}")
                if row["stands_for"] and self.missed == "skip" and row["message_id"]:
                    self._wrong(f"made up for {row['stands_for']}")
            if session.id not in self.world.ruined:
                self._has_ended(task, session)

    def _has_ended(self, task: dict[str, Any], session: Session) -> None:
        row = session.messages.get(self.ended.event.message_id) if self.ended is not None else None
        over = row is not None and row["status"] == "completed"
        if over and task["state"] != "cancelled":
            self._wrong(f"is {task['state']}, though its end was carried out")

    def _wrong(self, text: str) -> None:
        self.world.violated(Law.TASKS, f"task {self.task} ({self.missed}) {text}")


class Approved(Topic):
    """Another agent, whose effects wait for a person: some say yes, some no, some nothing, and some both."""

    place = ("A1", "")

    def settings(self, given: dict[str, Any]) -> None:
        options = {"approve": ["mock_append"], "approve_within": 60}
        given["agents"]["careful"] = {"provider": "mock", "options": options}
        given["routes"].insert(
            0, {"channel": "A1", "agent": "careful", "engage": "always", "session": "channel"}
        )

    def plan(self) -> None:
        self.asked: dict[str, list[str]] = {}  # by question: what people say to it, the first first
        self.lines: list[str] = []
        at = self.chance.uniform(0, 30)
        for number in range(self.chance.randint(1, 3)):
            line = f"approved-{number}"
            self.lines.append(line)
            said = self.says([f'@@call mock_append {{"file": "f", "line": "{line}"}}'], at)
            said.asks = True
            at += self.chance.uniform(5, 60)

    def hears(self, post: Post) -> None:
        if not self.here(post) or not post.question or post.question in self.asked:
            return
        said = self.chance.choice((["Allow"], ["Deny"], [], ["Allow", "Deny"]))
        self.asked[post.question] = said
        for value in said:
            at = self.chance.choice((0.5, 5.0, 40.0, 200.0))
            answer = self.event(EventClass.ANSWER, post.question, at, value=value, refers_to=post.question)
            self.answers = answer

    def check(self, sessions: list[Session]) -> None:
        done = sum(self.world.effects[line] for line in self.lines)
        allowed = sum("Allow" in said for said in self.asked.values())
        self.world.outcome.counted["effects that were approved"] += done
        if done > allowed:
            self.world.violated(Law.APPROVED, f"{done} effects, and {allowed} were allowed")


class Hooked(Topic):
    """Other programs say what happened, and deliver it until they are heard."""

    place = ("H1", "")

    def plan(self) -> None:
        for number in range(self.chance.randint(2, 5)):
            self.says(
                [],
                self.chance.uniform(0, 120),
                event_class=EventClass.WEBHOOK,
                natural_id=f"build:{number}",
                platform_message_id="",
                author=Author("webhook:build", "build"),
                mentioned=False,
                value="Say it.",
                refers_to="build",
            )


class Refused(Topic):
    """People of another organisation, who may not: told once, and never answered."""

    place = ("D1", "")

    def plan(self) -> None:
        self.tried = [
            self.event(
                EventClass.MESSAGE,
                f"x{number}",
                self.chance.uniform(0, 120),
                text="secret",
                author=Author("X1", "Eve", external=True),
            )
            for number in range(self.chance.randint(1, 4))
        ]

    def check(self, sessions: list[Session]) -> None:
        posts = self.world.platform.posts
        told = {post.key for post in posts if post.text.startswith("People of other organisations")}
        forgotten = self.world.forgets or self.world.clock.farthest >= DAY  # and told again
        if len(told) != 1 and not self.world.platform.rejected and not (told and forgotten):
            self.world.violated(Law.TOLD, f"who may not was told so {len(told)} times")
        for event in self.tried:
            if self.verdict(event) is Verdict.STORED:
                self.world.violated(Law.KEPT, f"{event.natural_id} was taken in, though its author may not")
            if any(event.message_id in session.messages for session in sessions):
                self.world.violated(Law.KEPT, f"{event.natural_id} is in a file, though its author may not")


class Ordered(Topic):
    """What people order in words, and what they say among themselves or for later."""

    place = ("O1", "o1")

    def plan(self) -> None:
        self.orders = [
            self._order(number, self.chance.choice(("!status", "!help", "!clear", "!why", "!tasks")))
            for number in range(self.chance.randint(2, 4))
        ]
        self.aside = [
            self.event(
                EventClass.MESSAGE,
                f"aside{number}",
                self.chance.uniform(0, 130),
                text=f"!aside lunch {number}?",
            )
            for number in range(self.chance.randint(0, 2))
        ]
        self.says([], 0.0)
        for _ in range(self.chance.randint(1, 3)):
            said = self.says(["@@sleep 2"], self.chance.uniform(5, 100))
            if self.chance.random() < 0.6:
                self.says([], self.chance.uniform(5, 100), text=f"!queue {self._last()}")
            self.world.outcome.counted["orders"] += said.number > 0

    def _last(self) -> str:
        """The answer that the next message will have as its text."""
        from tests.simulation.load import answer

        return answer(len(self.world.people.said) + 1, 1)

    def _order(self, number: int, text: str) -> InboundEvent:
        return self.event(
            EventClass.MESSAGE,
            f"order{number}",
            self.chance.uniform(1, 140),
            text=text,
            author=Author("U2", "Bo"),
        )

    def check(self, sessions: list[Session]) -> None:
        """Each is answered; twice never, which the keys say. Nobody answers what is said aside."""
        for event in self.orders:
            taken = self.verdict(event)
            if taken in (Verdict.IGNORED, None) or self.world.platform.rejected:
                continue  # the agent took no part there yet
            if self._waits_for_an_operator(sessions):
                continue  # that is said
            if not any(post.answers == event.natural_id for post in self.world.platform.posts):
                self.world.violated(Law.OUTCOME, f"{event.text} ({event.natural_id}) was never answered")
        for event in self.aside:
            if any(post.answers == event.natural_id for post in self.world.platform.posts):
                self.world.violated(Law.OUTCOME, f"{event.text!r} was said aside, and answered")

    def _waits_for_an_operator(self, sessions: list[Session]) -> bool:
        held = [s for s in sessions if self.world.ruined.get(s.id) == "outbound"]
        return any(row["platform_id"] == self.place[0] for s in held for row in s.messages.values())


class Reacted(Topic):
    """People react to what they and the agent said: kept, and answered by nobody."""

    place = ("D1", "")

    def plan(self) -> None:
        self.reactions = [
            self.event(
                EventClass.REACTION,
                f"p{number}:U1:eyes",
                self.chance.uniform(5, 140),
                value="eyes",
                mentioned=True,
            )
            for number in range(1, self.chance.randint(2, 5))
        ]

    def check(self, sessions: list[Session]) -> None:
        for event in self.reactions:
            found = [s.messages[event.message_id] for s in sessions if event.message_id in s.messages]
            if any(row["trigger"] for row in found):
                self.world.violated(Law.OUTCOME, f"{event.natural_id} woke the agent")


class Crowded(Topic):
    """Many at once: what is read in one look is never all that there is."""

    place = ("D3", "")

    def plan(self) -> None:
        many = 300 if self.world.outcome.seed % 60 == 0 else self.chance.randint(20, 40)
        begun = self.chance.uniform(0, 100)
        for _ in range(many):
            author = Author(f"U{self.chance.randint(1, 4)}", "Cy")
            self.says([], begun + self.chance.random(), author=author)


class EngineAway(Topic):
    """The engine does not answer, or answers late, whatever it is asked."""

    def plan(self) -> None:
        at = 0.0
        for _ in range(self.chance.randint(1, 3)):
            at += self.chance.uniform(1, 50)
            what = self.chance.choice(("away", "hangs"))
            lasts = self.chance.choice((1.0, 10.0, 40.0))
            self.world.loop.call_later(at, self._begins, what, lasts)

    def _begins(self, what: str, lasts: float) -> None:
        self.world.say(f"the engine {what} for {lasts:g} s")
        setattr(self.world.engine, f"{what}_until", self.world.loop.time() + lasts)


class Marked(Topic):
    """The platform refuses some texts with marks, and takes them without."""

    def plan(self) -> None:
        self.world.platform.refuses_marks = 0.3

    def check(self, sessions: list[Session]) -> None:
        for session in sessions:
            for row in session.delivered:
                if row["state"] == "failed" and "marks" in row["error"] and '"plain": {' in row["payload"]:
                    self.world.violated(
                        Law.OUTCOME, f"{row['key']} was given up, and its plain text not tried"
                    )


class Reconfigured(Topic):
    """Another configuration at each boot."""

    def settings(self, given: dict[str, Any]) -> None:
        boot = self.world.boots
        given["agents"]["default"]["instructions"] = f"the {boot}th"
        given["runner"] |= {
            "idle_exit": (15, 2, 40)[boot % 3],
            "stream_idle": (4, 1, 9)[boot % 3],
            "concurrent": (50, 2)[boot % 2],
        }
        given["host"] |= {"sweep_every": (10, 5)[boot % 2], "poll_slowest": (5, 0)[boot % 2]}


class Addressed(Topic):
    """The agent writes elsewhere, too, where the configuration lets it."""

    place = ("D4", "")

    def settings(self, given: dict[str, Any]) -> None:
        given["agents"]["default"]["destinations"] = {
            "news": {"platform": "sim", "workspace": "w", "channel": "N1"}
        }

    def plan(self) -> None:
        for number in range(self.chance.randint(1, 4)):
            wish = f'{{"text": "news {number}", "destination": "news"}}'
            self.says([f"@@call send_message {wish}"], self.chance.uniform(0, 120))

    def check(self, sessions: list[Session]) -> None:
        for post in self.world.platform.posts:
            if post.text.startswith("news ") and post.address != Address("sim", "w", "N1", ""):
                self.world.violated(Law.PLACE, f"{post.text!r} was posted at {post.address}")


class Private(Topic):
    """A channel becomes private and public again: nobody works with the folder of what it was."""

    place = ("P1", "p1")

    def plan(self) -> None:
        self.world.platform.privacy["P1"] = "public"
        at = self.chance.uniform(5, 40)
        for _ in range(self.chance.randint(1, 3)):
            self.world.loop.call_later(at, self._becomes)
            at += self.chance.uniform(5, 40)
        for _ in range(self.chance.randint(3, 7)):
            self.world.loop.call_later(self.chance.uniform(0, 130), self._said)

    def _becomes(self) -> None:
        privacy = self.world.platform.privacy
        self.world.platform.becomes(
            Address("sim", "w", "P1", ""), "private" if privacy["P1"] == "public" else "public"
        )

    def _said(self) -> None:
        self.says(["@@sleep 1"], 0.0)


ALL: tuple[type[Topic], ...] = (
    Repeated,
    Approved,
    Hooked,
    Refused,
    Ordered,
    Reacted,
    Crowded,
    EngineAway,
    Marked,
    Reconfigured,
    Addressed,
    Private,
)


def of(world: World) -> list[Topic]:
    """One of those that came later takes the place of the first, now and then."""
    from tests.simulation import burdens

    chance = random.Random(f"topics-{world.outcome.seed}")
    chosen = chance.sample(ALL, chance.choice(TO_A_SEED))
    later = world.apart("burdens")
    if world.outcome.seed >= FROM and later.random() < LATER:
        chosen[0] = later.choice(burdens.ALL)
    return [topic(world) for topic in chosen]
