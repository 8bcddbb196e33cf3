"""What the file may say, section by section. No file at all is valid: the console, Claude if there is a key, `./data`."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from host.config.kinds import (
    CollectorAddress,
    DatabaseAddress,
    DiscordAddress,
    Dollars,
    EngineAddress,
    FaceIcon,
    FaceName,
    GatewayAddress,
    HostName,
    Hours,
    Labels,
    Language,
    LanguageOrNone,
    ModelAddress,
    ModelAddressOrNone,
    Name,
    OptionTable,
    Pattern,
    Port,
    ProgramLine,
    PublicAddress,
    Seconds,
    SecretShape,
    SharedFolder,
    SlackAddress,
    Team,
    UnitPrice,
    Variable,
    VariableOrNone,
    VaultAddress,
    Zone,
    ZoneOrNone,
    refused,
)
from sessiondb.options import Options


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


class Price(_Model):
    """US dollars per million tokens; web searches per thousand."""

    input: UnitPrice
    output: UnitPrice
    cache_write: UnitPrice
    cache_read: UnitPrice
    web_search: UnitPrice = 10.0


class Model(_Model):
    """The model API behind the gateway. The key comes from the environment: ANTHROPIC_API_KEY."""

    base_url: ModelAddress = "https://api.anthropic.com"
    budget_usd_per_day: Dollars = 10.0  # of all agents together
    budget_usd_per_month: Dollars = math.inf
    prices: dict[str, Price] = {}  # by the start of a model's name, beside those that are built in


class Budget(_Model):
    """US dollars; inf: no limit."""

    budget_usd_per_day: Dollars = math.inf
    budget_usd_per_month: Dollars = math.inf


class Budgets(_Model):
    """Of each channel, person and scheduled task, whichever agents work for it. What an owner decided about a channel's day
    stands above this."""

    channel: Budget = Budget()  # a direct message counts as one
    person: Budget = Budget()
    task: Budget = Budget()
    channels: dict[
        str, Budget
    ] = {}  # one's own, as "slack/T012AB3CD/C012AB3CD"; what it leaves out is as for each
    people: dict[str, Budget] = {}  # one's own, as `platform:id`

    def of_channel(self, channel: str) -> Budget:
        return _own(self.channel, self.channels.get(channel))

    def of_person(self, who: str) -> Budget:
        """`who` may have its workspace before the id, and be named with it or without."""
        platform, _, id_ = who.partition(":")
        anywhere = f"{platform}:{id_.rpartition('/')[2]}"
        return _own(self.person, self.people.get(who, self.people.get(anywhere)))


def _own(each: Budget, own: Budget | None) -> Budget:
    return each if own is None else each.model_copy(update=own.model_dump(exclude_unset=True))


class Credentials(_Model):
    """Where the keys come from that the gateway adds. Secrets: ANTHROPIC_API_KEY, or ONECLI_API_KEY for the vault."""

    source: Literal["environment", "onecli"] = "environment"
    onecli_url: VaultAddress = "http://127.0.0.1:10254"


class Network(_Model):
    """The hosts that a container may reach, by TLS on port 443. Default: none."""

    allow: tuple[HostName, ...] = ()


class Masking(_Model):
    """What is masked in posts besides the tokens that are known by their shape and the secrets of this host."""

    patterns: Annotated[dict[Name, SecretShape], Field(max_length=50)] = {}


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
    options: OptionTable = {}
    models: tuple[str, ...] = ()  # it may ask for besides its own, and people for one question
    betas: tuple[str, ...] = ()  # of the model API, besides those that Dovecote itself uses
    server_tools: tuple[str, ...] = ()  # tool types that the model API runs, besides those of `options`
    budget_usd_per_day: Dollars = math.inf
    budget_usd_per_month: Dollars = math.inf
    network: Network = Network()
    reactions: Literal["off", "context", "wake"] = "context"  # of people to messages of its conversations
    mask_secrets: bool = True  # in what it posts; what it does not mask is not searched either
    name: FaceName = ""  # by which people see it, instead of the app's
    by_name: bool = True  # whether people call it by its names where several agents serve a channel
    icon: FaceIcon = ""  # its picture: an emoji's name or an https:// address
    feedback: bool = True  # whether people are asked what they think of its answers, by buttons under them
    fallback_model: str = ""  # answers while its own, or the one that was chosen, is away; '' = none does
    fallback_url: ModelAddressOrNone = ""  # where that one is; '' = where its own is
    fallback_key_env: VariableOrNone = ""  # names the variable with the key for it; '' = none is sent
    title_model: str = "claude-haiku-5-5"  # names threads after their first answer; '' = the question does
    shortest_task_interval: Seconds = 60.0  # between two runs of one scheduled task
    most_tasks: Annotated[int, Field(ge=1, le=10_000)] = 100  # of one conversation
    prompts: Annotated[
        tuple[Prompt, ...], Field(max_length=4)
    ] = ()  # suggested to people; empty: some of use to all
    needs: Labels = ()  # of the machine that it works on, where several serve at a time

    @property
    def echoes(self) -> bool:
        return self.provider in ("auto", "mock")

    @property
    def rules_of_approval(self) -> Options:
        """Who may allow a tool's call, and how many have to."""
        return Options.of(self.options)


