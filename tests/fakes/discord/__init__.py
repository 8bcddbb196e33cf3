"""A Discord on loopback: REST, gateway and CDN, with people, limits and faults. See `server.FakeDiscord`."""

from tests.fakes.discord.clock import Clock
from tests.fakes.discord.errors import ApiError
from tests.fakes.discord.events import Intent
from tests.fakes.discord.faults import Fault
from tests.fakes.discord.model import Channel, Guild, Interaction, Member, Message, Role, User
from tests.fakes.discord.people import NotOfferedError
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.state import Upload

__all__ = [
    "ApiError",
    "Channel",
    "Clock",
    "FakeDiscord",
    "Fault",
    "Guild",
    "Intent",
    "Interaction",
    "Member",
    "Message",
    "NotOfferedError",
    "Permission",
    "Role",
    "Upload",
    "User",
]
