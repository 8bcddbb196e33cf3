"""What is masked in posts: before anything is durable that is sent, audited once, and as the operator wants it."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from host.app import Host
from host.cli import listing, owners
from host.cli.story import tell
from host.config import Config, ConfigError
from host.config.reading import load
from host.config.settings import Settings
from host.delivery import masked
from host.governance.masking import Masks
from host.ports import figures
from host.ports.controls import Forbidden
from host.registry.db import open_registry
from host.registry.notices import Notice
from host.words import as_it_is
from sessiondb import Address, content
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.attacked import logged
from tests.support.hosting import config, serving
from tests.support.reading import rows
from tests.support.viewing import ADA, viewer
from tests.support.waiting import eventually

TOKEN = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nc4Vb6Xs9Df2Gh0Jj8Ka5"
MASKED = "‹masked: github-token›"


def audited(data: Path) -> list[tuple[object, ...]]:
    registry = open_registry(data)
    try:
        return registry.execute(
            "SELECT user, channel_type, platform_id, action, detail FROM audit ORDER BY id"
        ).fetchall()
    finally:
        registry.close()


def counted() -> float:
    return float(figures.MASKED.labels("default", "github-token")._value.get())


async def answered(host: Host, bot: MemoryBot, text: str) -> str:
    said = await bot.say("c", text)
    async with asyncio.timeout(TIMEOUT):
        assert await host.settled(said.message_id) == "completed"
    return said.message_id


async def test_an_answer_is_masked_and_the_audit_the_log_the_figures_and_the_story_say_by_which_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    out, before = io.StringIO(), counted()
    monkeypatch.setattr(listing, "_out", Console(file=out, width=300))
    async with serving(config(tmp_path)) as (host, bot):
        message = await answered(host, bot, f"Use {TOKEN}, or {TOKEN}")
        await logged(caplog, "secrets_masked")
    assert bot.said("c") == [f"Use {MASKED}, or {MASKED}"]
    assert audited(tmp_path) == [("agent:default", "memory", "c", "masked", "2 × github-token")]
    assert counted() == before + 2
    assert TOKEN not in caplog.text

    tell(config(tmp_path), message, verbose=True, as_json=False)
    owners.show_audit(config(tmp_path), as_json=False)
    assert out.getvalue().count("2 × github-token") == 2
    assert TOKEN not in out.getvalue()


async def test_nothing_that_is_kept_to_be_sent_again_has_the_secret(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        bot.gates["c"] = gate = asyncio.Event()
        await bot.say("c", f"Use {TOKEN}")
        await eventually(lambda: kept(tmp_path))
        payloads = kept(tmp_path)
        gate.set()
        await bot.until(lambda: bool(bot.said("c")))
    assert [json.loads(one)["chunk"]["text"] for one in payloads] == [f"Use {MASKED}"]


def kept(data: Path) -> list[str]:
    """What is on its way, as the session's file has it."""
    files = list(data.glob("sessions/*/inbound/inbound.db"))
    if not files:
        return []
    return [
        str(payload) for (payload,) in rows(files[0], "SELECT payload FROM delivered WHERE payload <> ''")
    ]


async def test_the_operator_turns_it_off_for_an_agent(tmp_path: Path) -> None:
    agents = {"default": {"mask_secrets": False}}
    async with serving(config(tmp_path, agents=agents)) as (host, bot):
        await answered(host, bot, f"Use {TOKEN}")
    assert bot.said("c") == [f"Use {TOKEN}"]
    assert audited(tmp_path) == []


async def test_what_the_file_says_of_shapes_counts_for_the_next_answer(tmp_path: Path) -> None:
    before = config(tmp_path)
    after = config(tmp_path, masking={"patterns": {"staff": "EMP-[0-9]{6}"}})
    async with serving(before, read=lambda: after) as (host, bot):
        await answered(host, bot, "EMP-123456")
        assert await host.reload("operator") is not None
        await answered(host, bot, "EMP-123456")
    assert bot.said("c") == ["EMP-123456", "‹masked: staff›"]


