"""Configuration: one file, read once, validated, immutable. Secrets come from the environment only.

No file at all is a valid configuration: the console, Claude if there is a key, `./data`.
"""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from host.config.errors import ConfigError, Fault, unreadable


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone such as 'Europe/Berlin'") from error
    return name


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


Zone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,49}$")]
Seconds = Annotated[float, Field(gt=0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Place(_Model):
    """A channel, or a thread of one."""

    platform: str
    workspace: str = ""
    channel: str
    thread: str = ""


class Destination(Place):
    """A place an agent may write to besides the conversation that asked."""

    description: str = ""


Dollars = Annotated[float, Field(ge=0)]


class Price(_Model):
    """US dollars per million tokens; web searches per thousand."""

    input: Dollars
    output: Dollars
    cache_write: Dollars
    cache_read: Dollars
    web_search: Dollars = 10.0


def _model_address(url: str) -> str:
    """Without the version that some write behind it: the gateway adds the path."""
    url = url.strip().rstrip("/").removesuffix("/messages").removesuffix("/v1").rstrip("/")
    if not re.match(r"https?://[^/]+", url):
        raise ValueError("must be an address such as 'https://api.anthropic.com'")
    if found := NATIVE.search(url):
        raise ValueError(
            f"{found[0]} does not speak the Messages API at its own address; put something that does before it,"
            " such as LiteLLM, and name that"
        )
    return url


NATIVE = re.compile(
    r"bedrock[a-z0-9-]*\.[a-z0-9-]+\.amazonaws\.com|[a-z0-9-]*aiplatform\.googleapis\.com", re.IGNORECASE
)


class Model(_Model):
    """The model API behind the gateway. The key comes from the environment: ANTHROPIC_API_KEY."""

    base_url: Annotated[str, AfterValidator(_model_address)] = "https://api.anthropic.com"
    budget_usd_per_day: Dollars = math.inf  # of all agents together
    budget_usd_per_month: Dollars = math.inf
    prices: dict[str, Price] = {}  # by the start of a model's name, beside those that are built in


class Credentials(_Model):
    """Where the keys come from that the gateway adds. Secrets: ANTHROPIC_API_KEY, or ONECLI_API_KEY for the vault."""

    source: Literal["environment", "onecli"] = "environment"
    onecli_url: Annotated[str, Field(pattern=r"^https?://[^/]+")] = "http://127.0.0.1:10254"


def _host_name(name: str) -> str:
    if not HOST_NAME.fullmatch(name) or name.rsplit(".", 1)[1].isdigit():
        raise ValueError(
            f"{name!r} is not a host's name such as 'api.github.com'; no port, no pattern, no address"
        )
    return name


HOST_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
HostName = Annotated[str, AfterValidator(_host_name)]


class Network(_Model):
    """The hosts that a container may reach, by TLS on port 443. Default: none."""

    allow: tuple[HostName, ...] = ()


class Prompt(_Model):
    """What a person could ask: shown where a conversation can begin."""

    title: Annotated[str, Field(min_length=1, max_length=75)]
    message: Annotated[str, Field(min_length=1, max_length=2_000)]


class Agent(_Model):
    provider: Literal["auto", "mock", "claude", "claude_code"] = (
        "auto"  # auto: Claude with a credential, else an echo
    )
    model: str = ""
    instructions: str = ""
    destinations: dict[Name, Destination] = {}
    options: dict[str, Any] = {}
    models: tuple[str, ...] = ()  # it may ask for besides its own
    betas: tuple[str, ...] = ()  # of the model API, besides those that Dovecote itself uses
    server_tools: tuple[str, ...] = ()  # tool types that the model API runs, besides those of `options`
    budget_usd_per_day: Dollars = math.inf
    budget_usd_per_month: Dollars = math.inf
    network: Network = Network()
    reactions: Literal["off", "context", "wake"] = "context"  # of people to messages of its conversations
    shortest_task_interval: Seconds = 60.0  # between two runs of one scheduled task
    most_tasks: Annotated[int, Field(ge=1, le=10_000)] = 100  # of one conversation
    prompts: Annotated[
        tuple[Prompt, ...], Field(max_length=4)
    ] = ()  # suggested to people; empty: some of use to all

    @property
    def echoes(self) -> bool:
        return self.provider in ("auto", "mock")

    @property
    def approvers(self) -> tuple[str, ...]:
        """Ids of the people who may allow a tool's call, from its options."""
        listed = self.options.get("approvers", ())
        return tuple(map(str, listed)) if isinstance(listed, list | tuple) else ()


def without_workspace(platform: str, workspace: str) -> str:
    """Why an address is incomplete, '' if it is not: what people say under a post comes from their workspace."""
    if platform == "slack" and not workspace:
        return (
            "Slack's workspace is missing: its id begins with T and is in the address of Slack in a browser"
        )
    return ""


def _with_workspace(place: Place) -> Place:
    if problem := without_workspace(place.platform, place.workspace):
        raise ValueError(f"workspace: {problem}")
    return place


class Task(_Model):
    """A scheduled task that belongs to this file: it is there as long as the file says so."""

    name: Name
    title: str = ""  # default: the name
    prompt: str
    cron: str = ""  # five fields or a nickname; or:
    at: str = ""  # one local time
    zone: str = ""  # default: the host's
    agent: Name = "default"
    to: Annotated[Place, AfterValidator(_with_workspace)]  # where it posts
    script: str = ""
    missed: Literal["run_once", "run_all", "skip"] = "run_once"
    mentions: tuple[str, ...] = ()


COMMAND_NAMES = Literal[
    "stop", "clear", "mute", "queue", "aside", "status", "tasks", "usage", "why", "config", "help"
]
Alias = Annotated[str, Field(pattern=r"^[^\W_][\w-]{0,29}$")]


class Commands(_Model):
    """What people type to the host itself, behind an exclamation mark."""

    aliases: dict[Alias, COMMAND_NAMES] = {}  # other words for the same, such as halt = "stop"

    @model_validator(mode="after")
    def _no_alias_hides_a_command(self) -> Commands:
        if taken := sorted({alias.casefold() for alias in self.aliases} & set(get_args(COMMAND_NAMES))):
            raise ValueError(f"{taken[0]!r} is a command itself")
        return self


class Route(_Model):
    """Which agent answers where, and when it feels addressed. The first route that fits decides."""

    platform: str = "*"
    workspace: str = "*"
    channel: str = "*"
    agent: Name = "default"
    engage: Literal["mention", "always", "pattern", "off"] = "mention"
    pattern: Annotated[str, AfterValidator(_pattern)] = ""
    session: Literal["thread", "channel", "user"] = "thread"
    bots: Literal["never", "mention", "always"] = "mention"  # when other bots' messages count like a person's
    instructions: str = ""  # for the agent, in these channels

    @model_validator(mode="after")
    def _pattern_goes_with_engage(self) -> Route:
        if (self.engage == "pattern") != bool(self.pattern):
            raise ValueError("engage = 'pattern' and pattern = '…' go together")
        return self


class Access(_Model):
    """Who may talk to agents. Ids are the platform's own, as `platform:id` (`slack:U012AB3CD`)."""

    owners: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    unknown: Literal["deny", "ask", "allow"] = "allow"
    external: Literal["deny", "allow"] = "deny"  # people of other organisations
    guests: Literal["deny", "allow"] = (
        "deny"  # in public channels: Slack's guests, Discord's without a listed role
    )


class Limits(_Model):
    """What one container may use."""

    memory_mb: Annotated[int, Field(ge=64)] = 1024  # swap included
    cpus: Annotated[float, Field(gt=0)] = 1.0
    pids: Annotated[int, Field(ge=16)] = 256
    open_files: Annotated[int, Field(ge=64)] = 1024
    largest_file_mb: Annotated[int, Field(ge=1)] = 512
    disk_mb: Annotated[int, Field(ge=8)] = (
        2048  # of outbound/, the working and the shared folder together; beyond it the runner ends
    )
    files: Annotated[int, Field(ge=100)] = 100_000  # in them, folders included
    temporary_mb: Annotated[int, Field(ge=8)] = 256  # /tmp, in memory
    log_mb: Annotated[int, Field(ge=1)] = (
        2  # kept by the engine while it lives; the last of it lands in runner.log
    )


class Runner(_Model):
    """How runners are started and when they end."""

    launcher: Literal["auto", "docker", "process"] = "auto"  # auto: containers, but for `chat`
    image: str = "dovecote-runner:dev"
    engine: str = ""  # the container engine's address; '' = DOCKER_HOST, or the local socket
    limits: Limits = Limits()
    stream_idle: Seconds = 20.0
    idle_exit: Seconds = 300.0
    stop_grace: Seconds = 10.0
    concurrent: Annotated[int, Field(ge=1, le=10_000)] = (
        50  # runners alive at a time; more sessions wait in turn
    )
    concurrent_starts: Annotated[int, Field(ge=1, le=64)] = 2


class Host(_Model):
    bells: bool = True
    sweep_every: Seconds = 5.0
    poll_slowest: Seconds = 1.0
    retention_days: Annotated[int, Field(ge=1)] = 90  # what is over and older is forgotten, on both sides
    zone: Zone = "UTC"


class Console(_Model):
    user: str = "you"


class Discord(_Model):
    """Runs where the environment has DISCORD_BOT_TOKEN."""

    api_url: str = "https://discord.com/api/v10"
    gateway_url: str = "wss://gateway.discord.gg/"


class Slack(_Model):
    """Tokens come from SLACK_BOT_TOKEN, SLACK_APP_TOKEN and, for `mode = "http"`, SLACK_SIGNING_SECRET."""

    api_url: str = "https://slack.com/api/"
    mode: Literal["socket", "http"] = "socket"
    sockets: Annotated[int, Field(ge=1, le=10)] = 2  # on one app: while one is replaced the other hears
    listen: str = "127.0.0.1"  # for mode = "http"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    message_interval: Seconds = 1.0  # between two messages to one channel, after a short burst


class Webhook(_Model):
    """A program that may wake an agent: `POST /hooks/<name>`, signed."""

    secret_env: Annotated[
        str, Field(min_length=1)
    ]  # names the variable of the environment that holds the secret
    style: Literal["generic", "github"] = "generic"
    platform: str
    workspace: str = ""
    channel: str
    thread: str = ""
    privacy: Literal["private", "public"] = (
        "private"  # of that channel: whose workspace folder the agent gets
    )
    agent: str = ""  # '' = the one that answers in the channel
    prompt: str = ""  # what the agent is to do with what comes
    per_minute: Annotated[int, Field(ge=1, le=6_000)] = 30

    @model_validator(mode="after")
    def _names_its_workspace(self) -> Webhook:
        if problem := without_workspace(self.platform, self.workspace):
            raise ValueError(f"workspace: {problem}")
        return self


class Webhooks(_Model):
    """Off unless the section is there. Every table in it is a hook: `[webhooks.deploys]`."""

    listen: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8750
    hooks: dict[Name, Webhook] = {}

    @model_validator(mode="before")
    @classmethod
    def _tables_are_hooks(cls, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        hooks = {name: value for name, value in found.items() if isinstance(value, dict)}
        return {name: value for name, value in found.items() if name not in hooks} | {"hooks": hooks}


class Web(_Model):
    """Figures and probes by HTTP. Off unless the section is there or `dovecote up --web` asks for it."""

    listen: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8760
    hosts: tuple[str, ...] = ()  # names it may be called by, besides localhost and addresses


class Log(_Model):
    """What `dovecote up` writes to stderr and `dovecote chat` to its file."""

    format: Literal["text", "json"] = "text"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Config(_Model):
    data: Path = Path("data")
    host: Host = Host()
    runner: Runner = Runner()
    model: Model = Model()
    credentials: Credentials = Credentials()
    access: Access = Access()
    agents: dict[Name, Agent] = {"default": Agent()}
    routes: tuple[Route, ...] = (Route(),)
    tasks: tuple[Task, ...] = ()
    commands: Commands = Commands()
    console: Console = Console()
    slack: Slack | None = None  # None: only if SLACK_BOT_TOKEN is set
    discord: Discord = Discord()
    webhooks: Webhooks | None = None
    web: Web | None = None
    log: Log = Log()

    @model_validator(mode="after")
    def _routes_name_agents(self) -> Config:
        for number, route in enumerate(self.routes):
            if route.agent not in self.agents:
                known = ", ".join(self.agents)
                raise ValueError(
                    f"routes[{number}].agent = {route.agent!r} is no agent of this file (known: {known})"
                )
        for task in self.tasks:
            if task.agent not in self.agents:
                raise ValueError(
                    f"tasks: {task.name!r} names agent {task.agent!r}, which this file does not have"
                )
        if len({task.name for task in self.tasks}) != len(self.tasks):
            raise ValueError("tasks: two of them have the same name")
        return self

    @model_validator(mode="after")
    def _hooks_name_agents(self) -> Config:
        for name, hook in (self.webhooks.hooks if self.webhooks else {}).items():
            if hook.agent and hook.agent not in self.agents:
                raise ValueError(f"webhooks.{name}.agent = {hook.agent!r} is no agent of this file")
        return self


def load(path: Path | None) -> Config:
    """Reads the file, or `dovecote.toml` in the working folder if there is one. Raises `ConfigError`."""
    file = path or Path("dovecote.toml")
    if not file.exists():
        if path is not None:
            raise ConfigError(
                file, [Fault("", "no such file", "Name an existing file, or leave --config out")]
            )
        return Config()
    try:
        found = tomllib.loads(file.read_text("utf-8-sig"))  # Windows writes a mark first
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, [Fault("", f"not TOML: {error}", "Correct the line it names")]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(file, error) from error
    try:
        return Config.model_validate(found)
    except ValidationError as error:
        raise _explained(file, error) from error


def _explained(file: Path, error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False)[0]
    # In the file a hook is a table of `webhooks` itself.
    key = ".".join(str(part) for part in first["loc"]).replace("webhooks.hooks.", "webhooks.")
    if first["type"] == "extra_forbidden":
        return ConfigError(
            file, [Fault(key, "unknown key", "Remove it, or look it up in dovecote.example.toml")]
        )
    return ConfigError(
        file, [Fault(key, first["msg"], "See dovecote.example.toml for every key and its default")]
    )
