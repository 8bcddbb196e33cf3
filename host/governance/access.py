"""Who may talk to an agent, or look at its state: one pure decision, closed by default (law 13)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from host.config import Access, people
from host.ports.events import Author, Privacy
from host.registry.port import Statements
from host.words import Sentence, say
from sessiondb.records import Address

LOCAL = "console"  # whoever sits at the host's own terminal is its operator
NOT_HERE = say("In this channel some people alone may ask an agent, as an owner has decided.")
BY_ROLES = "discord"  # where roles, not invitations, say who belongs to the team


class Person(Protocol):
    """Who it is, and where: an event, or somebody who looks at the agents' state."""

    @property
    def address(self) -> Address: ...

    @property
    def author(self) -> Author: ...

    @property
    def privacy(self) -> Privacy: ...


@dataclass(frozen=True, slots=True)
class Allowed:
    trusted: bool


@dataclass(frozen=True, slots=True)
class Denied:
    reason: Sentence  # one line for the person
    ask_owner: bool = False


def home(place: Address) -> str:
    """The workspace whose people's ids are meant; '' where an id is the same person's in all of them."""
    return place.workspace_id if place.channel_type in people.APART else ""


def same_people(one: Address, other: Address) -> bool:
    """Whether the same id is the same person's at both places."""
    return (one.channel_type, home(one)) == (other.channel_type, home(other))


def is_same(viewer: Person, place: Address, user_id: str) -> bool:
    """Whether the viewer is whoever has this id at that place."""
    return viewer.author.id == user_id and same_people(place, viewer.address)


def person(place: Address, user_id: str) -> str:
    """What somebody did, and what is counted for them, is under this name, which the configuration may give them:
    `platform:id`, or on platforms whose workspaces may give the same id to others `platform:workspace/id`."""
    return people.named(place.channel_type, home(place), user_id)


def standing_of(connection: Statements, place: Address, user_id: str) -> str:
    """'', 'allowed' or 'denied': what an owner decided for this workspace, or else for all of them, as the configuration's lists
    may."""
    rows = connection.execute(_STANDING, (place.channel_type, home(place), user_id)).fetchall()
    return str(max(rows)[1]) if rows else ""  # the workspace's own before that of all, whose name is ''


def is_owner(access: Access, place: Address, user_id: str) -> bool:
    """Whether the person may do everything here. Another workspace's owner may have the same id."""
    return place.channel_type == LOCAL or (
        bool(user_id) and user_id in people.there(access.owners, *place[:2])
    )


def owns_all(access: Access, place: Address, user_id: str) -> bool:
    """An owner who is named for one workspace (`slack:T…/U…`) decides and sees what is its own, and nothing of another."""
    return place.channel_type == LOCAL or (
        bool(user_id) and user_id in people.there(access.owners, place.channel_type, "")
    )


def works_in(access: Access, place: Address) -> bool:
    """Whether the configuration lets agents work in the channel."""
    return not access.channels or place.platform_id in people.there(access.channels, *place[:2])


def asks_here(access: Access, person: Person, askers: Collection[str]) -> bool:
    """Whether a channel lets them ask, as far as they may at all. Owners may: what holds there is theirs to say."""
    platform, author = person.address.channel_type, person.author
    known = not askers or platform == LOCAL or is_owner(access, person.address, author.id)
    return known or author.id in askers or any(group in askers for group in author.groups)


def in_group(access: Access, person: Person) -> bool:
    return not set(person.author.groups).isdisjoint(people.there(access.groups, *person.address[:2]))


def is_guest(access: Access, person: Person) -> bool:
    """Whether the public channels' common memory holds what was not said to them: guests whom the platform names, and on
    Discord members without any of the roles that the configuration lists."""
    platform = person.address.channel_type
    if platform == LOCAL:
        return False
    if person.author.guest:  # by an app of theirs, too, which Slack shows as a bot's message
        return True
    if person.author.is_bot:
        return False
    roles = platform == BY_ROLES and any(group.startswith(f"{platform}:") for group in access.groups)
    # There the public channels are those that everyone may see: to be listed by name is to belong.
    named = person.author.id in people.there((*access.users, *access.owners), *person.address[:2])
    return roles and not named and not in_group(access, person)


def sees_in_part(access: Access, person: Person) -> bool:
    """Whether they ask in a public channel without seeing all that public channels share: they have a scope of their own."""
    return person.privacy == "public" and (person.author.external or is_guest(access, person))


def apart(access: Access, person: Person) -> bool | None:
    """Whether they see less than what public channels share, wherever they write; None where the platform does not tell:
    in Discord's direct messages nobody has roles."""
    platform = person.address.channel_type
    if person.author.external or person.author.guest:
        return True
    if (
        platform == BY_ROLES
        and person.privacy == "dm"
        and person.author.id not in people.there(access.users, *person.address[:2])
    ):
        return None
    return is_guest(access, person)


def decide(access: Access, event: Person, standing: str = "") -> Allowed | Denied:
    """`standing` is what an owner decided about this person before: '', 'allowed' or 'denied'."""
    platform = event.address.channel_type
    author = event.author
    if platform == LOCAL:
        return Allowed(trusted=True)
    if not author.id:
        return Denied(say("I could not find out who you are, so I may not answer."))
    if is_owner(access, event.address, author.id):
        return Allowed(trusted=True)
    if standing == "denied":
        return Denied(say("You have not been given access to this agent."))
    if author.external and access.external == "deny":
        return Denied(say("People of other organisations may not use this agent."))
    if event.privacy != "dm" and not works_in(access, event.address):
        return Denied(say("This agent does not work in this channel."))
    listed = author.id in people.there(access.users, *event.address[:2])
    grouped = in_group(access, event)
    if listed or grouped or standing == "allowed":
        return Allowed(trusted=listed or grouped)
    asks = access.unknown == "ask"
    if access.guests == "deny" and event.privacy == "public" and is_guest(access, event):
        return Denied(
            say("Guests may not use this agent in channels that the whole team shares."), ask_owner=asks
        )
    if access.unknown == "allow":
        return Allowed(trusted=False)
    return Denied(say("You have not been given access to this agent."), ask_owner=asks)


_WHO = "channel_type = ?1 AND user_id = ?3"
# Each event asks. Rows in an order, or of a list of names, would be brought into a table of their own first.
_STANDING = (
    f"SELECT workspace_id, standing FROM users WHERE {_WHO} AND workspace_id = ?2 AND standing <> ''"
    f" UNION ALL SELECT workspace_id, standing FROM users WHERE {_WHO} AND workspace_id = '' AND standing <> ''"
)
