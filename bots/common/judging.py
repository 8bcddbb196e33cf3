"""What people read and press under answers: 👍, 👎, and the form that asks why."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from host.ports.bot import HostBusy, Ingest
from host.words import Sentence, say

PRESSED: dict[
    Literal["good", "bad"], tuple[str, Sentence]
] = {  # the button, and what a screen reader says of it
    "good": ("👍", say("This answer was good")),
    "bad": ("👎", say("This answer was not good")),
}
PATIENCE = 2.0  # s of the three that a platform waits for a form
MOST_MODELS = 25  # of a menu on Discord
TITLE = say("What was wrong?")
AGAIN = "again"  # the form's other field, and a button
TRY_AGAIN = say("Try again")
MODEL = "model"  # the form's menu, where there is more than one
MODEL_LABEL = say("Have it answered once more, by")
NO_MODEL = say("Choose a model")
LONGEST_MODEL = 75  # characters of a menu's option on Slack
REASON = "reason"  # the form's field
LABEL = say("In your words, if you like")
HINT = say("The owners of this agent read it.")
LONGEST = 2_000  # characters of a reason
SLACK_ACTION = "dovecote-judge"
DISCORD_ID = "dovecote:judge:"


async def models_for(host: Ingest, answer: str) -> Sequence[str]:
    """For the form's menu. A form has to be opened within seconds: where the host is slow, it has no menu."""
    try:
        async with asyncio.timeout(PATIENCE):
            found = await host.controls.models_for(answer)
    except (TimeoutError, HostBusy):
        return ()
    return tuple(model for model in found if len(model) <= LONGEST_MODEL)[:MOST_MODELS]


def choice_of(value: object) -> Literal["good", "bad"] | None:
    """What a click brought back."""
    return "good" if value == "good" else "bad" if value == "bad" else None
