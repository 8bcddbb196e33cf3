"""Blocks that show people what runs, what is scheduled and what it costs, with the buttons they may press. Pure.

Every button names what it is about in its value, so that it works after any restart.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from bots.common import words
from bots.common.short import shortened
from host.ports.controls import Failure, Overview, Running, Spent, TaskOrder, TaskView
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


def running(found: Sequence[Running], waiting: int = 0, nothing: str = words.NOTHING_RUNS) -> list[Json]:
    shown = [_running(one) for one in found[:MOST_RUNNING]] or [section(nothing)]
    more = len(found) - MOST_RUNNING
    notes = [
        f"{more} more running" if more > 0 else "",
        f"{waiting} waiting for a free place" if waiting else "",
    ]
    line = ", ".join(note for note in notes if note)
    return [*shown, *([context(line)] if line else [])]


def tasks(found: Sequence[TaskView]) -> list[Json]:
    if not found:
        return [section(words.NO_TASKS)]
    blocks = [block for task in found[:MOST_TASKS] for block in _task(task)]
    more = len(found) - MOST_TASKS
    return [*blocks, *([context(f"and {more} more: ask the agent for the list")] if more > 0 else [])]


def home(overview: Overview, note: str, help_text: str) -> list[Json]:
    refresh = {"type": "actions", "elements": [_button("Refresh", f"{REFRESH}-home", "refresh")]}
    return [
        *([context(escaped(note))] if note else []),
        header("Running now"),
        *running(overview.running, overview.waiting, words.NOTHING_AT_ALL),
        header("Tasks"),
        *tasks(overview.tasks),
        header("Costs"),
        *spending(overview.spent),
        header("Not answered"),
        *failures(overview.failures),
        refresh,
        header("How to talk to me"),
        section(help_text),
    ]


def spending(spent: Spent | None) -> list[Json]:
    if spent is None:
        return [section("Nobody has kept an account yet.")]
    agents = " · ".join(f"{escaped(name)} {words.dollars(cost)}" for name, cost in spent.by_agent[:10])
    opinions = " — ".join(
        f"{escaped(one.agent)}{f' ({escaped(one.model)})' if one.model else ''} 👍 {one.good} 👎 {one.bad}"
        for one in spent.opinions[:10]
    )
    return [
        section(escaped(words.spending(spent))),
        *([context(f"This month by agent: {agents}")] if agents else []),
        *([context(f"What people thought: {opinions}")] if opinions else []),
    ]


def failures(found: Sequence[Failure]) -> list[Json]:
    if not found:
        return [section(words.NO_FAILURES)]
    lines = [
        f"• {moment(failure.at)} in {place(failure.address)}: {escaped(_short(failure.reason, 200))}"
        for failure in found[:MOST_FAILURES]
    ]
    return [section("\n".join(lines))]


def _running(one: Running) -> Json:
    line = f"*{escaped(one.agent)}* in {place(one.address)} {escaped(_short(one.status, 100))}"
    block = section(f"{line}\nsince {moment(one.since)}")
    block["accessory"] = {**_button("Stop", STOP, one.session_id), "style": "danger"}
    return block


def _task(task: TaskView) -> list[Json]:
    title = escaped(_short(task.title, TITLE))
    details = escaped(" · ".join(task.details))
    head = section(f"*{title}* in {place(task.address)}\n{details}")
    if not task.orders:
        return [head]
    return [head, {"type": "actions", "elements": [_order(task, order) for order in task.orders]}]


def _order(task: TaskView, order: TaskOrder) -> Json:
    button = _button(words.ORDERS[order], f"{TASK}-{order.value}", task.id)
    if order is TaskOrder.CANCEL:
        button["style"] = "danger"
        button["confirm"] = {
            "title": _plain("Cancel this task?"),
            "text": _plain(_short(task.title, TITLE)),
            "confirm": _plain("Cancel it"),
            "deny": _plain("Keep it"),
        }
    return button


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────


def place(address: Address) -> str:
    if address.platform_id.startswith("D"):
        return "a direct message"
    return f"<#{address.platform_id}>" if address.platform_id else "another place"


def moment(at: int) -> str:
    """Slack shows it in the reader's zone."""
    return f"<!date^{at // 1000}^{{date_short_pretty}} at {{time}}|{at // 1000}>"


def escaped(text: str) -> str:
    """Words as mrkdwn takes them: nothing in them is a mention, a link or bold."""
    return html.escape(text, quote=False).replace("*", "∗").replace("_", "_\u200b").replace("`", "ʼ")


def section(mrkdwn: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn[:SECTION]}}


def context(mrkdwn: str) -> Json:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": mrkdwn[:SECTION]}]}


def header(text: str) -> Json:
    return {"type": "header", "text": _plain(text)}


def _button(label: str, action: str, value: str) -> Json:
    return {"type": "button", "action_id": action, "text": _plain(label), "value": value}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def _short(text: str, most: int) -> str:
    return shortened(" ".join(text.split()), most)
