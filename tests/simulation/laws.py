"""What must hold after every run, whatever went wrong in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from host.intake.changed import DELETED
from host.ports.events import Verdict
from host.registry.notices import direct
from sessiondb import Address
from tests.simulation.load import Said
from tests.simulation.outcome import Law
from tests.simulation.platform import Post
from tests.simulation.records import Session, rows_of, session_of
from tests.simulation.world import World

OURS = re.compile(r"(answer|note|question) (\d+)")
NAMED = re.compile(r"\((s[0-9a-f]{1,8})(?:\)|$)")
PROMISE = re.compile(r"Scheduled: (t[0-9a-f]+)")
SLOWEST_FIRING = 400_000  # ms
MOST_ATTEMPTS = 5
WARNING = "⚠️"
WAITS = "⚠️ I cannot start right now"
UNUSABLE = "⚠️ I cannot use this conversation's records"
DAMAGED, LOOK = (
    "⚠️ This conversation's records are damaged",
    "to look (",
)  # the chunks of a quarantine's notice
TOLD_OF = ((UNUSABLE, "unusable"), (LOOK, "damaged"))  # how notices of what names its conversation are named
ALONE = direct("sim", "w")  # where a person is told of what cannot be said in its place
# What topics count by themselves, and what may be said again about something else.
ALIKE = (
    "*Missed earlier",
    "⚠️ A part of my answer was lost",
    WAITS,  # whose conversation it is stands in the chunk behind it
    "tock",
    "People of other organisations",
    "🔒 This channel is private now",
    "This channel is public now",
)


def check(world: World) -> None:
    """Adds to the outcome's violations whatever does not hold."""
    laws = _Laws(world)
    laws.host()
    laws.posts()
    laws.live()
    laws.messages()
    laws.changes()
    laws.told()
    laws.ruined()
    laws.effects()
    laws.tasks()
    for topic in world.topics:
        topic.check(laws.sessions)
    for session in laws.sessions:
        laws.numbers(session)
        laws.calls(session)
        laws.order(session)


