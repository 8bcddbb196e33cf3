"""Signatures of webhooks, without a network: what fits passes, whatever else is refused and breaks nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.webhooks.signatures import TOLERANCE, Unauthorised, WeakSecret, secret_of, verify
from tests.support.webhooking import SECRET, generic, github

NOW = 1_700_000_000
KEY = SECRET.encode()
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature", "x-hub-signature-256", "x-github-event")


@pytest.mark.parametrize("off", [-TOLERANCE, 0, TOLERANCE])
def test_a_time_within_the_tolerance_passes(off: int) -> None:
    assert verify("generic", KEY, generic(b"x", "d1", at=NOW + off), b"x", NOW).id == "d1"


@pytest.mark.parametrize("off", [-TOLERANCE - 1, TOLERANCE + 1])
def test_a_time_beyond_it_does_not(off: int) -> None:
    with pytest.raises(Unauthorised):
        verify("generic", KEY, generic(b"x", "d1", at=NOW + off), b"x", NOW)


def test_while_a_secret_is_exchanged_either_signature_passes() -> None:
    old, new = generic(b"x", "d1", at=NOW, secret="the secret before this one"), generic(b"x", "d1", at=NOW)
    both = {**new, "webhook-signature": f"{old['webhook-signature']} {new['webhook-signature']}"}
    assert verify("generic", KEY, both, b"x", NOW).id == "d1"


def test_a_secret_of_the_standards_form_is_decoded() -> None:
    assert secret_of("whsec_MDEyMzQ1Njc4OWFiY2RlZg==") == b"0123456789abcdef"
    for weak in ("whsec_MDEy", "short", "whsec_not base64"):
        with pytest.raises(WeakSecret):
            secret_of(weak)


def test_githubs_event_is_kept_and_cleaned() -> None:
    assert verify("github", KEY, github(b"{}", event='push"><x'), b"{}", NOW).event == "pushx"


@given(
    st.sampled_from(["generic", "github"]),
    st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=40)),
    st.binary(max_size=40),
)
def test_nothing_forged_passes_and_nothing_breaks(style: str, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Unauthorised):
        verify(style, KEY, headers, body, NOW)
