"""What an agent's `options` may say: one schema, by which the host judges its file and the runner what it is told.

    max_tokens = 16000   approve = ["bash", "mcp:github/*"]   mcp.github = { command = "github-mcp", args = ["stdio"] }

Everything that is wrong is found at once, each with what to do about it. Light: the runner's start imports it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field, fields
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sessiondb import secrets
from sessiondb.frozen import frozen

DEFAULT_MODEL = "claude-sonnet-5-5"  # of an agent that names none
MOST_TOKENS = 128_000  # of one answer: the largest a model gives
EFFORTS = ("low", "medium", "high", "xhigh", "max")
COMPACTORS = ("api", "own")
LEAST_COMPACTION = 50_000  # tokens; the API refuses a smaller trigger
APPROVE_WITHIN = 86_400  # s until an approval that nobody gave counts as refused
MOST_APPROVERS = 20  # people that one approval may need
GRANT_WITHIN = 28_800  # s that a yes in advance counts: a day's work
LONGEST_WAIT = 30 * 86_400  # s that an approval may stay open
EVERYWHERE = (
    "send_message",
    "ask_user_question",
    "send_file",
    "send_document",
    "edit_message",
    "add_reaction",
    "send_card",
    "read_thread",
    "memory",
    "update_plan",
    "schedule_task",
    "list_tasks",
    "update_task",
    "pause_task",
    "resume_task",
    "cancel_task",
    "run_task_now",
)
ISOLATED = ("bash", "view_file", "create_file", "edit_file")  # there without being named in a container alone
TOOLS = (*EVERYWHERE, *ISOLATED)
SERVER_NAME = r"[^/\x00-\x1f\x7f]{1,64}"
HEADER = r"[A-Za-z0-9-]{1,64}"
TAKEN = frozenset(
    {"host", "accept", "accept-encoding", "content-type", "content-length", "connection", "transfer-encoding"}
)
SUSPICIOUS = "looks like a secret, and whoever talks to the agent can have it read what its container holds"
OUTSIDE = (
    "Name the server by its `url`: the host then signs in there, or sends what `secret_env` names, and nothing of it"
    " enters a container"
)
OF_THE_MOCK = ("mock_append", "mock_die")


class OptionFault(NamedTuple):
    """`key` is a path below `options`, such as ("mcp", "github", "url")."""

    key: tuple[str, ...]
    problem: str
    remedy: str


class OptionsError(Exception):
    """`.faults` is everything that is wrong."""

    def __init__(self, faults: Collection[OptionFault]) -> None:
        super().__init__(
            " ".join(ended(f"options.{'.'.join(f.key)} {f.problem}. {f.remedy}") for f in faults)
        )
        self.faults = tuple(faults)


@frozen
class McpServer:
    """How to reach one server: by a command in the container, or by a URL, whose client is the host.

    A runner is told a URL that leads to the host.
    """

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    secret_env: str = ""  # the variable of the host's environment that holds what the server wants to see
    header: str = "Authorization"  # that carries it; there as a bearer token


@frozen
class Options:
    max_tokens: int = 16_000  # of one answer; a longer one is continued
    max_calls: int = 200  # of the model in one turn
    max_tool_calls: int = 500  # in one turn
    max_messages: int = 50  # that tools send in one turn, besides its answer
    effort: str = ""  # '' leaves it to the API
    thinking: bool = False  # adaptive thinking
    compact_at: int = 150_000  # tokens of input from which the conversation is summarised; 0 = never
    compact: str = "api"  # who summarises; where the API cannot, the provider asks for a summary of its own
    web_search: bool = False
    web_fetch: bool = False
    retries: int = 3  # of one request, before the turn fails
    tools: tuple[str, ...] | None = None  # None: all of them
    approve: tuple[str, ...] = ()  # patterns of tools that ask first
    approve_within: int = APPROVE_WITHIN
    approvers: tuple[
        str, ...
    ] = ()  # who may say yes, as `platform:id`; the host reads it, and the three below
    approve_by: int = 1  # how many of them have to
    asker_approves: bool = True  # whether the yes of whoever asked for it counts
    grant_within: int = GRANT_WITHIN  # s for which a yes may be given in advance; 0 = never
    mcp: Mapping[str, McpServer] = field(default_factory=dict)

    @classmethod
    def of(cls, given: object) -> Options:
        """Raises `OptionsError`."""
        if not isinstance(given, Mapping):
            raise OptionsError([OptionFault((), "must be a table", "Write [agents.NAME.options]")])
        faults = [*_unknown(given, [known.name for known in fields(cls)], ())]
        for name, value in given.items():
            faults += RULES[name](value, (name,)) if name in RULES else ()
        if not any(fault.key[:1] in (("approve",), ("mcp",)) for fault in faults):
            faults += _approvals_of_nothing(given)
        if not any(fault.key[:1] in (("approvers",), ("approve_by",)) for fault in faults):
            faults += _approvals_by_too_few(given)
        if faults:
            raise OptionsError(faults)
        servers = {name: _server(name, told) for name, told in given.get("mcp", {}).items()}
        rest: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in given.items() if name != "mcp"
        }
        return cls(**rest, mcp=servers)


def nearest(name: object, known: Collection[str]) -> str:
    """`Did you mean "launcher"?`, or '' when nothing is like it."""
    from difflib import get_close_matches

    found = get_close_matches(str(name).lower(), [one.lower() for one in known], n=1, cutoff=0.6)
    return next((f'Did you mean "{one}"?' for one in known if found and one.lower() == found[0]), "")


def ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def listed(known: Collection[str]) -> str:
    return ", ".join(f'"{name}"' for name in known)


# ── rules: what is wrong with a value ────────────────────────────────────────────────────────────────────

Rule = Callable[[Any, tuple[str, ...]], Iterator[OptionFault]]


def _number(least: int, most: int) -> Rule:
    def judge(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
        if type(value) is not int or not least <= value <= most:
            yield OptionFault(key, "must be a whole number", f"Write one from {least} to {most}")

    return judge


def _compaction(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if type(value) is not int or value < 0 or 0 < value < LEAST_COMPACTION:
        remedy = f"Write 0 for never, or at least {LEAST_COMPACTION}"
        yield OptionFault(key, "must be a number of tokens that the API takes", remedy)


def _flag(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if type(value) is not bool:
        yield OptionFault(key, "must be true or false", "Write it without quotes")


def _choice(*known: str) -> Rule:
    def judge(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
        if value not in known:
            remedy = nearest(value, known) or f"Write one of {listed([name for name in known if name])}"
            yield OptionFault(key, f"cannot be {_shown(value)}", remedy)

    return judge


def _text(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if not isinstance(value, str):
        yield OptionFault(key, "must be text", "Put it between quotes")


def _texts(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        yield OptionFault(key, "must be a list of names", f'Write {key[-1]} = ["…", "…"]')


def _tools(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if wrong := list(_texts(value, key)):
        yield from wrong
        return
    for name in value:
        if name not in TOOLS:
            hint = (
                nearest(name, TOOLS) or f"The tools are {', '.join(TOOLS)}; MCP servers are listed under mcp"
            )
            yield OptionFault(key, f"names no tool of Dovecote: {_shown(name)}", hint)


def _servers(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if not isinstance(value, Mapping):
        yield OptionFault(key, "must be a table of servers", 'Write mcp.NAME = { command = "…" }')
        return
    for name, told in value.items():
        if not isinstance(name, str) or not re.fullmatch(SERVER_NAME, name):
            yield OptionFault(
                (*key, str(name)[:80]), "is no name for a server", "Write a short one without a slash"
            )
        yield from _one_server(told, (*key, str(name)))


def _one_server(told: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if not isinstance(told, Mapping):
        yield OptionFault(
            key, "must be a table", 'Write { command = "…", args = ["…"] } or { url = "https://…" }'
        )
        return
    yield from _unknown(told, list(OF_A_SERVER), key)
    for name, value in told.items():
        yield from OF_A_SERVER[name](value, (*key, name)) if name in OF_A_SERVER else ()
    if bool(told.get("command")) == bool(told.get("url")):
        given = [name for name in ("command", "url") if name in told]
        where = (*key, *given) if len(given) == 1 else key  # one that is there and empty
        problem = "is empty" if len(given) == 1 else "needs a command or a url, and not both"
        yield OptionFault(where, problem, 'Write command = "…" or url = "https://…"')
        return
    of = "url" if told.get("url") else "command"
    for name in told:
        if name in WITH and WITH[name] != of:
            yield OptionFault((*key, name), f"goes with a {WITH[name]}", f"Remove it; {key[-1]} has a {of}")


def _environment(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value.values()):
        yield OptionFault(key, "must be a table of texts", 'Write env = { NAME = "value" }')
        return
    for name, told in value.items():
        if secrets.is_secret(str(name), told):
            yield OptionFault((*key, str(name)), SUSPICIOUS, OUTSIDE)


def _arguments(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if wrong := list(_texts(value, key)):
        yield from wrong
    elif secrets.in_arguments(value):
        yield OptionFault(key, f"hold what {SUSPICIOUS}", OUTSIDE)


def _header(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if not isinstance(value, str) or not re.fullmatch(HEADER, value) or value.lower() in TAKEN:
        yield OptionFault(
            key, f"cannot be {_shown(value)}", 'Name a header that carries the secret, such as "X-API-Key"'
        )


def _url(value: Any, key: tuple[str, ...]) -> Iterator[OptionFault]:
    if value and not is_url(value, "http", "https"):
        yield OptionFault(key, "is no address", "Write one such as https://mcp.example.com/mcp")
    elif value and secrets.in_address(value):
        yield OptionFault(
            key, "holds a secret", "Take it out, and name the variable that has it by secret_env"
        )


def is_url(value: object, *schemes: str) -> bool:
    if not isinstance(value, str) or any(char.isspace() for char in value):
        return False
    try:
        split = urlsplit(value)
        return split.scheme in schemes and bool(split.hostname) and (split.port is None or split.port > 0)
    except ValueError:
        return False


def _approvals_of_nothing(given: Mapping[str, Any]) -> Iterator[OptionFault]:
    """A pattern that no tool fits would let everything pass unasked."""
    servers = given.get("mcp", {})
    for pattern in given.get("approve", ()):
        if any(fnmatchcase(tool, pattern) for tool in (*TOOLS, *OF_THE_MOCK)):
            continue
        prefix, _, rest = pattern.partition(":")
        if prefix == "mcp" and any(fnmatchcase(f"{name}/", rest.split("/")[0] + "/") for name in servers):
            continue
        known = [*TOOLS, *(f"mcp:{name}/*" for name in servers)]
        remedy = (
            nearest(pattern, known)
            or 'Name a tool, such as "bash", or "mcp:SERVER/TOOL" of a server under mcp'
        )
        yield OptionFault(("approve",), f"names no tool of this agent: {_shown(pattern)}", remedy)


def _approvals_by_too_few(given: Mapping[str, Any]) -> Iterator[OptionFault]:
    """As many as have to say yes must be there, on each platform: nobody is asked across two."""
    needed, listed = given.get("approve_by", 1), given.get("approvers", ())
    if needed == 1:
        return
    if not listed:
        remedy = "List under approvers who may say yes; without them it is whoever asked, alone"
        yield OptionFault(("approve_by",), f"asks for {needed} people where one may answer", remedy)
    on = [name.partition(":")[0] for name in dict.fromkeys(listed)]
    for platform in dict.fromkeys(on):
        if on.count(platform) < needed:
            problem = f"asks for {needed} people, and approvers names {on.count(platform)} on {platform}"
            yield OptionFault(("approve_by",), problem, "List more of them, or ask for fewer")


def _unknown(given: Mapping[str, Any], known: Collection[str], key: tuple[str, ...]) -> Iterator[OptionFault]:
    for name in given:
        if name not in known:
            remedy = nearest(name, known) or f"Remove it; there are {', '.join(known)}"
            yield OptionFault((*key, str(name)), "is no option", remedy)


def _shown(value: object) -> str:
    return repr(value) if len(repr(value)) <= 40 else f"{value!r:.40}…"


def _server(name: str, told: Mapping[str, Any]) -> McpServer:
    return McpServer(name, **{**told, "args": tuple(told.get("args", ()))})


OF_A_SERVER: dict[str, Rule] = {
    "command": _text,
    "args": _arguments,
    "env": _environment,
    "url": _url,
    "secret_env": _text,
    "header": _header,
}
WITH = {"args": "command", "env": "command", "secret_env": "url", "header": "url"}
RULES: dict[str, Rule] = {
    "max_tokens": _number(1, MOST_TOKENS),
    "max_calls": _number(1, 100_000),
    "max_tool_calls": _number(0, 100_000),
    "max_messages": _number(0, 10_000),
    "effort": _choice("", *EFFORTS),
    "thinking": _flag,
    "compact_at": _compaction,
    "compact": _choice(*COMPACTORS),
    "web_search": _flag,
    "web_fetch": _flag,
    "retries": _number(0, 100),
    "tools": _tools,
    "approve": _texts,
    "approve_within": _number(1, LONGEST_WAIT),
    "approvers": _texts,
    "approve_by": _number(1, MOST_APPROVERS),
    "asker_approves": _flag,
    "grant_within": _number(0, LONGEST_WAIT),
    "mcp": _servers,
}
