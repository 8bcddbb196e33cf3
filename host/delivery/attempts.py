"""How often a message is tried, and how long it waits between two tries; what is given up is told (law 14)."""

from __future__ import annotations

from host.delivery import notes
from host.mailbox.inbound import InboundWriter
from host.registry.notices import Notice
from host.words import Sentence, known, say
from sessiondb import content
from sessiondb.records import MessageIn, Status

GIVE_UP_AFTER = 5  # failed attempts of one message
RETRY_BACKOFF = 2_000  # ms after the first failed attempt; doubles
LONGEST_RETRY_BACKOFF = 300_000  # ms


def give_up_or_postpone(
    writer: InboundWriter, message: MessageIn, attempts: int, error: str, now: int
) -> None:
    """After `GIVE_UP_AFTER` attempts the person is told; before, the message waits longer each time."""
    if attempts < GIVE_UP_AFTER:
        writer.postpone(message.id, attempts, now + pause_after(attempts), error)
        return
    writer.settle(message.id, Status.FAILED, error or "its runner died each time")
    text = say(
        "⚠️ I could not answer this after {attempts} attempts ({id}).", attempts=attempts, id=message.id[:9]
    )
    if message.task_id:
        text = say(
            "⚠️ {task} failed after {attempts} attempts ({id}): {reason}.",
            task=_named(message),
            attempts=attempts,
            id=message.id[:9],
            reason=known(error) if error else say("its runner died"),
        )
    notes.owe(
        writer, Notice(f"gave-up:{message.id}", message.address, text, answers=message.platform_message_id)
    )


def pause_after(attempts: int) -> int:
    """ms until the next attempt after so many that failed."""
    return min(RETRY_BACKOFF * 2 ** (attempts - 1), LONGEST_RETRY_BACKOFF) if attempts else 0


def waits_too_long(message: MessageIn, now: int, until: int) -> bool:
    """A clock that was set back since it was postponed would hold it, and what came after it at its address, back.

    `until` is when the model API asked to be asked again, 0 if it did not.
    """
    return message.attempts > 0 and message.not_before > max(now + pause_after(message.attempts), until)


def _named(message: MessageIn) -> Sentence:
    run = content.decode_inbound(message.content)
    if not isinstance(run, content.Task):
        return say("A task")
    return say("The task “{title}” of {due}", title=run.title, due=run.due)
