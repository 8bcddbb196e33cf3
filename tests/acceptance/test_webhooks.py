"""A program wakes an agent over HTTP, and posts by itself, with a host as a person runs it."""

from __future__ import annotations

import re
import signal
import urllib.request

import pytest

from tests.support.dovecote import Folder
from tests.support.waiting import DEADLINE, until
from tests.support.webhooking import SECRET, generic

HOOKS = """
[webhooks]
port = 0
[webhooks.ci]
secret_env = "CI_SECRET"
platform = "console"
workspace = "local"
channel = "pipe"
"""


def port_of(folder: Folder) -> int:
    log = folder.path / "data" / "logs" / "host.log"

    def found() -> re.Match[str] | None:
        return (
            re.search(r"Webhooks listen on http://127\.0\.0\.1:(\d+)/", log.read_text())
            if log.exists()
            else None
        )

    until(found)
    match = found()
    assert match is not None
    return int(match[1])


def post(port: int, body: bytes, headers: dict[str, str]) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/hooks/ci", body, headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=DEADLINE) as answer:
        return int(answer.status)


def test_a_webhook_survives_the_death_of_the_host_that_took_it_and_is_answered_once(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_SECRET", SECRET)
    (folder.path / "dovecote.toml").write_text(HOOKS)
    body = b"build 7 is red"
    headers = generic(body, "b7")
    first = folder.start()
    assert post(port_of(folder), body, headers) == 202
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=DEADLINE)
    (folder.path / "data" / "logs" / "host.log").unlink()
    second = folder.start()
    assert post(port_of(folder), body, headers) == 200
    until(lambda: folder.replies())
    _, errors = second.communicate(b"and you?\n", timeout=DEADLINE)
    assert (second.returncode, b"Traceback" in errors) == (0, False)
    assert folder.replies() == ["build 7 is red", "and you?"]


def test_a_host_whose_hook_has_no_secret_says_what_to_do(folder: Folder) -> None:
    (folder.path / "dovecote.toml").write_text(HOOKS)
    done = folder.chat("hello")
    assert done.returncode == 2
    assert b"webhooks.ci: the environment has no CI_SECRET; set it to the secret" in done.stderr


def test_a_script_posts_and_is_told_the_message_s_id(folder: Folder) -> None:
    folder.chat("hello")
    host = folder.start()
    script = folder.start("console/local/pipe", "-", command="send")
    printed, errors = script.communicate(b"backup done\n", timeout=DEADLINE)
    assert (script.returncode, errors) == (0, b"")
    out, _ = host.communicate(b"", timeout=DEADLINE)
    assert out.decode().splitlines() == ["backup done"]
    assert [folder.lines()[-1].id] == printed.decode().split()
    late = folder.start("console/local/pipe", "later", "--wait", "0", command="send")
    assert late.wait(DEADLINE) == 3
