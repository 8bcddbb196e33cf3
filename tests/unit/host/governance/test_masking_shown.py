"""What a person is shown, without secrets: whatever it is made of, it stays what it is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from host.config import Config
from host.config.settings import Settings
from host.governance.masking import Masks
from host.ports.controls import CallShown, Offer, Overview, Running, Spent, TaskList, TaskOrder, TaskView
from host.words import Sentence, say, told
from sessiondb import Address

TOKEN = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nc4Vb6Xs9Df2Gh0Jj8Ka5"
MASKED = "‹masked: github-token›"
PLACE = Address("slack", "T1", "C1", TOKEN)


@pytest.fixture
def masks() -> Masks:
    return Masks(Settings(Config.model_validate({"agents": {"bare": {"mask_secrets": False}}})), {})


def task(**more: object) -> TaskView:
    known: dict[str, object] = {
        "id": TOKEN,
        "title": TOKEN,
        "agent": TOKEN,
        "address": PLACE,
        "when": "every day",
    }
    known |= {"next_at": 1, "next_words": "tomorrow", "paused": False, "orders": (TaskOrder.RUN,)}
    return TaskView(**{**known, **more})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Nested:
    text: str
    inner: tuple[Overview, ...]


def test_a_text_and_several_are_masked(masks: Masks) -> None:
    assert masks.shown(f"a {TOKEN}") == f"a {MASKED}"
    assert masks.shown([TOKEN, "b"]) == [MASKED, "b"]
    assert masks.shown((TOKEN, ("c", TOKEN))) == (MASKED, ("c", MASKED))
    assert masks.shown(None) is None
    assert masks.shown(7) == 7


def test_of_a_record_what_names_something_stays_as_it_is(masks: Masks) -> None:
    seen = masks.shown(task(problem=f"bad key {TOKEN}", why_paused=TOKEN))
    assert (seen.title, seen.problem, seen.why_paused) == (MASKED, f"bad key {MASKED}", MASKED)
    assert (seen.id, seen.agent, seen.address) == (TOKEN, TOKEN, PLACE)
    assert seen.orders == (TaskOrder.RUN,)
    assert isinstance(seen.orders[0], TaskOrder)
    assert isinstance(seen.address, Address)


def test_records_within_records_are_masked_too(masks: Masks) -> None:
    running = Running("s1", "default", PLACE, 1, f"is working: {TOKEN}")
    overview = Overview((running,), 1, TaskList((task(),)), Spent(1, 1, -1, -1, 0, 0, text=TOKEN))
    seen = masks.shown(Nested(TOKEN, (overview,)))
    assert seen.text == MASKED
    [inner] = seen.inner
    assert inner.running[0].status == f"is working: {MASKED}"
    assert inner.running[0].session_id == "s1"
    assert inner.tasks[0].title == MASKED
    assert inner.spent is not None
    assert inner.spent.text == MASKED


def test_a_sentence_without_secrets_can_still_be_told_in_a_language(masks: Masks) -> None:
    seen = masks.shown(say("There is nothing to show."))
    assert isinstance(seen, Sentence)
    assert told(seen, "de") != str(seen)
    assert masks.shown(say("Digest {digest}", digest=TOKEN)) == f"Digest {MASKED}"


def test_an_offer_keeps_what_confirms_it_and_a_call_its_digest(masks: Masks) -> None:
    offer = masks.shown(Offer(TOKEN, f"Reminder: {TOKEN}"))
    assert (offer.request, offer.words) == (TOKEN, f"Reminder: {MASKED}")
    call = masks.shown(CallShown("bash", TOKEN, f"echo {TOKEN}", ("Ada",), 1))
    assert (call.digest, call.text) == (TOKEN, f"echo {MASKED}")


def test_an_agent_whose_operator_wants_no_masks_is_shown_as_it_wrote(masks: Masks) -> None:
    assert masks.shown(TOKEN, "bare") == TOKEN
    assert masks.shown(TOKEN, "default") == MASKED
    assert masks.shown(TOKEN) == MASKED, "the host's own words always are"
