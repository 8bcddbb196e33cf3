"""Why somebody outside cannot be asked, in words that name the place and the setting."""

from __future__ import annotations

import errno
import socket
import ssl

import aiohttp
import pytest

from host.ports import unreachable
from host.ports.unreachable import Odd

URL = "https://user:secret@api.example.com:8443/v1"
HOST = "api.example.com:8443"


def caused(outer: Exception, inner: BaseException) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (socket.gaierror(-2, "unknown"), f"the name {HOST} cannot be looked up"),
        (ConnectionRefusedError(), f"nothing listens at {HOST}"),
        (TimeoutError(), f"{HOST} does not answer"),
        (ssl.SSLError("wrong version"), f"{HOST} does not speak TLS as it should"),
        (ConnectionResetError(), f"{HOST} breaks the connection off"),
        (aiohttp.ServerDisconnectedError(), f"{HOST} breaks the connection off"),
        (Odd("answers with a page"), f"{HOST} answers with a page"),
        (OSError(errno.ENETUNREACH, "unreachable"), f"no way leads to {HOST}"),
        (caused(aiohttp.ClientError(), ConnectionRefusedError()), f"nothing listens at {HOST}"),
        (caused(RuntimeError(), TimeoutError()), f"{HOST} does not answer"),
    ],
)
def test_the_cause_is_found_however_deep_it_lies(error: Exception, problem: str) -> None:
    words = unreachable.because(error, URL, "model.base_url")
    assert words.problem == problem
    assert words.remedy
    assert "secret" not in str(words)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (9, "is not valid yet"),
        (10, "is over"),
        (62, "is another's"),
        (64, "is another's"),
        (18, "who issued"),
    ],
)
def test_a_certificate_is_too_young_too_old_another_s_or_a_stranger_s(code: int, problem: str) -> None:
    refused = ssl.SSLCertVerificationError("no")
    refused.verify_code = code
    assert problem in unreachable.because(caused(aiohttp.ClientError(), refused), URL, "x").problem


def test_what_nobody_foresaw_keeps_its_name_and_is_cut() -> None:
    words = unreachable.because(aiohttp.ClientError("x" * 500), URL, "slack.api_url")
    assert words.problem.startswith(f"{HOST} cannot be asked (ClientError: xxx")
    assert len(words.problem) < 300
    assert "slack.api_url" in words.remedy


def test_causes_that_lead_in_a_circle_end() -> None:
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert "cannot be asked" in unreachable.because(one, URL, "x").problem
