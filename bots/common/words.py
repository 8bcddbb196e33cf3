"""What people read about tasks, work and costs, in plain words without markup; each platform dresses them itself."""

from __future__ import annotations

from host.ports.controls import Spent, TaskOrder

NOTHING_RUNS = "Nothing is running here."
NOTHING_AT_ALL = "Nothing is running."
NO_TASKS = (
    "No tasks are scheduled here. Ask the agent to do something later or regularly, and it will show up."
)
NO_FAILURES = "Every message was answered lately."
OWNERS_ONLY = "Only an owner of this installation can change that."
NOTHING_TO_SHOW = "There is nothing to show."
LATER = "Remind me, or do it"
WHEN = "When"
WHEN_SUCH_AS = "tomorrow at 9, in 20 minutes, every weekday at nine"
WHAT = "What to do then (empty: remind me)"
ABOUT = "What about this message?"  # what choosing it in a message's menu says
NOT_TAKEN = "No agent answers here."
TRY_FIRST = "Try it first"  # of what is not scheduled yet
BUSY = "I cannot take that right now; please try again in a minute."

ORDERS = {
    TaskOrder.RUN: "Run now",
    TaskOrder.PAUSE: "Pause",
    TaskOrder.RESUME: "Resume",
    TaskOrder.CANCEL: "Cancel",
    TaskOrder.TRY: "Try it",
}


def dollars(millionths: int) -> str:
    return f"${millionths / 1_000_000:,.2f}"


def spending(spent: Spent) -> str:
    """One line; a limit is named where there is one."""

    def of(used: int, limit: int) -> str:
        return dollars(used) + (f" of {dollars(limit)}" if limit >= 0 else "")

    return (
        f"Today {of(spent.today, spent.limit_today)}, this month {of(spent.this_month, spent.limit_this_month)};"
        f" {spent.tokens_today:,} tokens today"
    )
