"""What becomes of a chunk after an attempt: pure decisions (law 6)."""

from __future__ import annotations

from dataclasses import replace

from host.mailbox.rows import Parcel
from host.ports.bot import DeliveryError, Offline, Receipt, Rejected, Unknown, Unsent
from sessiondb.records import MessageOut

SEND_DEADLINE = 30.0  # s a bot gets for one call; then the outcome is unknown
GRACE = (
    10_000  # ms after the deadline before an unknown outcome is looked up: the platform may still be at it
)
LOOKUPS = 2  # look-ups that must find nothing before a chunk is sent again
FIRST_BACKOFF = 1_000  # ms
LONGEST_BACKOFF = 600_000  # ms
HORIZON = 6 * 3_600_000  # ms of trying before a chunk is given up
LEAST_ATTEMPTS = 12  # made before that: hours in which the host was down were no tries
LONGEST_HOLD = 7 * 86_400_000  # ms a row may ask to be held back: it holds back everything behind it
OFFLINE_PAUSE = 2_000  # ms until a bot that is offline is asked again


def held_until(out: MessageOut, now: int) -> int:
    """ms UTC until which the row is kept back: no longer from now on than it asked for when it was written, by whatever clock."""
    asked = min(out.deliver_after - out.created_at, LONGEST_HOLD)
    return min(out.deliver_after, now + max(asked, 0))


def sent(parcel: Parcel, receipt: Receipt) -> Parcel:
    return parcel.moved("sent", platform_message_id=receipt.platform_message_id, error="", next_attempt_at=0)


def intended(parcel: Parcel, now: int) -> Parcel:
    """Intent before send: a crash after this looks like an unknown outcome, never like an unsent one.

    What it waited for is over, by whichever clock that was noted: a later life must not wait for it once more.
    """
    begun, due = parcel.first_attempt_at or now, min(parcel.next_attempt_at, now)
    return parcel.moved("sending", first_attempt_at=begun, next_attempt_at=due)


def interrupted(parcel: Parcel, now: int) -> Parcel:
    """The bot ran out of time, or lost the answer, between intent and receipt."""
    return replace(parcel, state="unknown", lookups=0, next_attempt_at=now + GRACE, error="outcome unknown")


def doubtful(parcel: Parcel, now: int) -> Parcel:
    """Its intent and receipt, if there were any, are lost: asked for on the platform by its key before it is sent."""
    if parcel.terminal:
        return parcel
    waits = max(parcel.next_attempt_at, now + GRACE)
    return replace(parcel, state="unknown", lookups=0, next_attempt_at=waits, error="its receipt was lost")


def brought_back(parcel: Parcel, up_to: int, now: int, flight: int, *, held: bool) -> Parcel:
    """As a new life of the host takes it up. Of a file that is from a backup, or made again: what had not been begun there may
    have been said since. What quiet hours `held` back, and still do, was not.

    What is unknown waits anew: the life before may have ended just now, with its request on its way for `flight` ms, and the
    clock may have been set ahead between the two.
    """
    begun = parcel.state != "pending" or (held and parcel.next_attempt_at > now)
    back = parcel if begun or parcel.seq > up_to else doubtful(parcel, now)
    return replace(back, next_attempt_at=now + flight + GRACE) if back.state == "unknown" else back


def orphaned(parcel: Parcel, now: int, flight: int) -> Parcel:
    """The host died between intent and receipt: its request may still take effect for `flight` ms.

    Counted from now, not from the intent: the clock may have jumped in between.
    """
    return interrupted(parcel, now + flight)


def not_found(parcel: Parcel, now: int) -> Parcel:
    """A look-up found nothing; after `LOOKUPS` of them the chunk counts as unsent, and that attempt as made."""
    if parcel.lookups + 1 < LOOKUPS:
        return replace(parcel, lookups=parcel.lookups + 1, next_attempt_at=now + GRACE)
    unsent = replace(parcel, attempts=parcel.attempts + 1, lookups=0)
    if _tried_enough(unsent, now):
        return replace(unsent, state="failed", error=f"given up: it never arrived ({parcel.error})")
    return replace(unsent, state="pending", next_attempt_at=now)


def not_looked_up(parcel: Parcel, error: DeliveryError, now: int, failing: int) -> Parcel:
    """The platform could not be asked, for `failing` ms by now: again later, but not for ever, and not where it refuses.

    What nobody will ever know is given up, never sent again.
    """
    if isinstance(error, Rejected) or (failing > HORIZON and not isinstance(error, Offline)):
        return replace(parcel, state="failed", error=f"it is not known whether it arrived: {error.reason}")
    pause = int(error.retry_after * 1000) if isinstance(error, (Offline, Unsent)) else 0
    return replace(parcel, next_attempt_at=now + max(GRACE, pause))


def kind_of(error: DeliveryError) -> str:
    """For figures: one of few, whatever a bot made of it."""
    kinds = ((Offline, "offline"), (Unknown, "unknown"), (Rejected, "rejected"))
    return next((name for kind, name in kinds if isinstance(error, kind)), "unsent")


def failed(parcel: Parcel, error: DeliveryError, now: int, jitter: float) -> Parcel:
    """`jitter` is in [0, 1). A `Rejected` that a plain text may cure is the caller's to cure first."""
    match error:
        case Offline():
            pause = max(OFFLINE_PAUSE, int(error.retry_after * 1000))
            return replace(parcel, state="pending", next_attempt_at=now + pause, error=error.reason)
        case Unknown():
            return interrupted(parcel, now)
        case Rejected():
            return replace(parcel, state="failed", attempts=parcel.attempts + 1, error=error.reason)
        case Unsent():
            return _again_later(parcel, error, now, jitter)
    raise error


def _again_later(parcel: Parcel, error: Unsent, now: int, jitter: float) -> Parcel:
    tried = replace(parcel, attempts=parcel.attempts + 1)
    if _tried_enough(tried, now):
        return replace(tried, state="failed", error=f"given up: {error.reason}")
    backoff = min(FIRST_BACKOFF * 2 ** min(parcel.attempts, 20), LONGEST_BACKOFF)
    pause = max(int(backoff * (0.5 + jitter / 2)), int(error.retry_after * 1000))
    return replace(tried, state="pending", next_attempt_at=now + pause, error=error.reason)


def _tried_enough(parcel: Parcel, now: int) -> bool:
    long_ago = bool(parcel.first_attempt_at) and now - parcel.first_attempt_at > HORIZON
    return long_ago and parcel.attempts >= LEAST_ATTEMPTS
