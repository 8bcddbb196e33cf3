"""The kinds of values in the file. Each refuses in two sentences: what is wrong, and what to write."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from host.config import patterns, shapes
from host.words import languages
from sessiondb.options import Options, OptionsError, is_url, nearest

REFUSED = "dovecote"  # the type of an error that carries a problem and a remedy of ours
MOST_DOLLARS = 1e12  # in millionths of one it fits into a row
HOST_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
NATIVE = re.compile(
    r"bedrock[a-z0-9-]*\.[a-z0-9-]+\.amazonaws\.com|[a-z0-9-]*aiplatform\.googleapis\.com", re.IGNORECASE
)
HOURS = re.compile(r"(\d{1,2})(?::(\d\d))?\s*[-–—]\s*(\d{1,2})(?::(\d\d))?", re.ASCII)
TEAM = re.compile(r"[TE][A-Z0-9]{2,30}", re.ASCII)
EMOJI = re.compile(r":[a-z0-9_+'-]{1,60}:")
LONGEST_FACE = 40  # characters
LONGEST_ICON = 500
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def refused(problem: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError(REFUSED, "{problem}. {remedy}", {"problem": problem, "remedy": remedy})


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        hint = nearest(name, available_timezones()) or "Write one such as 'Europe/Berlin'"
        raise refused(f"{name!r} is no IANA time zone", hint) from error
    return name


def _language(name: str) -> str:
    if name not in languages():
        raise refused(
            f"{name!r} is no language that is spoken here", f"Write one of {', '.join(languages())}"
        )
    return name


def _language_or_none(name: str) -> str:
    return _language(name) if name else ""


def _zone_or_none(name: str) -> str:
    return _zone(name) if name else ""


def _face(name: str) -> str:
    """What people see in place of the app's name; nothing in it may look like a mention or formatting."""
    name = " ".join(name.split())
    if len(name) > LONGEST_FACE or not name.isprintable() or set(name) & set("*_~`|<>[]()@#\\:"):
        raise refused(
            f"{name[:60]!r} is no name to be seen by",
            f"Write up to {LONGEST_FACE} letters, digits and blanks",
        )
    return name


def _icon(text: str) -> str:
    if text and not (EMOJI.fullmatch(text) or (is_url(text, "https") and len(text) <= LONGEST_ICON)):
        raise refused(
            f"{text[:60]!r} is no picture", "Write an emoji's name such as :owl:, or an https:// address"
        )
    return text


def _hours(text: str) -> str:
    """`22:00-07:00`, however it is written; '' for none."""
    if not text.strip():
        return ""
    found = HOURS.fullmatch(text.strip())
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not parts or parts[0] > 23 or parts[2:] > [24, 0] or max(parts[1], parts[3]) > 59:
        raise refused(f"{text!r} is no span of a day", 'Write two times of 24 hours, such as "22:00-07:00"')
    begin, end = parts[:2], [parts[2] % 24, parts[3]]
    if begin == end:
        raise refused(
            f"{text!r} is no span of a day: it ends where it begins", 'Write one such as "22:00-07:00"'
        )
    return f"{begin[0]:02}:{begin[1]:02}-{end[0]:02}:{end[1]:02}"


def _dollars(amount: float) -> float:
    """What is counted, in millionths, or no limit at all."""
    if MOST_DOLLARS < amount < math.inf:
        raise refused(f"{amount:,.0f} US dollars are more than can be counted", "Write inf for no limit")
    return amount


def _pattern(text: str) -> str:
    try:
        patterns.compiled(text)
    except patterns.PatternError as error:
        raise refused(
            f"{text!r} is nothing that can be looked for in bounded time, whatever the text, for its {error}",
            "Say it without looking ahead or behind, references back, possessive repeats and repeats of more than 1,000",
        ) from error
    except re.error as error:
        at = f", from its character {error.pos + 1} on" if error.pos is not None else ""
        raise refused(
            f"{text!r} is no regular expression{at}",
            "Correct it; a backslash before a sign means the sign itself",
        ) from error
    return text


def _shape(text: str) -> str:
    try:
        shapes.Shape.spelled(text)
    except shapes.ShapeError as error:
        raise refused(
            f"{text!r} {error}",
            "Write what it begins with and what it goes on with, such as 'ACME-[A-Z0-9]{20,}'",
        ) from error
    return text


def _model_address(url: str) -> str:
    """Without the version that some write behind it: the gateway adds the path."""
    url = url.strip().rstrip("/").removesuffix("/messages").removesuffix("/v1").rstrip("/")
    if not is_url(url, "http", "https"):
        raise refused(f"{url!r} is no address", "Write one such as https://api.anthropic.com")
    if found := NATIVE.search(url):
        raise refused(
            f"{found[0]} does not speak the Messages API at its own address",
            "Put something that does before it, such as LiteLLM, and name that",
        )
    return url


def _model_address_or_none(url: str) -> str:
    return _model_address(url) if url.strip() else ""


def _address(example: str, *schemes: str, end: str = "") -> Callable[[str], str]:
    def judge(url: str) -> str:
        url = url.strip()
        if not is_url(url, *schemes):
            raise refused(f"{url!r} is no address", f"Write one such as {example}")
        return url.rstrip("/") + end if schemes[0] == "http" else url

    return judge


def _public(url: str) -> str:
    """Sign-ins lead back there, and cookies are kept for it: by TLS, at the root."""
    url = url.strip().rstrip("/").removesuffix(":443").lower()  # as browsers name it
    if url and (
        not is_url(url, "https")
        or not url.isascii()
        or url != f"https://{urlsplit(url).netloc}"
        or "@" in url
    ):
        raise refused(f"{url!r} is no public address", "Write one such as https://dovecote.example.com")
    return url


