"""From the network: who has no secret, and who has time."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bots.slack.client import transport
from host.config import Webhooks
from host.gateway import egress
from host.ports import door, strangers
from host.ports.events import InboundEvent, Ingested, Verdict
from host.webhooks import places, signatures
from host.webhooks.server import WebhookServer
from tests.fakes.internet import FakeInternet
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.http_mode import signature
from tests.support.doors import counted_unpacking, opened
from tests.support.redteam import Seat, attack, honest, walled
from tests.support.slack_app import clear_proxies, free_port
from tests.support.slacking import online
from tests.support.webhooking import SECRET, generic, github

pytestmark = attack(Seat.NETWORK, 4)

PATIENCE = 30.0  # s
LARGEST = 10_000  # bytes
NOW = 1_790_000_000  # s
BODY = b'{"ref": "main"}'
KEY = signatures.secret_of(SECRET)
OTHER = "another secret of some length"


def _signed(body: bytes = BODY, id_: str = "d1", at: int = NOW, secret: str = SECRET) -> dict[str, str]:
    return generic(body, id_, at=at, secret=secret)


def _read_otherwise() -> dict[str, str]:
    """Signed an hour ago over a body that begins with a number: its time taken for the id's end, the number for the time."""
    old = _signed(str(NOW).encode() + b"." + BODY, at=NOW - 3_600)
    return {**old, "webhook-id": f"d1.{NOW - 3_600}", "webhook-timestamp": str(NOW)}


# What somebody without the secret sends; with it the same would be taken.
FORGED: dict[str, tuple[str, dict[str, str], bytes]] = {
    "without a signature": ("generic", {}, BODY),
    "with another secret": ("generic", _signed(secret=OTHER), BODY),
    "for another body": ("generic", _signed(), BODY + b" "),
    "under another id": ("generic", {**_signed(), "webhook-id": "d2"}, BODY),
    "at another time": ("generic", {**_signed(), "webhook-timestamp": str(NOW + 1)}, BODY),
    "from an hour ago": ("generic", _signed(at=NOW - 3_600), BODY),
    "from an hour ago, read otherwise": ("generic", _read_otherwise(), BODY),
    "from an hour ahead": ("generic", _signed(at=NOW + 3_600), BODY),
    "in the other style": ("generic", github(BODY), BODY),
    "of github with another secret": ("github", github(BODY, secret=OTHER), BODY),
    "of github cut short": ("github", {**github(BODY), "x-hub-signature-256": "sha256="}, BODY),
}


@walled
@pytest.mark.parametrize("how", FORGED)
def test_a_hook_is_not_signed_well(how: str, standing: bool) -> None:
    """Whoever has the secret gets in: it is the wall."""
    style, headers, body = FORGED[how]
    if not standing:
        headers = _signed(body) if style == "generic" else github(body)
    try:
        signatures.verify(style, KEY, headers, body, NOW)
        got_in = True
    except signatures.Unauthorised:
        got_in = False
    assert got_in is not standing


