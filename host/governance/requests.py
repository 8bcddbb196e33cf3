"""What owners are asked to decide: a row of host.db per question, and a notice with buttons for each owner.

Asked in the transaction in which it comes up, decided in one transaction with everything a yes means.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from host.config import Access, people
from host.governance import access, audit
from host.governance.words import name
from host.ports.bot import Decision
from host.ports.controls import Forbidden
from host.ports.events import InboundEvent, Viewer
from host.registry import notices
from host.registry.notices import Notice
from host.registry.port import Statements
from host.words import Sentence, as_it_is, dollars, say
from sessiondb.records import Address

MOST_OWNERS_ASKED = 20
MOST_TOLD = 100  # conversations that hear of one decision about money
ALLOW, DENY = "allow", "deny"
ACCESS_CHOICES = ((ALLOW, say("Allow")), (DENY, say("Deny")))
MICRO = 1_000_000  # millionths in a dollar
Subject = dict[str, Any]
# Of `users`, as a person is named on the command line: with the workspace where it was decided for that alone.
NAMED = "channel_type || ':' || CASE workspace_id WHEN '' THEN '' ELSE workspace_id || '/' END || user_id"
NO_SUCH_REQUEST = say("There is no such request.")
ASKED = say("You have no access to this agent yet. I have asked an owner and will tell you.")


@dataclass(frozen=True, slots=True)
class Shortage:
    """A budget that did not allow a request. Amounts are in millionths of a dollar."""

    budget: str  # 'all', 'agent NAME', 'channel ADDRESS'
    period: int  # a day 20261231, or a month 20261200
    words: Sentence  # "agent 'default' for today"
    limit: int  # with what was allowed beyond it already
    needed: int  # at least, beyond the limit, for the request


def owners_of(rules: Access, place: Address) -> list[tuple[str, str, str]]:
    """(platform, workspace, user id) of those to ask: of the same workspace if there are any, else on other platforms."""
    here = [(*place[:2], user) for user in people.there(rules.owners, *place[:2])]
    known = [owner.partition(":")[::2] for owner in rules.owners]
    elsewhere = [(where, id_.rpartition("/")) for where, id_ in known if where != place.channel_type]
    return (here or [(where, whose, user) for where, (whose, _, user) in elsewhere])[:MOST_OWNERS_ASKED]


def ask_access(connection: Statements, rules: Access, event: InboundEvent, now: int) -> bool:
    """A stranger wrote. False when there is no owner to ask."""
    owners = owners_of(rules, event.address)
    if not owners:
        return False
    platform, user = event.address.channel_type, event.author.id
    workspace = access.home(event.address)
    id_ = _about(platform, workspace, user)
    subject = {
        "platform": platform,
        "workspace": workspace,
        "user": user,
        "name": event.author.name,
        "address": event.address,
    }
    if _open(connection, id_, "access", subject, now):
        who, where = {"name": name(event.author.name), "id": f"{platform}:{user}"}, event.address.platform_id
        text = say("{name} (`{id}`) wrote to me in a direct message and has no access. Let them in?", **who)
        if event.privacy != "dm":
            text = say(
                "{name} (`{id}`) wrote to me in channel {place} and has no access. Let them in?",
                place=where,
                **who,
            )
        place = None if event.privacy == "dm" else event.address
        _ask(connection, owners, event.address, place, text, Decision(id_, ACCESS_CHOICES), now)
    return True


def ask_raise(
    connection: Statements,
    rules: Access,
    shortage: Shortage,
    address: Address,
    place: Address | None,
    now: int,
) -> bool:
    """A conversation ran out of money; `place` is where everybody may see that, None for nowhere.

    Asked once per budget, period and amount allowed so far: a no stands until the period ends. Owners of another workspace in
    which it runs out, too, are asked beside the first. False when nobody is left to ask.
    """
    owners = owners_of(rules, address)
    if address.channel_type == access.LOCAL:
        owners, place = [], address
    elif not owners:
        return False
    amount = _amount(shortage)
    id_ = _id("budget", shortage.budget, str(shortage.period), str(shortage.limit))
    subject: Subject = {
        "budget": shortage.budget,
        "period": shortage.period,
        "words": shortage.words,
        "said": shortage.words.packed(),
        "amount": amount,
        "addresses": [address],
    }
    if not _open(connection, id_, "budget", subject, now) and not _joins(connection, id_, address):
        return False
    text = say(
        "The budget of {whose} ({limit}) is used up, and a conversation has to stop.",
        whose=shortage.words,
        limit=dollars(shortage.limit),
    )
    choices = ((ALLOW, say("Allow {amount} more", amount=dollars(amount))), (DENY, say("Not now")))
    _ask(connection, owners, address, place, text, Decision(id_, choices), now)
    return True


def _joins(connection: Statements, id_: str, address: Address) -> bool:
    """Another conversation is to be told when more is allowed. False when that was decided already."""
    row = connection.execute("SELECT subject FROM requests WHERE id = ? AND choice = ''", (id_,)).fetchone()
    if row is None:
        return False
    subject: Subject = json.loads(str(row[0]))
    known = subject["addresses"]
    elsewhere = all(one[:2] != list(address[:2]) for one in known)  # its owners decide by it
    if list(address) not in known and (len(known) < MOST_TOLD or elsewhere):
        kept = json.dumps({**subject, "addresses": [*known, address]})
        connection.execute("UPDATE requests SET subject = ? WHERE id = ?", (kept, id_))
    return True


def raised(connection: Statements, budget: str, period: int) -> int:
    """What owners allowed beyond the budget, in millionths of a dollar."""
    row = connection.execute(
        "SELECT amount FROM raises WHERE budget = ? AND period = ?", (budget, period)
    ).fetchone()
    return int(str(row[0])) if row else 0


def decide(
    connection: Statements, rules: Access, viewer: Viewer, id_: str, choice: str, now: int
) -> Sentence:
    """The viewer is an owner. Raises `Forbidden` in words."""
    row = connection.execute(
        "SELECT kind, subject, choice, decided_by FROM requests WHERE id = ?", (id_,)
    ).fetchone()
    if row is None or not _is_theirs(rules, viewer, json.loads(str(row[1]))):
        raise Forbidden(NO_SUCH_REQUEST)
    kind, subject, before, by = str(row[0]), json.loads(str(row[1])), str(row[2]), str(row[3])
    if before:
        here = list(viewer.address[:2])
        if subject.get("decided_in", here) != here:  # by somebody of another workspace
            yes = say("That was decided already: the answer was yes.")
            return yes if before == ALLOW else say("That was decided already: the answer was no.")
        if before == ALLOW:
            return say("That was decided already: {person} said yes.", person=by)
        return say("That was decided already: {person} said no.", person=by)
    if choice not in (ALLOW, DENY):
        raise Forbidden(say("That is no choice of this request."))
    who = viewer.author.name or viewer.author.id
    decided = json.dumps({**subject, "decided_in": viewer.address[:2]})
    connection.execute(
        "UPDATE requests SET choice = ?, decided_by = ?, decided_at = ?, subject = ? WHERE id = ?",
        (choice, who, now, decided, id_),
    )
    apply = _apply_access if kind == "access" else _apply_raise
    done, detail = apply(connection, id_, subject, choice, now)
    audit.record(connection, viewer, kind, detail, now)
    return say("{done} Decided by {person}.", done=done, person=name(who))


def _is_theirs(rules: Access, viewer: Viewer, subject: Subject) -> bool:
    """An owner of one workspace alone decides what came up there: of money, also where others wait for it as well."""
    if access.owns_all(rules, viewer.address, viewer.author.id):
        return True
    about = subject.get("addresses") or [subject.get("address") or []]
    return any(tuple(address[:2]) == viewer.address[:2] for address in about)


def _apply_access(
    connection: Statements, id_: str, subject: Subject, choice: str, now: int
) -> tuple[Sentence, str]:
    platform, user = str(subject["platform"]), str(subject["user"])
    place = Address(*map(str, subject["address"]))
    workspace = str(subject.get("workspace", access.home(place)))
    who = name(str(subject["name"])) or f"`{user}`"
    standing = "allowed" if choice == ALLOW else "denied"
    _stand(connection, (platform, workspace, user), standing, now, str(subject["name"]))
    told = (
        say("An owner gave you access. Please write again what you wanted to ask.")
        if choice == ALLOW
        else say("An owner decided not to give you access.")
    )
    at = notices.direct(place.channel_type, place.workspace_id)
    notices.add(connection, Notice(f"decided:{id_}", at, told, private_to=user), now)
    done = say("{person} may talk to agents from now on.", person=who)
    if choice == DENY:
        done = say("{person} stays without access.", person=who)
    return done, f"{people.named(platform, workspace, user)} {standing}"


def set_standing(connection: Statements, platform: str, user: str, standing: str, now: int) -> None:
    """An owner decides unasked: 'allowed', 'denied', or '' to be asked again when the person writes next. `user` is an id, for
    all workspaces, or has its workspace before it (`T…/U…`)."""
    workspace, _, id_ = user.rpartition("/")
    connection.execute("DELETE FROM requests WHERE id = ?", (_about(platform, workspace, id_),))
    _stand(connection, (platform, workspace, id_), standing, now)


def _stand(
    connection: Statements, person: tuple[str, str, str], standing: str, now: int, name: str = ""
) -> None:
    connection.execute(
        "INSERT INTO users (channel_type, workspace_id, user_id, name, standing, seen_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (channel_type, workspace_id, user_id) DO UPDATE SET standing = excluded.standing",
        (*person, name, standing, now),
    )


def _apply_raise(
    connection: Statements, id_: str, subject: Subject, choice: str, now: int
) -> tuple[Sentence, str]:
    budget, whose = str(subject["budget"]), as_it_is(str(subject["words"]))
    if "said" in subject:
        whose = Sentence.unpacked(subject["said"])
    period, amount = int(str(subject["period"])), int(str(subject["amount"]))
    if choice == DENY:
        return say("The budget of {whose} stays as it is.", whose=whose), f"{budget} {period} not raised"
    connection.execute(
        "INSERT INTO raises VALUES (?, ?, ?)"
        " ON CONFLICT (budget, period) DO UPDATE SET amount = raises.amount + excluded.amount",
        (budget, period, amount),
    )
    told = say("An owner allowed {amount} more: please ask again.", amount=dollars(amount))
    for number, address in enumerate(subject["addresses"]):
        notices.add(connection, Notice(f"decided:{id_}:{number}", Address(*map(str, address)), told), now)
    done = say("The budget of {whose} is {amount} higher.", whose=whose, amount=dollars(amount))
    return done, f"{budget} {period} +{dollars(amount)}"


def _open(connection: Statements, id_: str, kind: str, subject: Subject, now: int) -> bool:
    """False when it was asked before."""
    connection.execute(
        "INSERT INTO requests (id, kind, subject, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (id_, kind, json.dumps(subject), now),
    )
    return bool(connection.changes())


def _ask(
    connection: Statements,
    owners: Sequence[tuple[str, str, str]],
    about: Address,
    place: Address | None,
    text: Sentence,
    decision: Decision,
    now: int,
) -> None:
    """Each owner alone. `place` is where everybody is told instead when that cannot be, or there is nobody to tell."""
    for platform, workspace, user in owners:
        told = Notice(
            f"request:{decision.request}:{people.named(platform, workspace, user)}",
            notices.direct(platform, workspace),
            text,
            private_to=user,
            decision=decision,
            otherwise=place,
        )
        notices.add(connection, told, now)
    if not owners and place is not None:
        notices.add(
            connection, Notice(f"request:{decision.request}:place", place, text, decision=decision), now
        )


def _amount(shortage: Shortage) -> int:
    """A quarter of the limit, at least what the request needs, in whole dollars."""
    return max(1, math.ceil(max(shortage.needed, shortage.limit // 4) / MICRO)) * MICRO


def _about(platform: str, workspace: str, user: str) -> str:
    """Of a person's access."""
    return _id("access", platform, *([workspace] if workspace else []), user)


def _id(*parts: str) -> str:
    return "r" + hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:20]