def _collector(url: str) -> str:
    """With the path that collectors take traces at, where it names none."""
    url = _address("http://127.0.0.1:4318", "http", "https")(url)
    return url if urlsplit(url).path not in ("", "/") else f"{url}/v1/traces"


def _database(url: str) -> str:
    """A password would stand in a file that is read, shown and backed up; it is in the environment."""
    address = urlsplit(url)
    if address.scheme not in ("postgresql", "postgres") or not url.isprintable():
        raise refused(
            "that is no database's address", "Write one such as postgresql://dovecote@db.example.com/dovecote"
        )
    if address.password is not None or "password" in parse_qs(address.query, keep_blank_values=True):
        raise refused(
            "a password does not belong into the address", "Put it into .env as PGPASSWORD, or into ~/.pgpass"
        )
    return url


def _shared(folder: Path | None) -> Path | None:
    """Nodes begin in folders of their own: a relative one would be another on each."""
    if folder is not None and (not folder.is_absolute() or ".." in folder.parts):
        raise refused(f"{str(folder)!r} is no whole path", "Write one from the root, such as /mnt/dovecote")
    return folder


def _engine(address: str) -> str:
    if (
        not address
        or address.startswith(("unix:///", "npipe://"))
        or is_url(address, "tcp", "http", "https", "ssh")
    ):
        return address
    raise refused(
        f"{address!r} is no engine's address",
        "Write one such as unix:///var/run/docker.sock, or leave it empty",
    )


def _host_name(name: str) -> str:
    if not HOST_NAME.fullmatch(name) or name.rsplit(".", 1)[1].isdigit():
        raise refused(
            f"{name!r} is not a host's name",
            "Write one such as 'api.github.com': in small letters, no port, no pattern, no address",
        )
    return name


def _variable(name: str) -> str:
    """The name of a variable; a secret that was put here instead is not shown again."""
    if not VARIABLE.fullmatch(name):
        raise refused(
            "is no variable's name",
            "Put the secret into .env and its name here, such as DEPLOYS_WEBHOOK_SECRET",
        )
    return name


def _variable_or_none(name: str) -> str:
    return _variable(name) if name else ""


def _program(line: str) -> str:
    """Blanks alone are no program: what is left empty is off, and nothing else."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise refused(f"{line!r} cannot be taken apart: {error}", "Close each quote") from error
    if bool(words) != bool(line) or "\0" in line:
        raise refused(f"{line!r} names no program", "Write one such as 'python3 /agent/hear.py', or nothing")
    return line


def _options(given: dict[str, Any]) -> dict[str, Any]:
    try:
        Options.of(given)
    except OptionsError as error:
        raise PydanticCustomError(REFUSED, "{told}", {"told": str(error), "faults": error.faults}) from error
    return given


def _team(team: str) -> str:
    if not TEAM.fullmatch(team):
        raise refused(
            "is no workspace of Slack",
            "Write its id, which begins with T, or an organisation's, with E: the first part of an address such as"
            " app.slack.com/client/T012AB3CD",
        )
    return team


Zone = Annotated[str, AfterValidator(_zone)]
Team = Annotated[str, AfterValidator(_team)]
ZoneOrNone = Annotated[str, AfterValidator(_zone_or_none)]
Language = Annotated[str, AfterValidator(_language)]
LanguageOrNone = Annotated[str, AfterValidator(_language_or_none)]
Hours = Annotated[str, AfterValidator(_hours)]
Pattern = Annotated[str, AfterValidator(_pattern)]
FaceName = Annotated[str, AfterValidator(_face)]
FaceIcon = Annotated[str, AfterValidator(_icon)]
SecretShape = Annotated[str, AfterValidator(_shape)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]
Labels = Annotated[tuple[Name, ...], Field(max_length=16)]
Seconds = Annotated[float, Field(gt=0)]
Dollars = Annotated[float, Field(ge=0), AfterValidator(_dollars)]
UnitPrice = Annotated[float, Field(ge=0, le=100_000)]
Port = Annotated[int, Field(ge=0, le=65535)]
ModelAddress = Annotated[str, AfterValidator(_model_address)]
ModelAddressOrNone = Annotated[str, AfterValidator(_model_address_or_none)]
CollectorAddress = Annotated[str, AfterValidator(_collector)]
VaultAddress = Annotated[str, AfterValidator(_address("http://127.0.0.1:10254", "http", "https"))]
SlackAddress = Annotated[str, AfterValidator(_address("https://slack.com/api/", "http", "https", end="/"))]
DiscordAddress = Annotated[str, AfterValidator(_address("https://discord.com/api/v10", "http", "https"))]
GatewayAddress = Annotated[str, AfterValidator(_address("wss://gateway.discord.gg/", "ws", "wss"))]
SharedFolder = Annotated[Path | None, AfterValidator(_shared)]
DatabaseAddress = Annotated[str, AfterValidator(_database)]
EngineAddress = Annotated[str, AfterValidator(_engine)]
PublicAddress = Annotated[str, AfterValidator(_public)]
HostName = Annotated[str, AfterValidator(_host_name)]
ProgramLine = Annotated[str, AfterValidator(_program)]
Variable = Annotated[str, AfterValidator(_variable)]
VariableOrNone = Annotated[str, AfterValidator(_variable_or_none)]
OptionTable = Annotated[dict[str, Any], AfterValidator(_options)]
