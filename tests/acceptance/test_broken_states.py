"""Every state that cannot work says so: `up`, `chat` and the doctor in the same sentence, which names the remedy."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from sessiondb import CONTRACT
from tests.fakes.certificates import CertificateAuthority
from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.events import Intent
from tests.support import odd_servers
from tests.support.commands import Ended
from tests.support.installation import Installation, installation

State = Callable[[Installation], AsyncIterator[str]]
STATES: list[Any] = []
NOBODY = 65534  # a user whom nothing here belongs to
REMEDIES = (
    "et ",
    "Copy",
    "switch",
    "Add",
    "orrect",
    "emove",
    "Write",
    "Make",
    "Name",
    "See",
    "Did you mean",
    "End",
    "is written as",
    "`dovecote setup",
)
YEAR = datetime.timedelta(days=365)


def state(area: str) -> Callable[[State], State]:
    """A way to break an installation; it yields words of the sentence that is said of it."""

    def listed(made: State) -> State:
        STATES.append(pytest.param(asynccontextmanager(made), id=f"{area}-{made.__name__}"))
        return made

    return listed


@pytest.mark.parametrize("broken", STATES)
async def test_doctor_up_and_chat_say_it_in_the_same_words(
    broken: Callable[[Installation], contextlib.AbstractAsyncContextManager[str]],
) -> None:
    with _folder() as folder:
        async with installation(folder) as place, broken(place) as words:
            found = await _aside(place.command.findings)
            told = [one for one in found if not one["well"] and words in one["sentence"]]
            assert told, f"the doctor does not say {words!r}: {[one for one in found if not one['well']]}"
            sentence = told[0]["sentence"].removeprefix("Configuration: ")
            ends = sentence.rstrip(".").rpartition(": ")[2]
            assert told[0]["remedy"] or any(word in ends for word in REMEDIES), f"what to do? {sentence}"
            for command in ("up", "chat"):
                ended = await _aside(place.command.run_until, words, command)
                assert _timeless(sentence) in _timeless(ended.said), f"{command}: {ended.said}"
                assert "Traceback" not in ended.said


def _timeless(said: str) -> str:
    """A minute may turn between two commands that tell the time."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "now", said)


async def _aside(job: Callable[..., Any], *arguments: Any) -> Any:
    import asyncio

    return await asyncio.to_thread(job, *arguments)


