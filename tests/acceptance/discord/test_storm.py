"""500 messages over 25 threads, and 500 presses, edits and forms, while REST calls and the socket fail at random."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence

import apsw
import pytest

from tests.fakes.discord import Channel, Fault
from tests.support import storming
from tests.support.dovecote import ordered
from tests.support.storming_on_discord import OnDiscord
from tests.support.town import Town

THREADS, MESSAGES = 25, 500
SEED = 41
STORMY = (
    "POST /channels/{}/messages",
    "GET /channels/{}/messages",
    "POST /channels/{}/typing",
    "PATCH /channels/{}/messages/{}",
    "DELETE /channels/{}/messages/{}",
)
OF_PRESSES = (
    "POST /interactions/{}/{}/callback",
    "POST /webhooks/{}/{}",
    "PATCH /webhooks/{}/{}/messages/{}",
)
REST_TROUBLE = [
    Fault.unavailable(),
    Fault.dropped(),
    Fault.answer_lost(),
    Fault.malformed_json(),
    Fault.rate_limited(0.01),
]


@pytest.mark.timeout(400)
async def test_every_message_is_answered_once_in_its_thread_and_in_ingestion_order(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.town.TIMEOUT", 300.0)
    await town.up()
    chance = random.Random(SEED)
    questions = [
        town.discord.say(town.ada, town.channel, f"topic {number}", mention_bot=True)
        for number in range(THREADS)
    ]
    threads = [await town.answered(question) for question in questions]

    town.discord.faults.chance(0.08, SEED, REST_TROUBLE, where=lambda call: call.route in STORMY)
    town.discord.gateway.chance(0.02, SEED)
    said: dict[int, list[str]] = {thread.id: [f"topic {n}"] for n, thread in enumerate(threads)}
    for number in range(MESSAGES - THREADS):
        thread = chance.choice(threads)
        town.discord.say(town.ada, thread, f"message {number}")
        said[thread.id].append(f"message {number}")
        if number % 20 == 19:  # people type while answers come
            await _half_answered(town, threads, number)
    town.discord.gateway.chance(0.0, SEED)
    await town.until(lambda: all(len(town.said(t)) >= len(said[t.id]) for t in threads))
    town.discord.faults.chance(0.0, SEED, REST_TROUBLE)
    await town.down()

    taken = _ingested(town)
    for thread in threads:
        assert Counter(town.said(thread)) == Counter(said[thread.id])
        assert town.said(thread) == taken[thread.id]
    assert town.said(town.channel) == []


async def _half_answered(town: Town, threads: Sequence[Channel], number: int) -> None:
    await town.until(lambda: sum(len(town.said(thread)) for thread in threads) >= number // 2)


def _ingested(town: Town) -> dict[int, list[str]]:
    """The texts the host took in, per thread, in the order in which they became durable."""
    found: dict[int, list[str]] = {}
    connection = apsw.Connection(str(town.folder / "data" / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)
    for (kept,) in connection.execute("SELECT event FROM inbox ORDER BY id"):
        record = json.loads(str(kept))
        found.setdefault(int(record["answer"][3]), []).append(record["event"]["text"])
    connection.close()
    return found


@pytest.mark.timeout(storming.LIMIT)
@pytest.mark.parametrize("seed", storming.SEEDS)
async def test_of_presses_edits_forms_and_shortcuts_each_has_its_effect_once(town: Town, seed: int) -> None:
    town.config = storming.APPROVED
    await town.up()
    sky = OnDiscord(town)
    threads = storming.threads(seed, sky.people(storming.THREADS))
    storm = storming.Storm(sky, storming.WANTED)
    await storm.begin(threads)
    town.discord.faults.chance(
        0.08, seed, REST_TROUBLE, where=lambda call: call.route in (*STORMY, *OF_PRESSES)
    )
    town.discord.gateway.chance(0.04, seed)
    await storm.blow(threads)
    town.discord.gateway.chance(0.0, seed)
    town.discord.faults.chance(0.0, seed, REST_TROUBLE)
    await storm.calm(threads)
    storm.check(threads, town.folder)
    listed = await ordered(town.folder, "tasks", "--json", "--config", "dovecote.toml")
    await town.down()
    storm.check(threads, town.folder)
    assert sorted(one["title"] for one in json.loads(listed)) == sorted(storm.reminders)
