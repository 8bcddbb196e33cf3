"""What people read about tasks, work and costs, in plain words without markup; each platform dresses them itself."""

from __future__ import annotations

from host.ports.controls import Spent, TaskOrder
from host.words import Sentence, dollars, number, say

NOTHING_RUNS = say("Nothing is running here.")
NOTHING_AT_ALL = say("Nothing is running.")
NO_TASKS = say(
    "No tasks are scheduled here. Ask the agent to do something later or regularly, and it will show up."
)
NO_FAILURES = say("Every message was answered lately.")
OWNERS_ONLY = say("Only an owner of this installation can change that.")
DONE = say("Done.")
NOTHING_TO_SHOW = say("There is nothing to show.")
LATER = say("Remind me, or do it")
WHEN = say("When")
WHEN_SUCH_AS = say("tomorrow at 9, in 20 minutes, every weekday at nine")
ZONE = say("Your time zone (empty: as it is known)")
ZONE_SUCH_AS = say("Europe/Berlin, or Tokyo; kept for the next time")
WHAT = say("What to do then (empty: remind me)")
ABOUT = say("What about this message?")  # what choosing it in a message's menu says
NOT_TAKEN = say("No agent answers here.")
TRY_FIRST = say("Try it first")  # of what is not scheduled yet
BUSY = say("I cannot take that right now; please try again in a minute.")

ORDERS = {
    TaskOrder.RUN: say("Run now"),
    TaskOrder.PAUSE: say("Pause"),
    TaskOrder.RESUME: say("Resume"),
    TaskOrder.CANCEL: say("Cancel"),
    TaskOrder.TRY: say("Try it"),
}


def spending(spent: Spent) -> Sentence:
    """One line; a limit is named where there is one."""

    def of(used: int, limit: int) -> Sentence:
        return (
            say("{amount} of {limit}", amount=dollars(used), limit=dollars(limit))
            if limit >= 0
            else dollars(used)
        )

    return say(
        "Today {today}, this month {month}; {tokens} tokens today",
        today=of(spent.today, spent.limit_today),
        month=of(spent.this_month, spent.limit_this_month),
        tokens=number(spent.tokens_today),
    )
