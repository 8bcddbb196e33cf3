"""What people call conversations, channels and each other, and how long ago something was: for whoever shows them."""

from __future__ import annotations

from host.config.people import APART
from host.governance.words import name as clean
from host.registry import people, places
from host.registry.port import Statements
from sessiondb.records import Address

PLATFORMS = {"slack": "Slack", "discord": "Discord", "console": "terminal"}
OWN_THREADS = {"user:": "each alone", "task:": "a task"}  # how thread ids begin that no platform knows


class Names:
    """Channels and people by the names that the records know them by; by their ids otherwise."""

    def __init__(self, registry: Statements) -> None:
        self._registry = registry

    def person(self, platform: str, user: str, workspace: str = "") -> str:
        """Of that workspace, where an id may be somebody else's in another; or it stands before the id (`T…/U…`)."""
        if platform in APART:
            named, _, user = user.rpartition("/")
            workspace = named or workspace
        else:
            workspace = ""
        found = people.called(self._registry, platform, workspace, user)
        return clean(found) if found else user

    def place(self, address: Address, scope: str = "") -> str:
        """As people say it: "#general, Slack", "Ana, Slack" for a direct message."""
        where = PLATFORMS.get(address.channel_type, address.channel_type)
        if address.channel_type == "console":
            return f"{address.platform_id}, {where}" if address.platform_id else where
        return f"{self._channel(address, scope)}, {where}{_thread(address)}"

    def _channel(self, address: Address, scope: str) -> str:
        mark = f"{address.channel_type}-{address.workspace_id}-dm-"
        if scope.startswith(mark):
            user = scope.removeprefix(mark).rsplit("-", 1)[0]
            return self.person(address.channel_type, user, address.workspace_id)
        name = places.called(self._registry, address)
        return f"#{name}" if name else address.platform_id


def _thread(address: Address) -> str:
    for beginning, words in OWN_THREADS.items():
        if address.thread_id.startswith(beginning):
            return f" ({words})"
    return ", thread" if address.thread_id else ""


def ago(at: int, now: int) -> str:
    """How long since a moment (ms UTC), roughly; '' for none."""
    seconds = (now - at) // 1000
    if not at:
        return ""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return "now" if seconds < 5 else f"{max(0, seconds)} s"