def without_workspace(platform: str, workspace: str) -> str:
    """Why an address is incomplete, '' if it is not: what people say under a post comes from their workspace."""
    if platform == "slack" and not workspace:
        return (
            "Slack's workspace is missing: its id begins with T and is in the address of Slack in a browser"
        )
    return ""


class Task(_Model):
    """A scheduled task that belongs to this file: it is there as long as the file says so."""

    name: Name
    title: str = ""  # default: the name
    prompt: str
    cron: str = ""  # five fields or a nickname; or:
    at: str = ""  # one local time
    zone: ZoneOrNone = ""  # default: the host's
    agent: Name = "default"
    to: Place  # where it posts
    script: str = ""
    missed: Literal["run_once", "run_all", "skip"] = "run_once"
    mentions: tuple[str, ...] = ()
    punctual: bool = False  # begun at its very minute, whatever else is due then
    reaction: str = ""  # instead of a time: whenever somebody reacts so in its channel,
    file: str = ""  # shares a file whose name ends so there,
    words: str = ""  # or writes one of these phrases there
    by: tuple[str, ...] = ()  # who may begin it so; () = whoever may ask


COMMAND_NAMES = Literal[
    "stop",
    "clear",
    "mute",
    "queue",
    "again",
    "summary",
    "handoff",
    "aside",
    "status",
    "grants",
    "tasks",
    "usage",
    "why",
    "memory",
    "config",
    "help",
]
Alias = Annotated[str, Field(pattern=r"^[^\W_][\w-]{0,29}$")]


class Commands(_Model):
    """What people type to the host itself, behind an exclamation mark."""

    aliases: dict[Alias, COMMAND_NAMES] = {}  # other words for the same, such as halt = "stop"

    @model_validator(mode="after")
    def _no_alias_hides_a_command(self) -> Commands:
        if taken := sorted({alias.casefold() for alias in self.aliases} & set(get_args(COMMAND_NAMES))):
            raise refused(f"{taken[0]!r} is a command itself", "Choose another word for the alias")
        return self


class Route(_Model):
    """Which agent answers where, and when it feels addressed. The first route that fits decides."""

    platform: str = "*"
    workspace: str = "*"
    channel: str = "*"
    agent: Name = "default"
    engage: Literal["mention", "always", "pattern", "off"] = "mention"
    pattern: Pattern = ""
    session: Literal["thread", "channel", "user"] = "thread"
    bots: Literal["never", "mention", "always"] = "mention"  # when other bots' messages count like a person's
    by_name: bool = True  # whether people call agents there by their names, where several serve it
    instructions: str = ""  # for the agent, in these channels
    language: LanguageOrNone = ""  # of what the host itself says in these channels; default: its own


class QuietHours(_Model):
    """In which what schedules post waits, by the zone of each task: "22:00-07:00"; '' is none."""

    everywhere: Hours = ""
    channels: dict[str, Hours] = {}  # of one channel, in place of that: "slack/T012AB3CD/C012AB3CD"

    def of(self, channel: str) -> str:
        return self.channels.get(channel, self.everywhere)


class Access(_Model):
    """Who may talk to agents. Ids are the platform's own, as `platform:id` (`slack:U012AB3CD`)."""

    owners: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    unknown: Literal["deny", "ask", "allow"] = "ask"
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


SELinux: TypeAlias = Literal["", "z", "Z", "disable"]


class Runner(_Model):
    """How runners are started and when they end."""

    launcher: Literal["auto", "docker", "process"] = "auto"  # auto: containers, but for `chat`
    image: str = "dovecote-runner:dev"
    selinux: SELinux = (
        ""  # label the folders of containers (z, or Z: each its own), or confine these less (disable)
    )
    engine: EngineAddress = ""  # the container engine's address; '' = DOCKER_HOST, or the local socket
    limits: Limits = Limits()
    stream_idle: Seconds = 20.0
    idle_exit: Seconds = 300.0
    stop_grace: Seconds = 10.0
    concurrent: Annotated[int, Field(ge=1, le=10_000)] = (
        50  # runners alive at a time; more sessions wait in turn
    )
    concurrent_starts: Annotated[int, Field(ge=1, le=64)] = 2
    written_mb_s: Annotated[int, Field(ge=1)] = (
        48  # what containers may write to disk a second, all together, if they go on; each may write 128 MiB at once
    )
    warm: Annotated[int, Field(ge=0, le=64)] = (
        2  # processes of a kind kept ready for sessions to come; 0 = none
    )