async def hung_up(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Whether the other side ends the line within that time."""
    try:
        async with asyncio.timeout(seconds):
            await reader.read()
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@walled
@pytest.mark.parametrize("begun", [b"", b"POST / HTT", b"POST / HTTP/1.1\r\nHost: x\r\nX-Long: "])
async def test_a_head_that_never_ends_keeps_its_place(begun: bytes, standing: bool) -> None:
    async with opened(0.2 if standing else 1_000.0, LARGEST) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(begun)
        assert await hung_up(reader, PATIENCE if standing else 0.6) is standing
        writer.close()


@walled
async def test_a_body_that_never_arrives_keeps_its_place(
    monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    monkeypatch.setattr(door, "BODY_DEADLINE", 0.2 if standing else 1_000.0)
    async with opened(0.2 if standing else 1_000.0, LARGEST) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh")
        assert await hung_up(reader, PATIENCE if standing else 0.6) is standing
        writer.close()


@walled
async def test_connections_without_an_end_take_every_place(
    monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    monkeypatch.setattr(door, "CONNECTIONS", 4 if standing else 1_000)
    async with opened(largest=LARGEST) as address:
        lines = [await asyncio.open_connection(*address) for _ in range(8)]
        refused = sum([await hung_up(reader, 5.0 if standing else 0.2) for reader, _ in lines[4:]])
        for _, writer in lines:
            writer.close()
    assert (refused == 4) is standing


@walled
@pytest.mark.parametrize("said", [True, False], ids=["that says its length", "in chunks"])
async def test_a_body_without_an_end_is_kept_in_memory(
    monkeypatch: pytest.MonkeyPatch, said: bool, standing: bool
) -> None:
    monkeypatch.setitem(globals(), "LARGEST", 10_000 if standing else 1_000_000)
    body = b"x" * 20_000
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    async with opened(largest=LARGEST) as address:
        reader, writer = await asyncio.open_connection(*address)
        if said:
            writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        else:
            chunk = b"%x\r\n%b\r\n" % (1_000, b"x" * 1_000)
            writer.write(
                head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (len(body) // 1_000) + b"0\r\n\r\n"
            )
        async with asyncio.timeout(PATIENCE):
            status = (await reader.readline()).split()[1]
        writer.close()
    assert (status == b"413") is standing


@walled
@attack(Seat.NETWORK, 15)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "GZIP"])
async def test_a_body_unpacks_to_a_thousand_times_its_size(
    monkeypatch: pytest.MonkeyPatch, coding: str, standing: bool
) -> None:
    """In the loop of all: eight such bodies of 200 kB took it for nine seconds, and nobody looked at a signature before."""
    monkeypatch.setattr(door, "UNPACKS", not standing)
    unpacked = counted_unpacking(monkeypatch)
    body = gzip.compress(bytes(5_000_000)) if coding.lower() == "gzip" else zlib.compress(bytes(5_000_000))
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with opened(largest=LARGEST) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(head.encode() + body)
        async with asyncio.timeout(PATIENCE):
            status = (await reader.readline()).split()[1]
        writer.close()
    assert status == b"415"
    assert (sum(unpacked) == 0) is standing


@walled
@pytest.mark.parametrize("peers", [1, places.AT_A_TIME], ids=["of one", "of many"])
async def test_bodies_that_come_slowly_take_every_place_of_a_hook(
    monkeypatch: pytest.MonkeyPatch, peers: int, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(places.Places, "_make_room", _no_room)
    hook, begun, outcomes = places.Places(), asyncio.Semaphore(0), list[str]()

    async def sends(peer: str) -> None:
        try:
            async with hook.one(peer):
                begun.release()
                await asyncio.Event().wait()
        except places.NoPlace:
            outcomes.append(peer)

    slow = [asyncio.create_task(sends(f"slow {n % peers}")) for n in range(places.AT_A_TIME)]
    for _ in slow:
        await begun.acquire()
    fair = asyncio.create_task(sends("fair"))
    async with asyncio.timeout(PATIENCE):
        while not outcomes:  # noqa: ASYNC110 - one of them ends
            await asyncio.sleep(0)
    for task in (*slow, fair):
        task.cancel()
    await asyncio.gather(*slow, fair, return_exceptions=True)
    assert (outcomes == ["slow 0"]) is standing


@honest
async def test_whoever_has_as_many_places_of_a_hook_as_others_takes_none_of_theirs() -> None:
    hook = places.Places()
    async with AsyncExitStack() as stack:
        for n in range(places.AT_A_TIME):
            await stack.enter_async_context(hook.one(f"peer {n % 2}"))
        with pytest.raises(places.NoPlace):
            await stack.enter_async_context(hook.one("peer 0"))
    async with hook.one("peer 0"):
        pass


def _no_room(*_: object) -> None:
    raise places.NoPlace


class _Together(dict[str, places.Places]):
    """As if all names that are no hook were one."""

    def __init__(self) -> None:
        super().__init__(none=places.Places())

    def setdefault(self, *_: object) -> places.Places:
        return self["none"]


@walled
async def test_somebody_learns_which_names_are_hooks_by_taking_every_place(
    monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    hook = {"platform": "memory", "workspace": "w", "channel": "c", "secret_env": "HOOK_SECRET"}
    names = Webhooks.model_validate({"port": 0, "ci": hook})

    async def taken(event: InboundEvent) -> Ingested:
        return Ingested(Verdict.STORED, event.message_id)

    server = WebhookServer(names, {"HOOK_SECRET": SECRET}, {"memory"}, taken, lambda: NOW * 1_000)
    if not standing:
        server._strange = _Together()
    await server.start()
    url, slow = f"http://127.0.0.1:{server.port}/hooks", list[asyncio.StreamWriter]()
    try:
        for _ in range(places.AT_A_TIME):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST /hooks/none HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh")
            slow.append(writer)
        async with asyncio.timeout(PATIENCE), aiohttp.ClientSession() as client:
            while len(server._strange.get("none", ())) < places.AT_A_TIME:  # noqa: ASYNC110 - they come in
                await asyncio.sleep(0)
            answers = set()
            for name in ("ci", "no-hook"):
                async with client.post(f"{url}/{name}", data=BODY) as answer:
                    answers.add((answer.status, await answer.text()))
        assert (len(answers) == 1) is standing, answers
    finally:
        for writer in slow:
            writer.transport.abort()
        await server.stop()
    assert not server._strange, "nothing is kept of names that somebody tried"


@walled
@pytest.mark.parametrize("sent", [b"GET / HTTP/9\r\n\r\n", b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n"])
async def test_a_stranger_turns_the_log_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sent: bytes, standing: bool
) -> None:
    """What was logged of an attack is gone when enough was logged after it."""
    caplog.set_level("INFO")
    if not standing:
        monkeypatch.setattr(door._NotOfStrangers, "filter", lambda *_: True)
    async with opened(largest=LARGEST) as address:
        for _ in range(strangers.MOST + 10):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(sent)
            async with asyncio.timeout(PATIENCE):
                await reader.read()
            writer.close()
    said = [record for record in caplog.records if record.name.startswith("host")]
    assert (len(said) <= strangers.MOST + 5) is standing
    assert any(record.exc_info for record in said) is not standing


@walled
@pytest.mark.parametrize("of", ["2001:db8::{:x}", "2001:db8::{:x}%eth0", "::ffff:192.0.2.9"])
async def test_a_machine_takes_every_place_by_as_many_addresses_as_it_has(
    monkeypatch: pytest.MonkeyPatch, of: str, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(door, "CONNECTIONS_OF_A_PEER", door.CONNECTIONS)
    entrance = door.Door(web.Application())
    visitors = [door._Visitor(entrance, asyncio.Protocol()) for _ in range(door.CONNECTIONS + 1)]
    got_in = [
        entrance.enter(visitor, asyncio.Transport(), door.peer_of(of.format(n + 1)))
        for n, visitor in enumerate(visitors)
    ]
    assert sum(got_in) == (door.CONNECTIONS_OF_A_PEER if standing else door.CONNECTIONS)


SLACK_FORGED = ("with another secret", "for another body", "from an hour ago", "without a signature")


@walled
@pytest.mark.parametrize("how", SLACK_FORGED)
async def test_an_event_is_not_slacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, standing: bool
) -> None:
    clear_proxies(monkeypatch)
    port, now = free_port(), int(time.time())
    async with FakeSlack() as slack, online(slack, tmp_path, mode="http", port=port):
        body = b'{"type": "url_verification", "challenge": "let me in"}'
        at = str(now - 3_600 if how == "from an hour ago" and standing else now)
        secret = OTHER if how == "with another secret" and standing else slack.signing_secret
        signed = body + b" " if how == "for another body" and standing else body
        headers = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature(secret, at, signed)}
        if how == "without a signature" and standing:
            headers = {}
        url = f"http://127.0.0.1:{port}/slack/events"
        headers["Content-Type"] = "application/json"
        async with aiohttp.ClientSession() as client, client.post(url, data=body, headers=headers) as answer:
            taken = answer.status == 200
    assert taken is not standing


STRANGE = {
    "that is no JSON": (b"{", {}),
    "that is deep": (b'{"a":' * 100_000, {}),
    "whose payload is none": (b"payload=[", {}),
    "whose parts are no parts": (b'{"authorizations": [1]}', {}),
    "signed at no time": (BODY, {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=0"}),
    "signed too long ago to count": (
        BODY,
        {"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "v0=0"},
    ),
    "signed in other letters": (BODY, {"X-Slack-Request-Timestamp": "NOW", "X-Slack-Signature": "v0=é"}),
}


@walled
async def test_a_stranger_has_a_body_parsed_before_anybody_looks_at_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, standing: bool
) -> None:
    clear_proxies(monkeypatch)
    port = free_port()
    if not standing:
        monkeypatch.setattr(transport, "_is_slacks", lambda *_: True)
    async with (
        FakeSlack() as slack,
        online(slack, tmp_path, mode="http", port=port),
        aiohttp.ClientSession() as client,
    ):
        found = {}
        for how, (body, headers) in STRANGE.items():
            sent = {name: value.replace("NOW", str(int(time.time()))) for name, value in headers.items()}
            url = f"http://127.0.0.1:{port}/slack/events"
            async with client.post(url, data=body, headers=sent) as answer:
                found[how] = answer.status
    assert (set(found.values()) == {401}) is standing, found
    assert any(record.exc_info for record in caplog.records) is not standing


INSIDE = (
    "127.0.0.1",
    "10.1.2.3",
    "172.17.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "::1",
    "fe80::1%eth0",
    "fd00::1",
    "fec0::1",
    "feff:ffff::1",
    "3fff:fff::1",
    "192.88.99.1",
    "64:ff9b:1::7f00:1",
    "2001::7f00:1",
    "::127.0.0.1",
    "::ffff:192.88.99.1",
    "2002:c0a8:101::1",
    "127.1",
    "0x7f.1",
    "2130706433",
    "1.1.1.1%eth0",
    "::ffff:127.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "localhost",
    "",
)


LISTED = "listed.example"


@walled
@pytest.mark.parametrize("address", INSIDE)
async def test_a_listed_name_leads_inside(
    monkeypatch: pytest.MonkeyPatch, address: str, standing: bool
) -> None:
    """What a name of the outside resolves to is its owner's to say."""
    if not standing:
        monkeypatch.setattr(egress, "is_global", lambda _: True)
    internet = FakeInternet()
    internet.names[LISTED] = [address]

    async def by_nothing() -> None:
        return None

    tunnels = egress.Tunnels("s", frozenset({LISTED}), internet, by_nothing, lambda: None, by_nothing)
    with pytest.raises(egress._Refused):  # nobody listens there
        await tunnels._connect(LISTED)
    assert (internet.dialled == [(address, 443)]) is not standing
