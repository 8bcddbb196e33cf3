"""What a turn does, in words for whoever waits for it, and what it did, for whoever has just stopped it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from sessiondb.records import Step

# What one call is: "I had …", and "is working: …".
_WORDS = {
    "bash": ("run a command", "running a command"),
    "view_file": ("looked at a file", "reading a file"),
    "create_file": ("written a file", "writing a file"),
    "edit_file": ("edited a file", "editing a file"),
    "memory": ("used my memory", "looking into its notes"),
    "send_message": ("sent a message", "sending a message"),
    "send_file": ("sent a file", "sending a file"),
    "send_document": ("sent a document", "sending a document"),
    "send_card": ("sent a card", "sending a card"),
    "edit_message": ("edited a message", "editing a message"),
    "add_reaction": ("added a reaction", "adding a reaction"),
    "read_thread": ("read the thread", "reading the thread"),
    "ask_user_question": ("asked a question", "asking a question"),
    "schedule_task": ("scheduled a task", "scheduling a task"),
    "update_task": ("changed a task", "changing a task"),
    "pause_task": ("paused a task", "pausing a task"),
    "resume_task": ("resumed a task", "resuming a task"),
    "cancel_task": ("cancelled a task", "cancelling a task"),
    "run_task_now": ("started a task", "starting a task"),
    "list_tasks": ("looked at the tasks", "looking at the tasks"),
    "update_plan": ("made a plan", "planning"),
    "mcp_status": ("looked at its servers", "looking at its servers"),
    "web_search": ("searched the web", "searching the web"),
    "web_fetch": ("read a page", "reading a page"),
    "Agent": ("asked a helper", "asking a helper"),
}
# The harness's own tools, by what they are here.
_ALIKE = {
    "Bash": "bash",
    "Read": "view_file",
    "Glob": "view_file",
    "Grep": "view_file",
    "Write": "create_file",
    "Edit": "edit_file",
    "NotebookEdit": "edit_file",
    "TodoWrite": "update_plan",
    "WebSearch": "web_search",
    "WebFetch": "web_fetch",
}
SOME_TOOL = "using a tool"
LONGEST_SERVER = 24  # letters of a server's name that people are told
_RUNNING = {"bash": "A command"}


_LOOKS = frozenset({"view_file", "read_thread", "list_tasks"})  # whose calls change nothing anywhere
_SAID = frozenset({"update_plan"})  # whose calls people saw


def before(steps: Iterable[Step]) -> str:
    """What an earlier try did that is still so, in words that follow "I had"; '' for nothing."""
    calls, results = _calls(steps)
    done = Counter(name for id_, name in calls.items() if name not in _LOOKS and not results.get(id_, False))
    return _listed(_times(name, count) for name, count in done.items()) if done else ""


def _calls(steps: Iterable[Step]) -> tuple[dict[str, str], dict[str, bool]]:
    """Names by call, and whether those that ended failed."""
    steps = list(steps)
    names = {s.tool_use_id: str(json.loads(s.content)["name"]) for s in steps if s.kind == "tool_call"}
    names = {id_: name for id_, name in names.items() if name not in _SAID}
    return names, {
        s.tool_use_id: bool(json.loads(s.content)["is_error"]) for s in steps if s.kind == "tool_result"
    }


def stopped(steps: Sequence[Step]) -> str:
    """The answer to an order to stop, from the steps of the turn."""
    names, ended = _calls(steps)
    done = Counter(names[id_] for id_, failed in ended.items() if id_ in names and not failed)
    cut = [name for id_, name in names.items() if id_ not in ended]
    parts = ["Stopped."]
    if done:
        parts.append(f"I had {_listed(_times(name, count) for name, count in done.items())}.")
    if cut:
        running = _listed(dict.fromkeys(_RUNNING.get(name, f"`{_short(name)}`") for name in cut))
        parts.append(f"{running} was still running; how far it got is not known.")
    return " ".join(parts)


def under_way(name: str) -> str:
    """What a call of the tool is, in verbs for whoever waits; the name comes from the model."""
    name = _ALIKE.get(name, name)
    if name in _WORDS:
        return _WORDS[name][1]
    server = name.removeprefix("mcp__").partition("__")[0] if name.startswith("mcp__") else ""
    words = " ".join("".join(c if c.isalnum() else " " for c in server).split())
    return f"using {words}" if 0 < len(words) <= LONGEST_SERVER else SOME_TOOL


def _times(name: str, count: int) -> str:
    told = _WORDS[name][0] if name in _WORDS else f"used `{_short(name)}`"
    return told if count == 1 else f"{told} ({count} times)"


def _short(name: str) -> str:
    """`github/search` for a tool of a server; the name comes from the model."""
    server, _, tool = name.removeprefix("mcp__").partition("__")
    told = f"{server}/{tool}" if name.startswith("mcp__") else name
    return "".join(c for c in told if c.isalnum() or c in "-_/")[:60]


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
