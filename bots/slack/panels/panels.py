"""Blocks that show people what runs, what is scheduled and what it costs, with the buttons they may press. Pure.

Every button names what it is about in its value, so that it works after any restart.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bots.common import words
from bots.common.short import shortened
from host.ports.controls import Failure, Overview, Running, Spent, TaskList, TaskOrder, TaskView
from host.words import Sentence, as_it_is, clauses, dollars, joined, laid_out, many, say
from sessiondb import Address

Json = dict[str, Any]

TASK = "dovecote-task"
STOP = "dovecote-stop"
REFRESH = "dovecote-refresh"
MOST_TASKS = 15  # in one panel: two blocks each, and a view has at most 100, a message 50
MOST_RUNNING = 20
MOST_FAILURES = 10
SECTION = 2_900  # characters; Slack takes 3,000
TITLE = 150  # characters of a task's title
REASON = 180  # of what a failure says: ten of them stand in one section
DETAIL = 600  # of what is said of it, each


def running(found: Sequence[Running], waiting: int = 0, nothing: Sentence = words.NOTHING_RUNS) -> list[Json]:
    shown = [_running(one) for one in found[:MOST_RUNNING]] or [section(nothing)]
    more = len(found) - MOST_RUNNING
    notes = [
        *([many("{count} more running", "{count} more running", more)] if more > 0 else []),
        *(
            [many("{count} waiting for a free place", "{count} waiting for a free place", waiting)]
            if waiting
            else []
        ),
    ]
    return [*shown, *([context(clauses(notes))] if notes else [])]


def tasks(found: TaskList) -> list[Json]:
    if not found:
        return [section(words.NO_TASKS)]
    blocks = [block for task in found[:MOST_TASKS] for block in _task(task)]
    rest = found.rest(MOST_TASKS)
    return [*blocks, context(rest)] if rest else blocks


def home(overview: Overview, note: str, help_text: str) -> list[Json]:
    refresh = {"type": "actions", "elements": [_button(say("Refresh"), f"{REFRESH}-home", "refresh")]}
    return [
        *([context(escaped(note))] if note else []),
        header(say("Running now")),
        *running(overview.running, overview.waiting, words.NOTHING_AT_ALL),
        header(say("Tasks")),
        *tasks(overview.tasks),
        header(say("Costs")),
        *spending(overview.spent),
        header(say("Not answered")),
        *failures(overview.failures),
        refresh,
        header(say("How to talk to me")),
        section(help_text),
    ]


def spending(spent: Spent | None) -> list[Json]:
    if spent is None:
        return [section(say("Nobody has kept an account yet."))]
    agents = joined(
        " · ",
        [
            laid_out("{name} {cost}", name=escaped(name), cost=dollars(cost))
            for name, cost in spent.by_agent[:10]
        ],
    )
    opinions = " — ".join(
        f"{escaped(one.agent)}{f' ({escaped(one.model)})' if one.model else ''} 👍 {one.good} 👎 {one.bad}"
        for one in spent.opinions[:10]
    )
    return [
        section(escaped(words.spending(spent))),
        *([context(say("This month by agent: {agents}", agents=agents))] if agents else []),
        *([context(say("What people thought: {opinions}", opinions=opinions))] if opinions else []),
    ]


def failures(found: Sequence[Failure]) -> list[Json]:
    if not found:
        return [section(words.NO_FAILURES)]
    lines = [
        say(
            "• {time} in {place}: {reason}",
            time=moment(failure.at),
            place=place(failure.address),
            reason=escaped(_short(failure.reason, 200))[:REASON],
        )
        for failure in found[:MOST_FAILURES]
    ]
    return [section(joined("\n", lines))]


def _running(one: Running) -> Json:
    line = say(
        "*{agent}* in {place} {status}\nsince {time}",
        agent=escaped(one.agent),
        place=place(one.address),
        status=escaped(_short(one.status, 100)),
        time=moment(one.since),
    )
    block = section(line)
    block["accessory"] = {**_button(say("Stop"), STOP, one.session_id), "style": "danger"}
    return block


def _task(task: TaskView) -> list[Json]:
    title = escaped(_short(task.title, TITLE))
    shown = replace(
        task,
        when=_detail(task.when),
        next_words=_detail(task.next_words),
        then_words=_detail(task.then_words),
        problem=_detail(task.problem),
        why_paused=_detail(task.why_paused),
    )
    head = section(
        say(
            "*{title}* in {place}\n{details}",
            title=title,
            place=place(task.address),
            details=joined(" · ", shown.details),
        )
    )
    if not task.orders:
        return [head]
    return [head, {"type": "actions", "elements": [_order(task, order) for order in task.orders]}]


def _detail(text: str) -> str:
    return escaped(_short(text, DETAIL))


def _order(task: TaskView, order: TaskOrder) -> Json:
    button = _button(words.ORDERS[order], f"{TASK}-{order.value}", task.id)
    if order is TaskOrder.CANCEL:
        button["style"] = "danger"
        button["confirm"] = {
            "title": _plain(say("Cancel this task?")),
            "text": _plain(_short(task.title, TITLE)),
            "confirm": _plain(say("Cancel it")),
            "deny": _plain(say("Keep it")),
        }
    return button


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────


def place(address: Address) -> Sentence:
    if address.platform_id.startswith("D"):
        return say("a direct message")
    return as_it_is(f"<#{address.platform_id}>") if address.platform_id else say("another place")


def moment(at: int) -> str:
    """Slack shows it in the reader's zone; where it cannot, what stands behind the bar. `at` is ms UTC."""
    otherwise = f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%d %H:%M} UTC"
    return f"<!date^{at // 1000}^{{date_short_pretty}}, {{time}}|{otherwise}>"


def escaped(text: str) -> str:
    """Words as mrkdwn takes them: nothing in them is a mention, a link or bold. The host's own are such words."""
    if isinstance(text, Sentence):
        return text
    return html.escape(text, quote=False).replace("*", "∗").replace("_", "_\u200b").replace("`", "ʼ")


def section(mrkdwn: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _within(mrkdwn)}}


def context(mrkdwn: str) -> Json:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": _within(mrkdwn)}]}


def _within(text: str) -> str:
    """A sentence is told later; what is long in it was cut before."""
    return text if isinstance(text, Sentence) else text[:SECTION]


def header(text: str) -> Json:
    return {"type": "header", "text": _plain(text)}


def _button(label: str, action: str, value: str) -> Json:
    return {"type": "button", "action_id": action, "text": _plain(label), "value": value}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def _short(text: str, most: int) -> str:
    return shortened(" ".join(text.split()), most)
