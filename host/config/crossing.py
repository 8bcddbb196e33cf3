"""What no section can see alone: names that lead nowhere, ids of the wrong kind, routes that never decide, times that never come.

Read from the file as it was parsed, so that it is found beside whatever else is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from host.config import awaited, recurrence
from host.config.kinds import NATIVE
from host.config.recurrence import ScheduleError
from host.config.schema import without_workspace
from sessiondb.options import DEFAULT_MODEL, listed, nearest

PLATFORMS = ("slack", "discord", "console")
ANTHROPIC = "api.anthropic.com"
MODELS = (DEFAULT_MODEL, "claude-opus-5-5")  # for "did you mean": others are let through
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}")
IDS = {  # how the ids of a kind look, an example of one, and where people find it
    ("slack", "person"): (
        re.compile(r"[UW][A-Z0-9]+"),
        "U012AB3CD",
        "a person's profile, More, Copy member ID",
    ),
    ("slack", "group"): (re.compile(r"S[A-Z0-9]+"), "S012AB3CD", "People & user groups, Copy group ID"),
    ("slack", "channel"): (
        re.compile(r"[CGD][A-Z0-9]+"),
        "C012AB3CD",
        "the channel's details, at the bottom",
    ),
    ("slack", "workspace"): (re.compile(r"[TE][A-Z0-9]+"), "T012AB3CD", "Slack's address in a browser"),
    ("discord", "person"): (
        re.compile(r"\d+"),
        "80351110224678912",
        "a right click on the person, Copy User ID",
    ),
    ("discord", "group"): (
        re.compile(r"\d+"),
        "41771983423143936",
        "the server's settings, Roles, Copy Role ID",
    ),
    ("discord", "channel"): (
        re.compile(r"\d+"),
        "41771983423143937",
        "a right click on the channel, Copy Channel ID",
    ),
    ("discord", "workspace"): (
        re.compile(r"\d*"),
        "41771983423143937",
        "a right click on the server, Copy Server ID",
    ),
}
SLACKS = "slack:"
LISTS = {"owners": "person", "users": "person", "groups": "group", "channels": "channel"}


class Crossing(NamedTuple):
    path: tuple[str | int, ...]
    problem: str
    remedy: str


def faults(found: Mapping[str, Any]) -> Iterator[Crossing]:
    agents = set(_table(found, "agents") or {"default": {}})
    yield from _agents(found, agents)
    yield from _places(found)
    yield from _people(found)
    yield from _routes(found)
    yield from _tasks(found)
    yield from _models(found)
    yield from _labels(found)


def _labels(found: Mapping[str, Any]) -> Iterator[Crossing]:
    """One machine does all there is, whatever it has."""
    cluster = _table(found, "cluster")
    if cluster.get("workspaces"):
        return
    naming = [(("agents", name, "needs"), agent.get("needs")) for name, agent in _tables(found, "agents")]
    for path, value in (*naming, (("cluster", "labels"), cluster.get("labels"))):
        if value:
            remedy = "Remove it, or name [cluster] workspaces, by which several machines serve at a time"
            yield Crossing(path, "says nothing where one machine serves all", remedy)


def _agents(found: Mapping[str, Any], agents: set[str]) -> Iterator[Crossing]:
    """Routes, tasks and hooks name agents that there are."""
    naming: list[tuple[tuple[str | int, ...], Any]] = [
        *((("routes", number), route) for number, route in _rows(found, "routes")),
        *((("tasks", number), task) for number, task in _rows(found, "tasks")),
        *((("webhooks", name), hook) for name, hook in _tables(found, "webhooks")),
    ]
    for path, one in naming:
        name = one.get("agent") or ("default" if path[0] != "webhooks" else "")
        if not isinstance(name, str) or name in agents or not name:
            continue
        if "agent" in one:
            remedy = (
                nearest(name, agents) or f"Name one of {listed(sorted(agents))}, or write [agents.{name}]"
            )
            yield Crossing((*path, "agent"), f"{name!r} is no agent of this file", remedy)
        else:
            remedy = f"Add agent = {listed(sorted(agents)[:1])}, or write [agents.default]"
            yield Crossing(path, "names no agent, and there is no [agents.default]", remedy)


def _places(found: Mapping[str, Any]) -> Iterator[Crossing]:
    """Channels that are posted to or listened to: on a platform that there is, by ids of its kind."""
    for number, route in _rows(found, "routes"):
        yield from _place(route, ("routes", number), any_is_well=True)
    for number, task in _rows(found, "tasks"):
        if isinstance(to := task.get("to"), Mapping):
            yield from _place(to, ("tasks", number, "to"))
    for name, hook in _tables(found, "webhooks"):
        yield from _place(hook, ("webhooks", name))
    for name in _table(_table(found, "quiet_hours"), "channels"):
        yield from _channel(name, ("quiet_hours", "channels", name))
    for name in _table(_table(found, "budgets"), "channels"):
        yield from _channel(name, ("budgets", "channels", name))
    for name, agent in _tables(found, "agents"):
        for to, place in _tables(agent, "destinations"):
            yield from _place(place, ("agents", name, "destinations", to))


def _channel(name: str, path: tuple[str | int, ...]) -> Iterator[Crossing]:
    """As in `dovecote send`: platform, workspace, channel."""
    parts = name.split("/")
    if len(parts) != 3 or not all(parts[::2]):
        yield Crossing(path, f"{name!r} names no channel", 'Write one such as "slack/T012AB3CD/C012AB3CD"')
        return
    place = dict(zip(("platform", "workspace", "channel"), parts, strict=True))
    for found in _place(place, path):
        yield found._replace(path=path)


def _place(
    place: Mapping[str, Any], path: tuple[str | int, ...], *, any_is_well: bool = False
) -> Iterator[Crossing]:
    platform = place.get("platform", "*" if any_is_well else None)
    if not isinstance(platform, str) or (any_is_well and platform == "*"):
        return
    if platform not in PLATFORMS:
        known = [*PLATFORMS, *(["*"] if any_is_well else [])]
        remedy = nearest(platform, known) or f"Write one of {listed(known)}"
        yield Crossing((*path, "platform"), f"{platform!r} is no platform", remedy)
        return
    if (
        not any_is_well
        and "channel" in place
        and (lacking := without_workspace(platform, place.get("workspace", "")))
    ):
        problem, _, where = lacking.partition(": ")
        yield Crossing((*path, "workspace"), problem, where[0].upper() + where[1:])
    for kind in ("workspace", "channel"):
        value = place.get(kind)
        if isinstance(value, str) and value and not (any_is_well and value == "*"):
            yield from _id(platform, kind, value, (*path, kind))


def _id(
    platform: str, kind: str, value: str, path: tuple[str | int, ...], prefix: str = ""
) -> Iterator[Crossing]:
    if (platform, kind) not in IDS:
        return
    shape, example, where = IDS[platform, kind]
    if not shape.fullmatch(value):
        remedy = f"Write one such as {prefix}{example}; it is under: {where}"
        yield Crossing(path, f"{value!r} is no {kind}'s id of {platform.capitalize()}", remedy)


def _people(found: Mapping[str, Any]) -> Iterator[Crossing]:
    """Everybody is named as `platform:id`; on Slack, who may do what can be said of one workspace."""
    access, several = _table(found, "access"), bool(_table(found, "slack").get("installs"))
    for key, kind in LISTS.items():
        yield from _listed(access.get(key), kind, ("access", key), apart=True, several=several)
    for name, agent in _tables(found, "agents"):
        approvers = _table(agent, "options").get("approvers")
        path = ("agents", name, "options", "approvers")
        yield from _listed(approvers, "person", path, apart=True, several=several)
    for number, task in _rows(found, "tasks"):
        for key in ("mentions", "by"):
            yield from _listed(task.get(key), "person", ("tasks", number, key))
    for name, _ in _tables(_table(found, "budgets"), "people"):
        yield from _person(name, "person", ("budgets", "people", name))


def _listed(
    value: object, kind: str, path: tuple[str | int, ...], *, apart: bool = False, several: bool = False
) -> Iterator[Crossing]:
    """`apart`: a workspace may be named before the id, and must be where Slack has `several`."""
    for number, name in enumerate(value if isinstance(value, list) else []):
        if not isinstance(name, str):
            continue
        yield from (_person if apart else _one)(name, kind, (*path, number))
        if several and name.startswith(SLACKS) and "/" not in name:
            problem = f"{name!r} names somebody else in each workspace of slack.installs"
            remedy = (
                f"Write its workspace before the id, such as {SLACKS}T012AB3CD/{name.removeprefix(SLACKS)}"
            )
            yield Crossing((*path, number), problem, remedy)


def _person(name: str, kind: str, path: tuple[str | int, ...]) -> Iterator[Crossing]:
    """On Slack a workspace may be named before the id."""
    where, named, id_ = name.rpartition("/")
    if named and where.startswith(SLACKS):
        yield from _id("slack", "workspace", where.removeprefix(SLACKS), path, SLACKS)
        yield from _id("slack", kind, id_, path, f"{where}/")
    else:
        yield from _one(name, kind, path)


def _one(name: str, kind: str, path: tuple[str | int, ...]) -> Iterator[Crossing]:
    platform, colon, id_ = name.partition(":")
    if not colon or platform not in PLATFORMS or not id_:
        yield Crossing(path, f"{name!r} says not where it belongs", _named(name, kind))
    else:
        yield from _id(platform, kind, id_, path, f"{platform}:")


def no_person(name: str) -> str:
    """Why it can be nobody's `platform:id`, with the remedy; '' when it may be somebody's."""
    return next((f"{found.problem}. {found.remedy}" for found in _person(name, "person", ())), "")


def _named(name: str, kind: str) -> str:
    bare = name.rpartition(":")[2].lstrip("@#")
    for platform in ("discord", "slack"):
        if IDS[platform, kind][0].fullmatch(bare):
            return f'Write "{platform}:{bare}"'
    return f'Write platform:id, such as "slack:{IDS["slack", kind][1]}"'


def _routes(found: Mapping[str, Any]) -> Iterator[Crossing]:
    """The first route that fits decides: one that stands behind a wider one never does."""
    earlier: list[tuple[int, tuple[Any, ...]]] = []
    for number, route in _rows(found, "routes"):
        reach = tuple(route.get(key, "*") for key in ("platform", "workspace", "channel"))
        for before, wider in earlier:
            if all(theirs in ("*", ours) for theirs, ours in zip(wider, reach, strict=True)):
                remedy = f"Put it before routes[{before}], which takes everything that it would, or remove it"
                yield Crossing(("routes", number), "never decides anything", remedy)
                break
        earlier.append((number, reach))
        if (route.get("engage") == "pattern") != bool(route.get("pattern")):
            problem = "engage = 'pattern' and pattern = '…' go together"
            yield Crossing(("routes", number), problem, "Set both, or neither")


def _tasks(found: Mapping[str, Any]) -> Iterator[Crossing]:
    names: set[str] = set()
    host = _table(found, "host").get("zone", "UTC")
    for number, task in _rows(found, "tasks"):
        path = ("tasks", number)
        name = task.get("name")
        if isinstance(name, str) and name in names:
            yield Crossing((*path, "name"), f"two tasks are called {name!r}", "Give one of them another name")
        names |= {name} if isinstance(name, str) else set()
        cron, at, zone = task.get("cron", ""), task.get("at", ""), task.get("zone") or host
        given = [key for key in (*WHEN, *EVENTS) if task.get(key)]
        if len(given) != 1:
            problem = f"has {' and '.join(given)}" if given else "has nothing that begins it"
            times = 'Write cron = "0 9 * * 1-5", or at = "2026-12-31 18:00" for a single time'
            yield Crossing(path, problem, f"{times}; or one of {', '.join(EVENTS)}")
        for key, read in EVENTS.items():
            if isinstance(value := task.get(key), str) and value:
                yield from _event(value, read, (*path, key))
        yield from _times(cron, at, zone, path)


def _event(value: str, read: Callable[[str], str], path: tuple[str | int, ...]) -> Iterator[Crossing]:
    try:
        read(value)
    except ScheduleError as error:
        yield Crossing(path, str(error), "docs/tasks.md says what a task can wait for")


def _times(cron: object, at: object, zone: object, path: tuple[str | int, ...]) -> Iterator[Crossing]:
    for key, value, read in (("cron", cron, recurrence.of_cron), ("at", at, recurrence.of_time)):
        if not isinstance(value, str) or not value or not isinstance(zone, str):
            continue
        try:
            read(value, _known(zone), 0)
        except ScheduleError as error:
            problem, _, remedy = str(error).partition(". ")
            yield Crossing((*path, key), problem, remedy or WHEN[key])


def _known(zone: str) -> str:
    """A zone that is unknown is said where it stands."""
    try:
        return recurrence.known_zone(zone).key
    except ScheduleError:
        return "UTC"


EVENTS: Mapping[str, Callable[[str], str]] = {
    "reaction": awaited.asked_reaction,
    "file": awaited.endings,
    "words": awaited.phrases,
}
WHEN = {
    "cron": "Write five fields, such as 0 9 * * 1-5 for weekdays at nine, or a nickname such as @daily",
    "at": "Write a local time such as 2026-12-31 18:00",
}


def _models(found: Mapping[str, Any]) -> Iterator[Crossing]:
    own = _is_anthropics(_table(found, "model").get("base_url", ANTHROPIC))
    for name, agent in _tables(found, "agents"):
        if agent.get("provider") == "mock":
            continue
        yield from _standing_in(name, agent)
        elsewhere = agent.get("fallback_url")
        more = agent.get("models")
        named = [(("agents", name, "model"), agent.get("model", ""), own)]
        standing_in = agent.get("fallback_model", "")
        named.append(
            (("agents", name, "fallback_model"), standing_in, _is_anthropics(elsewhere) if elsewhere else own)
        )
        named += [(("agents", name, "models"), one, own) for one in (more if isinstance(more, list) else [])]
        for path, model, anthropics in named:
            if not isinstance(model, str) or not model:
                continue
            if not MODEL_NAME.fullmatch(model) or (anthropics and not model.startswith("claude-")):
                remedy = (
                    nearest(model, MODELS) or f'Write its name as the API has it, such as "{DEFAULT_MODEL}"'
                )
                whose = "of Anthropic's API" if anthropics else ""
                yield Crossing(path, f"{model!r} is no model's name {whose}".rstrip(), remedy)


def _standing_in(name: str, agent: Mapping[str, Any]) -> Iterator[Crossing]:
    if agent.get("provider") == "claude_code" and agent.get("fallback_model"):
        remedy = 'Remove it, or have the agent think by provider = "claude"'
        yield Crossing(
            ("agents", name, "fallback_model"), "is nothing that Claude Code could turn to", remedy
        )
    for key, needs in (("fallback_url", "fallback_model"), ("fallback_key_env", "fallback_url")):
        if agent.get(key) and not agent.get(needs):
            yield Crossing(
                ("agents", name, key), f"says nothing without {needs}", f"Set {needs}, or remove it"
            )


def _is_anthropics(url: object) -> bool:
    return isinstance(url, str) and ANTHROPIC in url and not NATIVE.search(url)


def _table(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    return value if isinstance(value, Mapping) else {}


def _tables(found: Mapping[str, Any], key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, one) for name, one in _table(found, key).items() if isinstance(one, Mapping))


def _rows(found: Mapping[str, Any], key: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    value = found.get(key)
    rows = enumerate(value) if isinstance(value, list) else ()
    return ((number, one) for number, one in rows if isinstance(one, Mapping))
