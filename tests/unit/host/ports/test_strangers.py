"""Lines of the log that strangers cause."""

from __future__ import annotations

import logging

import pytest

from host.ports import door
from host.ports.strangers import MOST, Few


def test_a_burst_is_cut_and_its_rest_counted_with_the_next_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = [0.0]
    few = Few(logging.getLogger("host.x"), lambda: clock[0])
    for _ in range(MOST + 7):
        few.say(logging.INFO, "no: %s", "x", extra={"action": "refused"})
    assert len(caplog.records) == MOST
    clock[0] += 60 / MOST + 0.1
    few.say(logging.INFO, "no: %s", "y", extra={"action": "refused"})
    few.say(logging.INFO, "no: %s", "z", extra={"action": "refused"})
    assert [record.getMessage() for record in caplog.records[MOST:]] == ["no: y"]
    assert vars(caplog.records[-1])["unsaid"] == 7


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("", ""),
    ],
)
def test_a_peer_is_whoever_has_the_address(host: str, peer: str) -> None:
    assert door.peer_of(host) == peer
