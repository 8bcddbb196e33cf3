"""What a channel's people are told when it became private or public: an agent has other files and notes there now."""

from __future__ import annotations

from host.ports.events import Privacy
from host.registry import notices, places, sessions
from host.registry.notices import Notice
from host.registry.port import Statements
from host.words import say
from sessiondb import Address


def became(connection: Statements, channel: Address, privacy: Privacy, now: int) -> list[str]:
    """A job on the registry; returns the sessions whose scope changed."""
    changed = sessions.channel_became(connection, channel, privacy)
    # A channel of which no platform has told yet counts as private: that one is told of now changes nothing for its people.
    if changed and places.called(connection, channel):
        notices.add(connection, _notice(channel, privacy, now), now)
    return changed


def _notice(channel: Address, privacy: Privacy, now: int) -> Notice:
    """Each time: the last that people read is what holds."""
    place = channel._replace(thread_id="")
    about = ":".join(("became", *place[:3], privacy, str(now)))
    if privacy == "private":
        text = say(
            "🔒 This channel is private now. The files and notes that I keep for it begin anew, and nobody outside of it gets"
            " to them; what I kept before stays with the public channels."
        )
    else:
        text = say(
            "This channel is public now. The files and notes that I keep are those of all public channels from here on; what I"
            " kept while it was private stays closed."
        )
    return Notice(about, place, text)