class _Laws:
    def __init__(self, world: World) -> None:
        self._world = world
        self._violated = world.violated
        self._posts = world.platform.posts
        self.sessions = [
            session_of(folder, world.forgotten) for folder in sorted((world.data / "sessions").glob("*"))
        ]
        self._waiting_for_an_operator = {id_ for id_, which in world.ruined.items() if which == "outbound"}
        self._pruned = {
            row["id"] for each in self.sessions for row in world.forgotten.rows(each.id, "messages_in")
        }
        self._rows = {id_: row for session in self.sessions for id_, row in session.messages.items()}
        self._tasks = {row["id"]: row for s in self.sessions for row in s.tasks}
        notices = rows_of(world.data / "host.db", "SELECT about, chunk FROM notices")
        self._told = [row["about"] for row in notices if row["chunk"] == 0] + list(world.forgotten.notices)
        self._abouts = {row["about"] for row in notices} | set(world.forgotten.notices)
        self._answered = {row["key"]: row["in_reply_to"] for s in self.sessions for row in s.delivered}

    def host(self) -> None:
        """Everything the host took in is stored, said, and at rest."""
        world = self._world
        if world.platform.waiting:
            self._violated(Law.REST, f"{world.platform.waiting} events were never acknowledged")
        inbox = rows_of(world.data / "host.db", "SELECT message_id, state, session_id FROM inbox ORDER BY id")
        known = {row["message_id"] for row in inbox}
        self._ruined = {
            row["message_id"] for row in inbox if row["session_id"] in world.ruined
        }  # messages of which a record may be gone
        for id_, verdict in world.platform.verdicts.items():
            if verdict is Verdict.STORED and world.platform.taken_as[id_] not in known:
                self._violated(Law.KEPT, f"{id_} was acknowledged and is lost")
        if left := [row["message_id"] for row in inbox if row["state"] == "routed"]:
            self._violated(Law.REST, f"never stored: {left}")
        if rows_of(world.data / "host.db", "SELECT 1 FROM notices WHERE state NOT IN ('sent', 'failed')"):
            self._violated(Law.REST, "a notice was never delivered")
        busy = rows_of(world.data / "host.db", "SELECT id FROM sessions WHERE busy = 1")
        later = {s.id for s in self.sessions if any(self._is_for_later(row) for row in s.messages.values())}
        later |= {s.id for s in self.sessions if any(self._goes_on(task) for task in s.tasks)}
        if any(row["id"] not in self._waiting_for_an_operator | later for row in busy):
            self._violated(Law.REST, "a session never came to rest")
        for session in self.sessions:
            if session.id in world.ruined:
                continue  # what it still had to answer was stored again
            stored = [
                session.messages[row["message_id"]] for row in inbox if row["message_id"] in session.messages
            ]
            stored = [row for row in stored if row["trigger"]]  # what is told of another is looked for later
            for address in {_address(row) for row in stored}:  # one does not wait for another's downloads
                seqs = [row["seq"] for row in stored if _address(row) == address]
                if seqs != sorted(seqs):
                    self._violated(
                        Law.ORDER, f"{session.id}: stored in another order than taken in at {address}: {seqs}"
                    )

    def _is_for_later(self, row: dict[str, Any]) -> bool:
        """The end of a question, by a clock that was set back since."""
        waits = row["kind"] == "system" and row["status"] == "pending"
        return waits and int(row["not_before"]) > self._world.clock.now()

    def _is_under_way(self, row: dict[str, Any]) -> bool:
        """The latest run of a task that goes on, at the end: its next time had not come yet."""
        task = self._tasks.get(row["task_id"])
        if task is None or not self._goes_on(task) or task["next_at"] <= self._world.ended_at:
            return False
        return row["status"] == "pending" and bool(row["occurrence_at"] == task["last_occurrence"])

    def _goes_on(self, task: dict[str, Any]) -> bool:
        """Its id was in an answer that was refused, so that nobody could end it."""
        return bool(task["cron"]) and task["state"] == "active"

    def posts(self) -> None:
        """Nothing is said twice, and everything where it was asked."""
        for key, count in Counter(post.key for post in self._posts).items():
            if count > 1:
                self._violated(Law.ONCE, f"{key} was posted {count} times")
        said = {one.number: one for one in self._world.people.said}
        texts: Counter[tuple[str, str]] = Counter()
        for post in self._posts:
            found = OURS.match(post.text)
            # What goes on with an answer to a question answers no message that the platform knows.
            about = post.answers or self._answered.get(post.key, "")
            texts[post.text, "" if found else f"{about} {post.address}"] += 1
            if found and post.address != _place(said[int(found[2])]):
                self._violated(Law.PLACE, f"{post.text!r} was posted at {post.address}")
        for (text, about), count in texts.items():
            found = OURS.match(text)
            # The times that a task was missed are all that the first chunk of its answer holds: several may be alike.
            # Nor do the first words on an answer that was lost say which one it was.
            alike = text.startswith(ALIKE) or text == " edited"
            # Two conversations at one place may both be told of; what names its conversation is said once.
            times = 1 if found else max(1, len(self._world.ruined))
            if (
                named := NAMED.search(text)
            ):  # what is told once a day, and a clock may have been set to another, or what was told is forgotten
                of = next((of for words, of in TOLD_OF if text.startswith(words)), "no-start")
                times = max(1, sum(one.startswith(f"{of}:{named[1]}") for one in self._told))
            if text.startswith(DAMAGED):  # whose conversation it is stands in the chunk behind it
                times = sum(one.startswith("damaged:") for one in self._told)
            if about == f" {ALONE}":  # which question it was about is not said: once for each
                times = sum(one.startswith("unanswered:") for one in self._abouts)
            if text == DELETED:  # once for each question that was taken back
                times = sum(one.deleted for one in self._world.people.said)
            if count > times and not alike:
                self._violated(Law.ONCE, f"{text!r} {about} was posted {count} times")

    def live(self) -> None:
        """What showed a turn under way is gone with it, and its records say so."""
        platform = self._world.platform
        self._world.outcome.counted["live messages"] += len(platform.live)
        for key, post in platform.live.items():
            if not post.removed:
                self._violated(Law.LIVE, f"live message {key} is left at {post.address}")
        self._world.outcome.counted["rows forgotten"] += self._world.forgotten.count
        for session in self.sessions:
            if left := [row["key"] for row in session.live if row["state"] not in ("removed", "failed")]:
                self._violated(Law.LIVE, f"{session.id}: live messages are recorded as open: {left}")

    def messages(self) -> None:
        """Every message has one outcome, and people see it."""
        waiting = {
            id_
            for session in self.sessions
            if session.id in self._waiting_for_an_operator
            for id_ in session.messages
        }
        for id_, row in self._rows.items():
            if id_ in waiting:
                continue
            over = self._is_for_later(row) or self._is_under_way(row)
            if row["trigger"] and row["status"] == "pending" and not over:
                self._violated(Law.OUTCOME, f"{id_} ({row['platform_message_id']}) never got an outcome")
            if row["attempts"] >= MOST_ATTEMPTS:
                self._violated(Law.OUTCOME, f"{id_} was put back after {row['attempts']} attempts")
        for said in self._world.people.said:
            verdict = self._world.platform.verdicts.get(said.event.message_id)
            found = self._rows.get(said.event.message_id)
            # A crash after the inbox commit: the platform first hears of it by the second delivery.
            if verdict not in (Verdict.STORED, Verdict.DUPLICATE):
                self._violated(Law.KEPT, f"message {said.number} was {verdict}")
            elif found is None and said.event.message_id in self._ruined:
                if not self._said_of(said):
                    self._violated(
                        Law.OUTCOME, f"message {said.number} went with its file, and nobody is told"
                    )
            elif found is None:
                self._violated(Law.KEPT, f"message {said.number} is in no file")
            elif not (found["id"] in waiting and self._said_of(said)) and not self._visible(said, found):
                self._violated(Law.OUTCOME, f"message {said.number} is {found['status']}, and nobody sees it")

    def _visible(self, said: Said, row: dict[str, Any]) -> bool:
        answers = [post for post in self._posts if (m := OURS.match(post.text)) and int(m[2]) == said.number]
        if self._undeliverable(said) or said.event.address.platform_id in self._world.people.stopped:
            return True
        if row["status"] == "cancelled":
            return said.deleted
        if row["status"] == "failed":
            return any(WARNING in p.text and p.address == _place(said) for p in self._posts)
        if said.asks and any(post.text.startswith("question") for post in answers):
            return True
        if said.asks and any(p.question and p.answers == said.event.natural_id for p in self._posts):
            return True  # for an approval
        return any(post.text.startswith("answer") for post in answers) or self._waited_with(said)

    def _said_of(self, said: Said) -> bool:
        """It was answered, or something was said there of what became of it."""
        mine = [post for post in self._posts if (m := OURS.match(post.text)) and int(m[2]) == said.number]
        warned = {post.address.platform_id for post in self._posts if WARNING in post.text}
        return (
            bool(mine)
            or said.event.address.platform_id in warned
            or said.deleted
            or self._undeliverable(said)
            or said.event.address.platform_id in self._world.people.stopped
        )

    def _waited_with(self, said: Said) -> bool:
        """It was in one batch with a question: completed by that, it shares what becomes of the turn later."""
        here = {
            other.number for other in self._world.people.said if other.asks and _place(other) == _place(said)
        }
        posts = [post for post in self._posts if post.address == _place(said)]
        asked = any((m := OURS.match(p.text)) and m[1] == "question" and int(m[2]) in here for p in posts)
        asked = asked or (bool(here) and any(p.question for p in posts))  # or for a yes
        # A question expires with the retention: its answer finds nothing any more that it could go on with.
        open_ = any(self._is_for_later(row) and _address(row) == _place(said) for row in self._rows.values())
        return asked and (
            open_ or self._world.forgotten.count > 0 or any(WARNING in post.text for post in posts)
        )

    def _undeliverable(self, said: Said) -> bool:
        """The platform refused a part of what was to be said there."""
        failed = [row for s in self.sessions for row in s.delivered if row["state"] == "failed"]
        return any(Address(*_address(row)) == _place(said) for row in failed) or bool(
            self._world.platform.rejected
        )

    def changes(self) -> None:
        """A message that was changed before it was read is answered as it is now; else the agent is told of the change."""
        for said in self._world.people.said:
            row = self._rows.get(said.event.message_id)
            if said.event.message_id in self._ruined:
                continue  # the new file does not say when the old one was read
            for change in said.changes:
                stored = self._world.platform.verdicts.get(change.message_id) is Verdict.STORED
                if row is None or not stored or change.message_id in self._rows or self._undeliverable(said):
                    continue
                if row["id"] in self._pruned and change.text not in json.loads(row["content"])["text"]:
                    continue  # when it was changed there was nothing left of it
                posts = [
                    post for post in self._posts if (m := OURS.match(post.text)) and int(m[2]) == said.number
                ]
                answered = any(post.text.startswith("answer") for post in posts)
                if said.deleted and row["status"] == "cancelled" and answered:
                    self._violated(Law.USED, f"message {said.number} was taken back in time, and answered")
                new = any(
                    post.text == " edited" and post.answers == said.event.natural_id for post in self._posts
                )
                if said.edited and row["status"] == "completed" and answered and not new:
                    self._violated(
                        Law.USED, f"message {said.number} was edited in time, and answered as it was before"
                    )

    def ruined(self) -> None:
        """Where a file was damaged or lost and somebody wrote later, people read there that it was; notices may be forgotten."""
        world = self._world
        inbox = rows_of(world.data / "host.db", "SELECT message_id, session_id FROM inbox")
        home = {row["message_id"]: row["session_id"] for row in inbox}
        for id_, which in world.ruined.items():
            later = [m for m in world.platform.accepted[world.ruined_at[id_] :] if home.get(m) == id_]
            told = any(about.startswith(f"damaged:{id_}") for about in self._abouts) or any(
                f"({id_[:9]})" in post.text for post in self._posts
            )
            world.outcome.counted[f"{which}.db ruined"] += 1
            world.outcome.counted[f"{which}.db ruined and told"] += told
            if later and not told and id_ not in world.half_undone and not self._is_whole(id_, which):
                self._violated(
                    Law.TOLD, f"{id_}: {which}.db was ruined, {len(later)} came later, nobody is told"
                )

    def _is_whole(self, id_: str, which: str) -> bool:
        """What was overwritten had no use, or has been written since."""
        path = self._world.data / "sessions" / id_ / which / f"{which}.db"
        return rows_of(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]

    def told(self) -> None:
        """Whoever misses a part of an answer is told why where it was to be."""
        told = [about for about in self._abouts if about.startswith("undelivered:")]
        for session in self.sessions:
            for row in session.delivered:
                if row["message_out_id"].endswith(":question"):
                    continue  # the call that asks hears that it could not, and the turn goes on
                place = (row["platform_id"], row["thread_id"])
                if row["state"] == "failed" and not any(
                    about.endswith(":".join(place))
                    and (not row["in_reply_to"] or row["in_reply_to"] in about)
                    for about in told
                ):
                    self._violated(
                        Law.TOLD, f"{row['message_out_id']} was given up at {place}, and nobody is told"
                    )

    def effects(self) -> None:
        for line, count in self._world.effects.items():
            if count > 1:
                self._violated(Law.ONCE, f"effect {line} happened {count} times")

    def tasks(self) -> None:
        """A task that was promised is there, and its time came once or is still to come; or people read that it may be gone."""
        now = self._world.clock.now()
        tasks = self._tasks
        copies = {
            row["task_id"] for row in rows_of(self._world.data / "host.db", "SELECT task_id FROM task_copies")
        }
        named = {about.rpartition(":task:")[2] for about in self._abouts}
        ran = Counter(row["task_id"] for session in self.sessions for row in session.occurrences)
        self._world.outcome.counted["tasks"] += len(tasks)
        self._world.outcome.counted["runs of tasks"] += sum(ran.values())
        lost = {
            row["id"] for s in self.sessions if self._world.ruined.get(s.id) == "inbound" for row in s.tasks
        }
        for id_, task in tasks.items():
            if task["cron"]:
                continue
            late = task["state"] == "active" and task["next_at"] < now - SLOWEST_FIRING
            over = task["state"] == "done"
            forgotten = over and id_ in lost and not ran[id_]  # what was run is written in the file alone
            if late or (ran[id_] != over and not forgotten):
                self._violated(
                    Law.TASKS, f"task {id_} ({task['title']}) is {task['state']} and ran {ran[id_]} times"
                )
        for title, count in Counter(task["title"] for task in tasks.values()).items():
            if count > 1:
                self._violated(Law.TASKS, f"{title} was scheduled {count} times")
        for session in self.sessions:
            self._runs(session, {*tasks, *copies, *named})

    def _runs(self, session: Session, tasks: set[str]) -> None:
        for row in session.occurrences:
            run = session.messages.get(row["message_id"])
            if session.id in self._world.ruined:
                continue  # a run under way went with the file
            if row["outcome"] == "skipped" and not row["message_id"]:
                continue
            if run is not None and not row["outcome"] and self._is_under_way(run):
                continue
            if run is None or run["status"] != row["outcome"]:
                self._violated(
                    Law.TASKS,
                    f"the run of {row['task_id']} is {run and run['status']}, not {row['outcome']}",
                )
        for step in session.steps:
            promised = PROMISE.search(step["content"]) if step["kind"] == "tool_result" else None
            if promised is not None and promised[1] not in tasks:
                self._violated(Law.TASKS, f"task {promised[1]} was promised and is not there")

    def numbers(self, session: Session) -> None:
        """A seq names one message for ever, and an answer's is above its question's."""
        inbound = [row["seq"] for row in session.messages.values()]
        outbound = [row["seq"] for row in session.out]
        for numbers in (inbound, outbound):
            if len(set(numbers)) < len(numbers):
                self._violated(Law.NUMBERS, f"{session.id}: a seq names two messages: {sorted(numbers)}")
        if any(number % 2 for number in inbound) or any(number % 2 == 0 for number in outbound):
            self._violated(Law.NUMBERS, f"{session.id}: a seq of the wrong parity")
        for row in session.out:
            origin = session.messages.get(row["in_reply_to"])
            if session.id in self._world.ruined:
                continue  # what is stored again has a new seq
            if origin is not None and origin["seq"] > row["seq"]:
                self._violated(Law.NUMBERS, f"{session.id}: {row['id']} has a seq below what it answers")

    def calls(self, session: Session) -> None:
        """What a tool's record says is what happened; a row may be gone with the page that it stood on."""
        if session.id in self._waiting_for_an_operator:
            return
        emitted = {row["id"] for row in session.out}
        calls = {
            (s["turn"], s["tool_use_id"]): json.loads(s["content"])
            for s in session.steps
            if s["kind"] == "tool_call"
        }
        results = {
            (s["turn"], s["tool_use_id"]): json.loads(s["content"])
            for s in session.steps
            if s["kind"] == "tool_result"
        }
        for key, result in results.items():
            call = calls.get(key, {"name": ""})
            if (
                result["text"].startswith("queued as ")
                and result["text"].removeprefix("queued as ") not in emitted
            ):
                self._violated(Law.RECORDS, f"{key}: its row was never written")
            if call["name"] == "mock_append" and not result["is_error"]:
                line = call["arguments"]["line"]
                if self._world.effects[line] != 1:
                    self._violated(
                        Law.RECORDS,
                        f"{line} is recorded as done and was done {self._world.effects[line]} times",
                    )
        for key, call in calls.items():
            row = f"{key[0]}:{key[1]}:0"
            if (
                call["name"] == "send_message"
                and row in emitted
                and results.get(key, {}).get("is_error", True)
            ):
                self._violated(Law.RECORDS, f"{key}: said, and recorded as not done")

    def order(self, session: Session) -> None:
        """People read in the order in which the agent spoke."""
        landed: dict[str, Post] = {}
        for post in self._posts:
            landed.setdefault(post.key, post)
        by_address: dict[Address, list[int]] = {}
        for row in sorted(session.delivered, key=lambda row: (row["seq"], row["chunk"])):
            if row["key"] in landed:
                by_address.setdefault(_address(row), []).append(landed[row["key"]].number)
            elif row["state"] == "sent":
                self._violated(Law.RECORDS, f"{row['key']} is recorded as sent and is not there")
            over = (
                "sent",
                "failed",
                "applied",
                *(("quarantined",) if session.id in self._world.ruined else ()),
            )
            if (
                row["state"] not in over
            ):  # of an action nobody knows whether it took effect: the agent is told to look
                self._violated(Law.REST, f"{row['message_out_id']} is left {row['state']}")
        for address, numbers in by_address.items():
            if (
                numbers != sorted(numbers) and session.id not in self._world.ruined
            ):  # what is taken up again comes later
                self._violated(Law.ORDER, f"{address}: posts in the order {numbers}")
        self._answers_in_order(session)

    def _answers_in_order(self, session: Session) -> None:
        """Whoever asked first at an address is answered first; a question to a person lets others pass meanwhile, though
        the platform may have refused it."""
        said = {one.number: one for one in self._world.people.said}
        questions = {row["id"] for row in session.out if '"type": "ask_question"' in row["content"]}
        parked = {_address(row) for row in session.delivered if row["message_out_id"] in questions}
        seqs: dict[Address, list[int]] = {}
        for post in self._posts:
            found = OURS.match(post.text)
            if found is None or (row := session.messages.get(said[int(found[2])].event.message_id)) is None:
                continue
            if said[int(found[2])].event.text.startswith("!queue"):
                continue  # it let others pass
            if found[1] == "answer" and " part 1" in post.text:
                seqs.setdefault(post.address, []).append(row["seq"])
        for address, numbers in seqs.items():
            if session.id in self._world.ruined:
                continue
            if address not in parked and numbers != sorted(numbers):
                self._violated(Law.ORDER, f"{address}: answered in the order {numbers}")


def _place(said: Said) -> Address:
    """Where the answer to it belongs."""
    address = said.event.address
    return address._replace(thread_id=said.event.opens_thread) if said.event.opens_thread else address


def _address(row: dict[str, Any]) -> Address:
    return Address(row["channel_type"], row["workspace_id"], row["platform_id"], row["thread_id"])
