"""What becomes of a chunk after each kind of outcome."""

from __future__ import annotations

from dataclasses import replace

import pytest

from host.delivery import policy
from host.mailbox.rows import Parcel
from host.ports.bot import DeliveryError, Offline, Receipt, Rejected, Unknown, Unsent
from sessiondb import Address

NOW = 1_700_000_000_000
PARCEL = Parcel("o1", 0, 1, "key", "sending", Address("memory", "w", "c"), "{}", first_attempt_at=NOW)


@pytest.mark.parametrize(
    ("error", "state", "attempts", "pause"),
    [
        pytest.param(Unsent("reset"), "pending", 1, 500, id="tried again soon"),
        pytest.param(Unsent("429", retry_after=30), "pending", 1, 30_000, id="the platform names the time"),
        pytest.param(Unsent("429", retry_after=0.1), "pending", 1, 500, id="never sooner than the backoff"),
        pytest.param(Offline("socket"), "pending", 0, policy.OFFLINE_PAUSE, id="offline costs no attempt"),
        pytest.param(Offline("gone", 60.0), "pending", 0, 60_000, id="offline for longer"),
        pytest.param(Rejected("too long"), "failed", 1, 0, id="refused for good"),
        pytest.param(Unknown("lost"), "unknown", 0, policy.GRACE, id="looked up after the grace"),
    ],
)
def test_the_outcome_of_an_attempt(error: DeliveryError, state: str, attempts: int, pause: int) -> None:
    moved = policy.failed(PARCEL, error, NOW, jitter=0.0)
    assert (moved.state, moved.attempts) == (state, attempts)
    assert moved.next_attempt_at == (NOW + pause if pause else 0)


def test_the_backoff_doubles_to_ten_minutes_and_jitter_only_shortens_it() -> None:
    pauses = []
    for attempts in range(15):
        tried = replace(PARCEL, attempts=attempts)
        longest = policy.failed(tried, Unsent("x"), NOW, jitter=0.999).next_attempt_at - NOW
        shortest = policy.failed(tried, Unsent("x"), NOW, jitter=0.0).next_attempt_at - NOW
        assert longest / 2 <= shortest + 1 <= longest
        pauses.append(longest)
    assert pauses == sorted(pauses)
    assert 590_000 < pauses[-1] <= policy.LONGEST_BACKOFF


def test_it_is_given_up_after_hours_and_not_after_a_number_of_attempts() -> None:
    tireless = replace(PARCEL, attempts=10_000)
    assert policy.failed(tireless, Unsent("x"), NOW + policy.HORIZON, 0.5).state == "pending"
    given_up = policy.failed(tireless, Unsent("x"), NOW + policy.HORIZON + 1, 0.5)
    assert given_up.state == "failed"
    assert "given up" in given_up.error


def test_hours_in_which_the_host_was_down_give_nothing_up() -> None:
    morning = NOW + 2 * policy.HORIZON
    assert policy.failed(PARCEL, Unsent("still starting"), morning, 0.5).state == "pending"
    assert policy.not_found(replace(PARCEL, lookups=policy.LOOKUPS - 1), morning).state == "pending"


def test_what_never_arrives_though_nobody_says_so_is_given_up_too() -> None:
    vanished = replace(PARCEL, attempts=policy.LEAST_ATTEMPTS, lookups=policy.LOOKUPS - 1)
    assert policy.not_found(vanished, NOW + policy.HORIZON).state == "pending"
    given_up = policy.not_found(vanished, NOW + policy.HORIZON + 1)
    assert (given_up.state, given_up.error) == ("failed", "given up: it never arrived ()")


def test_an_offline_bot_is_never_the_reason_to_give_up() -> None:
    assert policy.failed(PARCEL, Offline("away"), NOW + 10 * policy.HORIZON, 0.5).state == "pending"


def test_an_unknown_outcome_is_looked_up_twice_before_it_counts_as_unsent() -> None:
    once = policy.not_found(policy.interrupted(PARCEL, NOW), NOW)
    assert (once.state, once.lookups, once.next_attempt_at) == ("unknown", 1, NOW + policy.GRACE)
    twice = policy.not_found(once, NOW)
    assert (twice.state, twice.lookups, twice.next_attempt_at) == ("pending", 0, NOW)


def test_a_request_of_a_dead_host_is_looked_up_only_when_it_can_no_longer_land() -> None:
    assert policy.orphaned(PARCEL, NOW, 30_000).next_attempt_at == NOW + 30_000 + policy.GRACE


def test_what_an_earlier_life_left_unknown_waits_anew_whatever_the_clock_says() -> None:
    """The clock was set ahead between two lives: it was looked up while the request was still on its way."""
    unknown = replace(policy.interrupted(PARCEL, NOW - 86_400_000), lookups=1)
    back = policy.brought_back(unknown, 0, NOW, 30_000, held=False)
    assert (back.state, back.lookups, back.next_attempt_at) == ("unknown", 1, NOW + 30_000 + policy.GRACE)
    unsent = replace(PARCEL, state="pending")
    lost = policy.brought_back(unsent, PARCEL.seq, NOW, 30_000, held=False)
    assert (lost.state, lost.next_attempt_at) == ("unknown", NOW + 30_000 + policy.GRACE)
    assert policy.brought_back(unsent, 0, NOW, 30_000, held=False) == unsent


def test_a_new_unknown_outcome_starts_its_look_ups_anew() -> None:
    assert policy.interrupted(replace(PARCEL, lookups=1), NOW).lookups == 0


def test_the_intent_remembers_the_first_attempt() -> None:
    assert policy.intended(replace(PARCEL, first_attempt_at=0), NOW).first_attempt_at == NOW
    assert policy.intended(PARCEL, NOW + 5).first_attempt_at == NOW


def test_what_is_intended_waits_for_nothing_that_a_clock_which_was_ahead_had_noted() -> None:
    waited = replace(PARCEL, next_attempt_at=NOW + 3_600_000)
    assert policy.intended(waited, NOW).next_attempt_at == NOW
    assert policy.intended(PARCEL, NOW + 5).next_attempt_at == PARCEL.next_attempt_at


def test_a_receipt_ends_it() -> None:
    done = policy.sent(replace(PARCEL, error="before"), Receipt("p1"))
    assert (done.state, done.platform_message_id, done.error, done.terminal) == ("sent", "p1", "", True)


@pytest.mark.parametrize(
    ("error", "failing", "state"),
    [
        pytest.param(Unsent("503"), policy.HORIZON, "unknown", id="asked again for hours"),
        pytest.param(Unsent("503"), policy.HORIZON + 1, "failed", id="and then given up, not sent again"),
        pytest.param(Offline("away"), 10 * policy.HORIZON, "unknown", id="not while the bot is offline"),
        pytest.param(Rejected("no such channel"), 0, "failed", id="refused for good"),
    ],
)
def test_a_look_up_that_fails_holds_its_address_for_hours_at_most(
    error: DeliveryError, failing: int, state: str
) -> None:
    moved = policy.not_looked_up(policy.interrupted(PARCEL, NOW), error, NOW, failing)
    assert moved.state == state
    assert moved.next_attempt_at == NOW + policy.GRACE
