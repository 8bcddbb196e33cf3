"""A Slack on loopback: real HTTP and WebSockets for the unmodified slack-bolt and slack-sdk.

    workspace, records, wire   what exists and how Slack writes it down
    api/                       the Web API, one module per family of methods
    events, interactions       what the app is told, and the short-lived rights it gets
    delivery                   attempts, acknowledgements, retries; carried by sockets or http_mode
    acts, gestures             what people do
    limits, scopes, faults     what is refused, and what goes wrong on demand
    fake                       FakeSlack, which is all of it

Each behaviour names where it comes from: the title of a page of Slack's documentation, or FACTS for what was
verified or measured while Dovecote was built.
"""

from .core import Call
from .delivery import Delivery
from .fake import FakeSlack
from .faults import EventFault, Fault, Kind
from .http_mode import ChallengeError, signature
from .limits import Limits
from .organisations import Organisation
from .records import AgentSession, Channel, Ephemeral, File, Message, User, View
from .sockets import Socket

__all__ = [
    "AgentSession",
    "Call",
    "ChallengeError",
    "Channel",
    "Delivery",
    "Ephemeral",
    "EventFault",
    "FakeSlack",
    "Fault",
    "File",
    "Kind",
    "Limits",
    "Message",
    "Organisation",
    "Socket",
    "User",
    "View",
    "signature",
]
