"""The contract between host and runner: folder layout, the two schemas, records, bells and heartbeat."""

from sessiondb.contract import CONTRACT
from sessiondb.errors import Damaged, Full, Incompatible, Missing, SessionError, Unavailable
from sessiondb.layout import SessionFolder
from sessiondb.records import Ack, AckStatus, Address, Kind, MessageIn, MessageOut, Status, Step

__all__ = [
    "CONTRACT",
    "Ack",
    "AckStatus",
    "Address",
    "Damaged",
    "Full",
    "Incompatible",
    "Kind",
    "MessageIn",
    "MessageOut",
    "Missing",
    "SessionError",
    "SessionFolder",
    "Status",
    "Step",
    "Unavailable",
]