@contextmanager
def _folder() -> Iterator[Path]:
    """Not below pytest's: other users have to get there."""
    with tempfile.TemporaryDirectory(prefix="dovecote-state-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_there_are_at_least_six_states_of_each_area() -> None:
    areas = [str(one.id).split("-", 1)[0] for one in STATES]
    counted = {area: areas.count(area) for area in dict.fromkeys(areas)}
    assert set(counted) == {
        "tokens",
        "model",
        "disk",
        "engine",
        "configuration",
        "database",
        "network",
        "clock",
    }
    assert min(counted.values()) >= 6, counted


# ── tokens and scopes ────────────────────────────────────────────────────────────────────────────────────


@state("tokens")
async def the_bot_token_is_missing(place: Installation) -> AsyncIterator[str]:
    del place.command.environment["SLACK_BOT_TOKEN"]
    yield "SLACK_BOT_TOKEN not set"


@state("tokens")
async def the_app_token_is_missing(place: Installation) -> AsyncIterator[str]:
    del place.command.environment["SLACK_APP_TOKEN"]
    yield "SLACK_APP_TOKEN not set"


@state("tokens")
async def a_token_was_cut_in_two(place: Installation) -> AsyncIterator[str]:
    place.command.environment["SLACK_BOT_TOKEN"] = "xoxb-fake\n-bot"
    yield "has a line break or a space in it"


@state("tokens")
async def slack_refuses_the_bot_token(place: Installation) -> AsyncIterator[str]:
    place.command.environment["SLACK_BOT_TOKEN"] = "xoxb-of-yesterday"
    yield "Slack refuses SLACK_BOT_TOKEN: invalid_auth"


@state("tokens")
async def slack_refuses_the_app_token(place: Installation) -> AsyncIterator[str]:
    place.command.environment["SLACK_APP_TOKEN"] = "xapp-of-yesterday"
    yield "Slack refuses SLACK_APP_TOKEN: invalid_auth"


@state("tokens")
async def a_scope_is_missing(place: Installation) -> AsyncIterator[str]:
    place.slack.scopes -= {"chat:write"}
    yield "the scopes chat:write are missing"


@state("tokens")
async def the_signing_secret_is_missing(place: Installation) -> AsyncIterator[str]:
    place.write(slack={"mode": "http"})
    yield "SLACK_SIGNING_SECRET not set"


@state("tokens")
async def discord_refuses_the_token(place: Installation) -> AsyncIterator[str]:
    async with _discord(place):
        place.command.environment["DISCORD_BOT_TOKEN"] = "of.yester.day"
        yield "Discord refuses the token in DISCORD_BOT_TOKEN"


@state("tokens")
async def the_message_content_intent_is_off(place: Installation) -> AsyncIterator[str]:
    async with _discord(place) as discord:
        discord.settings.enabled_intents &= ~Intent.MESSAGE_CONTENT
        yield "switch on Message Content Intent"


@asynccontextmanager
async def _discord(place: Installation) -> AsyncIterator[FakeDiscord]:
    async with FakeDiscord() as discord:
        place.command.environment["DISCORD_BOT_TOKEN"] = discord.token
        place.write(discord={"api_url": discord.api_url, "gateway_url": discord.gateway_url})
        yield discord


# ── the model ────────────────────────────────────────────────────────────────────────────────────────────


@state("model")
async def the_key_is_missing(place: Installation) -> AsyncIterator[str]:
    del place.command.environment["ANTHROPIC_API_KEY"]
    yield "no ANTHROPIC_API_KEY"


@state("model")
async def the_key_has_a_space_in_it(place: Installation) -> AsyncIterator[str]:
    place.command.environment["ANTHROPIC_API_KEY"] = "sk-ant one two"
    yield "ANTHROPIC_API_KEY has a line break or a space in it"


@state("model")
async def the_key_is_refused(place: Installation) -> AsyncIterator[str]:
    place.command.environment["ANTHROPIC_API_KEY"] = "sk-ant-of-yesterday"
    yield "refuses the key (401)"


@state("model")
async def the_model_is_unknown(place: Installation) -> AsyncIterator[str]:
    place.write(agents={"default": {"provider": "claude", "model": "claude-of-tomorrow"}})
    yield "has no model 'claude-of-tomorrow'"


def _error(kind: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": "no"}}


@state("model")
async def the_key_may_not_use_the_model(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.answering(403, _error("permission_error")) as url:
        place.write(model={"base_url": url})
        yield "the key may not use"


@state("model")
async def the_account_has_no_credit(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.answering(402, _error("billing_error")) as url:
        place.write(model={"base_url": url})
        yield "has no credit"


@state("model")
async def the_key_asks_too_often(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.answering(429, _error("rate_limit_error")) as url:
        place.write(model={"base_url": url})
        yield "asks too often (429)"


@state("model")
async def the_model_api_is_overloaded(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.answering(529, _error("overloaded_error")) as url:
        place.write(model={"base_url": url})
        yield "is not well (529)"


@state("model")
async def the_budget_is_used_up(place: Installation) -> AsyncIterator[str]:
    day = int(time.strftime("%Y%m%d", time.gmtime()))
    place.change_records("INSERT INTO spent VALUES ('default', ?, 11000000)", day)
    yield "used up the day's $10.00"


# ── the disk ─────────────────────────────────────────────────────────────────────────────────────────────


@state("disk")
async def the_data_folder_is_a_file(place: Installation) -> AsyncIterator[str]:
    place.data.write_text("")
    yield "there is a file where a folder has to be"


@state("disk")
async def it_would_lie_below_a_file(place: Installation) -> AsyncIterator[str]:
    (place.folder / "notes").write_text("")
    place.settings["data"] = "notes/data"
    place.write()
    yield "there is a file where a folder has to be"


@state("disk")
async def its_link_leads_nowhere(place: Installation) -> AsyncIterator[str]:
    place.data.symlink_to("/mnt/unplugged")
    yield "a link that leads nowhere"


@state("disk")
async def it_belongs_to_somebody_else(place: Installation) -> AsyncIterator[str]:
    _only_root()
    place.data.mkdir(mode=0o755)
    place.folder.chmod(0o777)
    place.command.uid = NOBODY
    yield "it belongs to root (uid 0)"


@state("disk")
async def others_can_look_into_it(place: Installation) -> AsyncIterator[str]:
    place.records()
    place.data.chmod(0o755)
    yield "other users of this machine can look into it (mode 0755)"


@state("disk")
async def it_is_mounted_to_be_read(place: Installation) -> AsyncIterator[str]:
    with _mounted(place.data, "size=16m,ro"):
        yield "its file system can only be read"


@state("disk")
async def no_space_is_left(place: Installation) -> AsyncIterator[str]:
    with _mounted(place.data, "size=64k"):
        _fill(place.data / "ballast")
        yield "no space is left"


@state("disk")
async def no_more_files_fit(place: Installation) -> AsyncIterator[str]:
    with _mounted(place.data, "size=64m,nr_inodes=1"):
        yield "no more files fit on its file system"


def _only_root() -> None:
    if os.geteuid() != 0:
        if os.environ.get("DOVECOTE_REQUIRE_DOCKER") == "1":
            pytest.fail("this run promised to be root's")
        pytest.skip("only root can become somebody else, or mount a disk")


@contextmanager
def _mounted(path: Path, options: str) -> Iterator[None]:
    _only_root()
    path.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "tmpfs", str(path)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


# ── the engine ───────────────────────────────────────────────────────────────────────────────────────────


def _contained(place: Installation, address: str) -> None:
    place.command.environment["DOCKER_HOST"] = address
    place.write(runner={"launcher": "docker"})


@state("engine")
async def there_is_none(place: Installation) -> AsyncIterator[str]:
    _contained(place, f"unix://{place.folder}/none.sock")
    place.command.environment["PATH"] = str(place.folder)
    yield "Install a container engine"


@state("engine")
async def it_has_ended(place: Installation) -> AsyncIterator[str]:
    _contained(place, odd_servers.unused_socket(place.folder / "engine.sock"))
    yield "systemctl start docker"


@state("engine")
async def it_is_elsewhere_and_away(place: Installation) -> AsyncIterator[str]:
    _contained(place, "tcp://127.0.0.1:1")
    yield "Start the engine at tcp://127.0.0.1:1"


@state("engine")
async def its_address_is_none(place: Installation) -> AsyncIterator[str]:
    _contained(place, "docker at home")
    yield "correct runner.engine and DOCKER_HOST"


@state("engine")
async def it_has_no_image(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.engine({"KernelVersion": os.uname().release}, None) as address:
        _contained(place, address)
        yield "dovecote-runner:dev: missing. Run `make image`"


@state("engine")
async def its_image_is_of_another_version(place: Installation) -> AsyncIterator[str]:
    labels = {"Config": {"Labels": {"dovecote.contract": str(CONTRACT + 1)}}}
    async with odd_servers.engine({"KernelVersion": os.uname().release}, labels) as address:
        _contained(place, address)
        yield "Run `make image`"


@state("engine")
async def it_is_on_another_kernel(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.engine({"KernelVersion": "5.15-linuxkit"}, None) as address:
        _contained(place, address)
        yield "engine 5.15-linuxkit"


# ── the configuration ────────────────────────────────────────────────────────────────────────────────────


def _file(place: Installation, text: str) -> None:
    (place.folder / "dovecote.toml").write_text(text)


@state("configuration")
async def it_is_not_toml(place: Installation) -> AsyncIterator[str]:
    _file(place, "[runner\n")
    yield "dovecote.toml"


@state("configuration")
async def a_key_is_unknown(place: Installation) -> AsyncIterator[str]:
    _file(place, '[runner]\nlauncer = "docker"\n')
    yield "runner.launcer"


@state("configuration")
async def a_value_is_of_another_kind(place: Installation) -> AsyncIterator[str]:
    _file(place, '[host]\nretention_days = "many"\n')
    yield "host.retention_days"


@state("configuration")
async def a_route_names_an_agent_that_is_not_there(place: Installation) -> AsyncIterator[str]:
    _file(place, '[[routes]]\nagent = "pidgeon"\n')
    yield "pidgeon"


@state("configuration")
async def it_is_not_a_text(place: Installation) -> AsyncIterator[str]:
    (place.folder / "dovecote.toml").write_bytes(b"\xff\xfe[\x00")
    yield "UTF-8"


@state("configuration")
async def there_is_a_folder_in_its_place(place: Installation) -> AsyncIterator[str]:
    (place.folder / "dovecote.toml").unlink()
    (place.folder / "dovecote.toml").mkdir()
    yield "cannot be read"


@state("configuration")
async def the_file_of_secrets_is_no_list_of_settings(place: Installation) -> AsyncIterator[str]:
    (place.folder / ".env").write_text("SLACK BOT TOKEN\n")
    yield ".env"


# ── the database ─────────────────────────────────────────────────────────────────────────────────────────


@state("database")
async def the_records_are_something_else(place: Installation) -> AsyncIterator[str]:
    place.records().write_bytes(b"not a database at all" * 500)
    yield "it is damaged. Move host.db, host.db-wal and host.db-shm aside"


@state("database")
async def a_page_is_damaged(place: Installation) -> AsyncIterator[str]:
    path = place.records()
    whole = bytearray(path.read_bytes())
    whole[4096 * 2 : 4096 * 6] = bytes(4096 * 4)
    path.write_bytes(whole)
    yield "it is damaged"


@state("database")
async def a_newer_dovecote_wrote_them(place: Installation) -> AsyncIterator[str]:
    place.change_records("PRAGMA user_version = 999")
    yield "a newer Dovecote wrote it (version 999"


@state("database")
async def a_table_is_missing(place: Installation) -> AsyncIterator[str]:
    place.change_records("DROP TABLE spent")
    yield "it is damaged"


@state("database")
async def a_folder_is_in_their_place(place: Installation) -> AsyncIterator[str]:
    place.records().unlink()
    (place.data / "host.db").mkdir()
    yield "there is a folder where a file has to be"


@state("database")
async def their_link_leads_nowhere(place: Installation) -> AsyncIterator[str]:
    place.records().unlink()
    (place.data / "host.db").symlink_to("/mnt/unplugged/host.db")
    yield "it is a link that leads nowhere"


@state("database")
async def another_program_holds_them(place: Installation) -> AsyncIterator[str]:
    with contextlib.closing(apsw.Connection(str(place.records()))) as connection:
        connection.pragma("locking_mode", "exclusive")
        connection.execute("BEGIN EXCLUSIVE")
        yield "another program holds it"


@state("database")
async def a_conversation_s_file_is_a_newer_dovecote_s(place: Installation) -> AsyncIterator[str]:
    file = place.conversation() / "inbound" / "inbound.db"
    with contextlib.closing(apsw.Connection(str(file))) as connection:
        connection.execute("CREATE TABLE messages_in (seq); PRAGMA user_version = 999")
    yield "inbound.db: a newer Dovecote wrote it (version 999"


@state("database")
async def a_conversation_could_not_be_started(place: Installation) -> AsyncIterator[str]:
    place.conversation(start_failures=5, start_error="the image has no bash", busy=0)
    yield "could not be started 5 times: the image has no bash"


# ── the network ──────────────────────────────────────────────────────────────────────────────────────────


@state("network")
async def the_name_is_unknown(place: Installation) -> AsyncIterator[str]:
    place.write(model={"base_url": "https://api.anthropic.invalid"})
    yield "the name api.anthropic.invalid cannot be looked up"


@state("network")
async def nobody_listens_there(place: Installation) -> AsyncIterator[str]:
    place.write(model={"base_url": odd_servers.nowhere()})
    yield "nothing listens at 127.0.0.1:1"


@state("network")
async def nobody_listens_where_the_other_model_is(place: Installation) -> AsyncIterator[str]:
    other = {"fallback_model": "claude-haiku-5-5", "fallback_url": odd_servers.nowhere()}
    place.write(agents={"default": {"provider": "claude", **other}})
    yield "nothing listens at 127.0.0.1:1. Correct agents.default.fallback_url"


@state("network")
async def nobody_answers(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.silent(closing=False) as url:
        place.write(model={"base_url": url})
        place.command.before = _impatient
        yield "does not answer"


def _impatient() -> None:
    from host.cli.looks import model

    model.DEADLINE = 0.5


@state("network")
async def the_connection_breaks_off(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.silent(closing=True) as url:
        place.write(model={"base_url": url})
        yield "breaks the connection off"


@state("network")
async def the_certificate_is_nobody_s(place: Installation) -> AsyncIterator[str]:
    trust = CertificateAuthority("a stranger").server_context("127.0.0.1")
    async with odd_servers.answering(200, {}, trust=trust) as url:
        place.write(model={"base_url": url})
        yield "does not know who issued the certificate"


@state("network")
async def the_certificate_is_another_s(place: Installation) -> AsyncIterator[str]:
    authority = CertificateAuthority("a friend")
    _trusting(place, authority)
    async with odd_servers.answering(200, {}, trust=authority.server_context("10.0.0.1")) as url:
        place.write(model={"base_url": url})
        yield "is another's"


@state("network")
async def it_does_not_speak_tls(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.answering(200, {}) as url:
        place.write(model={"base_url": url.replace("http:", "https:")})
        yield "does not speak TLS"


@state("network")
async def a_log_in_page_stands_before_it(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.answering(200, "<h1>Welcome to the hotel</h1>") as url:
        place.write(model={"base_url": url})
        yield "answers with a page, not as the model API"


@state("network")
async def slack_cannot_be_reached(place: Installation) -> AsyncIterator[str]:
    place.write(slack={"api_url": f"{odd_servers.nowhere()}/api/"})
    yield "nothing listens at 127.0.0.1:1"


def _trusting(place: Installation, authority: CertificateAuthority) -> None:
    trusted = place.folder / "authority.pem"
    trusted.write_text(authority.pem)
    place.command.environment["SSL_CERT_FILE"] = str(trusted)
    place.command.fresh = True


# ── the clock ────────────────────────────────────────────────────────────────────────────────────────────


@state("clock")
async def it_shows_1970(place: Installation) -> AsyncIterator[str]:
    place.command.before = _in_1970
    yield "which cannot be"


@state("clock")
async def it_shows_another_century(place: Installation) -> AsyncIterator[str]:
    place.command.before = _in_2150
    yield "which cannot be"


@state("clock")
async def it_went_back_a_year(place: Installation) -> AsyncIterator[str]:
    place.conversation(active_at=int((time.time() + YEAR.total_seconds()) * 1000))
    yield "the records of host.db go on for 365 days after that"


@state("clock")
async def it_is_behind_the_model_s(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.answering(200, {"id": "claude"}, date=time.time() + 7_300) as url:
        place.write(model={"base_url": url})
        yield "it is 2 hours behind that of"


@state("clock")
async def it_is_ahead_of_the_model_s(place: Installation) -> AsyncIterator[str]:
    async with odd_servers.answering(200, {"id": "claude"}, date=time.time() - 3 * 86_400 - 60) as url:
        place.write(model={"base_url": url})
        yield "it is 3 days ahead of that of"


@state("clock")
async def no_certificate_is_valid_yet(place: Installation) -> AsyncIterator[str]:
    authority = CertificateAuthority("of next year", off=YEAR)
    _trusting(place, authority)
    async with odd_servers.answering(200, {}, trust=authority.server_context("127.0.0.1")) as url:
        place.write(model={"base_url": url})
        yield "is not valid yet, by this machine's clock"


@state("clock")
async def every_certificate_is_over(place: Installation) -> AsyncIterator[str]:
    authority = CertificateAuthority("of last year", off=-YEAR)
    _trusting(place, authority)
    async with odd_servers.answering(200, {}, trust=authority.server_context("127.0.0.1")) as url:
        place.write(model={"base_url": url})
        yield "is over, by this machine's clock"


@state("clock")
async def its_zone_is_unknown(place: Installation) -> AsyncIterator[str]:
    place.command.environment["TZ"] = "Mars/Olympus"
    yield "TZ=Mars/Olympus is none that this machine knows"


@state("clock")
async def the_zone_of_the_days_is_unknown(place: Installation) -> AsyncIterator[str]:
    place.write(host={"zone": "Mars/Olympus"})
    yield "Mars/Olympus"


def _in_1970() -> None:
    _clock_off(-time.time() + 1_000)


def _in_2150() -> None:
    _clock_off(180 * YEAR.total_seconds() - (time.time() - 0))


def _clock_off(seconds: float) -> None:
    """The machine's clock, for the command: what Python reads of it."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)


# ── beside them ──────────────────────────────────────────────────────────────────────────────────────────


async def test_where_all_is_well_the_doctor_is_content_and_leaves_everything_as_it_is() -> None:
    with _folder() as folder:
        async with installation(folder) as place:
            place.records()
            before = _everything(folder)
            found = await _aside(place.command.findings)
            ended: Ended = await _aside(place.command.run, "doctor")
            assert [one["sentence"] for one in found if not one["well"]] == []
            assert ended.code == 0
            assert _everything(folder) == before


async def test_without_a_data_folder_the_doctor_makes_none() -> None:
    with _folder() as folder:
        async with installation(folder) as place:
            ended: Ended = await _aside(place.command.run, "doctor")
            assert ended.code == 0, ended.said
            assert not place.data.exists()


def _everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Names, sizes and times; not those of what the commands print into."""
    found = [path for path in folder.rglob("*") if not path.name.startswith(".")]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}