class Voice(_Model):
    """Voice messages of which the platform has no words: a program in the conversation's container writes them down."""

    command: ProgramLine = ""  # the file's path is its last argument, its output the words; '' = none
    timeout: Annotated[Seconds, Field(le=300)] = 60.0  # for one voice message
    largest_mb: Annotated[int, Field(ge=1, le=50)] = 25  # of a voice message that it is given

    @property
    def words(self) -> list[str]:
        """The command, taken apart as a shell does."""
        return shlex.split(self.command)


class Host(_Model):
    bells: bool = True
    sweep_every: Seconds = 5.0
    poll_slowest: Annotated[float, Field(ge=0)] = (
        0.0  # s between two looks at a quiet file; 0 = as bells allow
    )
    retention_days: Annotated[int, Field(ge=1)] = 90  # what is over and older is forgotten, on both sides
    zone: Zone = "UTC"
    language: Language = "en"  # of what the host itself says, where nothing else is set or known
    task_window: Annotated[float, Field(ge=0, le=3_600)] = (
        60.0  # s over which tasks of the same minute are spread; each is told how late it may begin
    )


class Console(_Model):
    user: str = "you"


class Discord(_Model):
    """Runs where the environment has DISCORD_BOT_TOKEN."""

    api_url: DiscordAddress = "https://discord.com/api/v10"
    gateway_url: GatewayAddress = "wss://gateway.discord.gg/"


class Slack(_Model):
    """Tokens come from SLACK_BOT_TOKEN, SLACK_APP_TOKEN and, for `mode = "http"`, SLACK_SIGNING_SECRET."""

    api_url: SlackAddress = "https://slack.com/api/"
    mode: Literal["socket", "http"] = "socket"
    sockets: Annotated[int, Field(ge=1, le=10)] = 2  # on one app: while one is replaced the other hears
    listen: str = "127.0.0.1"  # for mode = "http"
    port: Port = 3000
    message_interval: Seconds = 1.0  # between two messages to one channel, after a short burst
    installs: tuple[Team, ...] = ()  # workspaces, or organisations (E…), that may install the app besides


class Webhook(_Model):
    """A program that may wake an agent: `POST /hooks/<name>`, signed."""

    secret_env: Variable  # names the variable of the environment that holds the secret
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


class Webhooks(_Model):
    """Off unless the section is there. Every table in it is a hook: `[webhooks.deploys]`."""

    listen: str = "127.0.0.1"
    port: Port = 8750
    hooks: dict[Name, Webhook] = {}

    @model_validator(mode="before")
    @classmethod
    def _tables_are_hooks(cls, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        hooks = {name: value for name, value in found.items() if isinstance(value, dict)}
        return {name: value for name, value in found.items() if name not in hooks} | {"hooks": hooks}


class Web(_Model):
    """The page, figures and probes by HTTP. Off unless the section is there or `dovecote up --web` asks for it."""

    listen: str = "127.0.0.1"
    port: Port = 8760
    hosts: tuple[str, ...] = ()  # names it may be called by, besides localhost and addresses
    public_url: PublicAddress = (
        ""  # where a server that speaks TLS has it: people sign in there by Slack or Discord
    )


class Log(_Model):
    """What `dovecote up` writes to stderr and `dovecote chat` to its file."""

    format: Literal["text", "json"] = "text"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Traces(_Model):
    """Off unless the section is there. Needs the extra `otel`."""

    endpoint: CollectorAddress = "http://127.0.0.1:4318/v1/traces"


class Cluster(_Model):
    """Off unless the section is there. Needs the extra `cluster`."""

    database: DatabaseAddress  # of PostgreSQL; its password is in PGPASSWORD
    workspaces: SharedFolder = (
        None  # of all nodes; None: each has its own, and what is in it is packed into the database
    )
    folder_mb: Annotated[int, Field(ge=1)] = 512  # of a folder that is packed
    labels: Labels = ()  # of this node; DOVECOTE_LABELS has the last word


class Config(_Model):
    data: Path = Path("data")
    host: Host = Host()
    runner: Runner = Runner()
    model: Model = Model()
    budgets: Budgets = Budgets()
    voice: Voice = Voice()
    credentials: Credentials = Credentials()
    masking: Masking = Masking()
    access: Access = Access()
    agents: dict[Name, Agent] = {"default": Agent()}
    routes: tuple[Route, ...] = (Route(),)
    tasks: tuple[Task, ...] = ()
    quiet_hours: QuietHours = QuietHours()
    commands: Commands = Commands()
    console: Console = Console()
    slack: Slack | None = None  # None: only if SLACK_BOT_TOKEN is set
    discord: Discord = Discord()
    webhooks: Webhooks | None = None
    web: Web | None = None
    log: Log = Log()
    traces: Traces | None = None
    cluster: Cluster | None = None

    def called(self, agent: str) -> str:
        """The name by which people see it; its own where it has no other, or is gone."""
        known = self.agents.get(agent)
        return (known.name if known is not None else "") or agent
