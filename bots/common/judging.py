"""What people read and press under answers: 👍, 👎, and the form that asks why. Pure."""

from __future__ import annotations

from typing import Literal

PRESSED: dict[Literal["good", "bad"], tuple[str, str]] = {  # the button, and what a screen reader says of it
    "good": ("👍", "This answer was good"),
    "bad": ("👎", "This answer was not good"),
}
TITLE = "What was wrong?"
AGAIN = "again"  # the form's other field, and a button
TRY_AGAIN = "Try again"
REASON = "reason"  # the form's field
LABEL = "In your words, if you like"
HINT = "The owners of this agent read it."
LONGEST = 2_000  # characters of a reason
SLACK_ACTION = "dovecote-judge"
DISCORD_ID = "dovecote:judge:"


def choice_of(value: object) -> Literal["good", "bad"] | None:
    """What a click brought back."""
    return "good" if value == "good" else "bad" if value == "bad" else None
