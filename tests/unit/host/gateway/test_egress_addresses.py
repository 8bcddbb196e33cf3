"""Which addresses a tunnel may lead to."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from host.config import Network
from host.gateway.egress import is_global

PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
PRIVATE = [
    "",
    "localhost",
    "0.0.0.0",
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.17.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_reached(address: str) -> None:
    assert is_global(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_any_other_address_may_not(address: str) -> None:
    assert not is_global(address)


@pytest.mark.parametrize(
    "name", ["", "localhost", "*.example.com", "example.com:443", "https://example.com", "10.0.0.1", "A.com"]
)
def test_a_list_holds_full_names_and_nothing_else(name: str) -> None:
    assert Network(allow=("api.github.com",)).allow == ("api.github.com",)
    with pytest.raises(ValidationError):
        Network(allow=(name,))