async def test_what_the_host_itself_says_of_an_error_is_masked_too(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        about = Notice("failed:1", Address("memory", "w", "c"), as_it_is(f"⚠️ It failed: bad key {TOKEN}"))
        await host.house.deliveries.notify(about)
        await bot.until(lambda: bool(bot.said("c")))
    assert bot.said("c") == [f"⚠️ It failed: bad key {MASKED}"]


async def test_an_entry_that_comes_twice_counts_once(tmp_path: Path) -> None:
    """A crash between the entry and the payment hands the same over again."""
    before = counted()
    async with serving(config(tmp_path)) as (host, bot):
        await answered(host, bot, "hello")
        [folder] = (tmp_path / "sessions").iterdir()
        [session] = await host.house.scheduler.sessions([folder.name])
        owed = json.dumps(
            {"agent": "default", "address": ["memory", "w", "c", ""], "counts": {"github-token": 1}, "at": 5}
        )
        for _ in range(2):
            await masked.record(host.house.records.db, session, "masked:m:r", owed)
    assert len(audited(tmp_path)) == 1
    assert counted() == before + 1


async def test_a_title_is_masked_and_audited(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        thread = Address("memory", "w", "c", "t")
        await bot.say("c", f"hello\n@@title About {TOKEN}", address=thread, untitled=True)
        await bot.until(lambda: bool(bot.titles))
        await eventually(lambda: audited(tmp_path))
    assert [title for _, title, _ in bot.titles] == [f"About {MASKED}"]


async def test_what_a_person_is_shown_by_a_command_is_masked_too(tmp_path: Path) -> None:
    """Behind a slash as when it is typed: panels, lists, what was noted, the story of a message, a refusal."""
    wish = {"title": f"Use {TOKEN}", "prompt": "go", "cron": "0 9 * * *"}
    note = {"command": "create", "path": "/memories/keys.md", "file_text": f"The key is {TOKEN}"}
    async with serving(config(tmp_path)) as (host, bot):
        sees = viewer(ADA, "c", "public")
        there = {"privacy": "public", "mentioned": True, "author": ADA}
        calls = f"@@call schedule_task {json.dumps(wish)}\n@@call memory {json.dumps(note)}\n@@sleep 600"
        await bot.say("c", calls, **there)
        await bot.until(lambda: any(one.status == "waiting" for one in bot.shown))
        await eventually(lambda: bool(list(tmp_path.glob("sessions/*/outbound/outbound.db"))))
        shown = [
            *await host.controls.tasks(sees),
            (await host.controls.overview(sees)).tasks,
            await host.controls.memory(sees, ""),
        ]
        with pytest.raises(Forbidden) as refused:
            await host.controls.hand_over(sees, f"@{TOKEN} go on")
        await host.controls.why(sees, "")
    assert all(MASKED in str(one) for one in shown), shown
    assert TOKEN not in str([*shown, refused.value])


# ── what this host's secrets are ─────────────────────────────────────────────────────────────────────────


def hidden(environment: dict[str, str], text: str, **sections: Any) -> str:
    return Masks(Settings(Config.model_validate(sections)), environment).text("default", text)[0]


@pytest.mark.parametrize(
    ("environment", "text", "shown"),
    [
        ({"DISCORD_BOT_TOKEN": "MTIzNDU2.abc.defghi"}, "MTIzNDU2.abc.defghi", "‹masked: DISCORD_BOT_TOKEN›"),
        ({"SLACK_SIGNING_SECRET": " 'abcdef123456'\n"}, "abcdef123456", "‹masked: SLACK_SIGNING_SECRET›"),
        ({"DB_URL": "postgres://a:geheimnis@h/d"}, "geheimnis?", "‹masked: DB_URL›?"),
        (
            {"A_PASSWORD": 'with "quotes"'},
            json.dumps({"a": 'with "quotes"'}),
            '{"a": "‹masked: A_PASSWORD›"}',
        ),
        ({"A_PASSWORD": "with/slash+plus"}, "?p=with%2Fslash%2Bplus", "?p=‹masked: A_PASSWORD›"),
        ({"A_TOKEN": "short"}, "short", "short"),
        ({"A_KEY": "/run/secrets/a_key"}, "/run/secrets/a_key", "/run/secrets/a_key"),
        ({"A_TOKEN": "true", "B_KEY": "12345", "C_SECRET": ""}, "true 12345", "true 12345"),
        (
            {"HOME": "/home/ada/somewhere", "LANG": "en_GB.UTF-8"},
            "/home/ada/somewhere",
            "/home/ada/somewhere",
        ),
    ],
)
def test_secrets_of_the_environment_are_masked_by_their_names(
    environment: dict[str, str], text: str, shown: str
) -> None:
    assert hidden(environment, text) == shown


def test_a_hooks_secret_is_one_whatever_its_variable_is_called() -> None:
    hook = {"secret_env": "DEPLOYS", "platform": "slack", "workspace": "T1", "channel": "C1"}
    assert (
        hidden({"DEPLOYS": "a-hook-of-ours"}, "a-hook-of-ours", webhooks={"deploys": hook})
        == "‹masked: DEPLOYS›"
    )


def test_what_is_issued_while_the_host_runs_is_masked_from_then_on_and_what_it_replaces_for_a_while() -> None:
    masks = Masks(Settings(Config()), {})
    for number in range(6):
        masks.learn("access_token of wiki", f"issued-number-{number}")
    said = " ".join(f"issued-number-{number}" for number in range(6))
    found, counts = masks.text("default", said)
    assert found == "issued-number-0 issued-number-1" + " ‹masked: access_token of wiki›" * 4
    assert counts == {"access_token of wiki": 4}


def test_names_of_things_are_left_alone_and_each_text_of_an_operation_is_not() -> None:
    masks = Masks(Settings(Config()), {})
    file, counts = masks.operation("default", content.File(f"{TOKEN}.txt", f"{TOKEN}.txt", f"of {TOKEN}"))
    assert file == content.File(f"{TOKEN}.txt", f"{MASKED}.txt", f"of {MASKED}")
    edit, _ = masks.operation("default", content.Edit(TOKEN, TOKEN))
    assert edit == content.Edit(TOKEN, MASKED)
    question, _ = masks.operation(
        "default", content.Question("?", (TOKEN, "no"), audience=(TOKEN,), call=TOKEN)
    )
    assert question == content.Question("?", (MASKED, "no"), audience=(TOKEN,), call=TOKEN)
    assert counts == {"github-token": 2}


def test_a_pattern_that_could_be_gone_through_in_two_ways_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "dovecote.toml"
    path.write_text('[masking.patterns]\nstaff = "(a+)+b"\n')
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert "ACME-[A-Z0-9]{20,}" in str(refused.value)
