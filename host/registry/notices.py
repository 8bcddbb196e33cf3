"""What the host itself has to say: denied, over budget, given up. One notice per incident; none ever causes another."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from typing import Any

from host.ports.bot import Decision
from host.registry.port import Statements
from host.words import Sentence, as_it_is, told
from sessiondb.records import Address

GAVE_UP = "gave-up:"  # before a message's id
WELCOME = "welcome:"  # before a place: kept for ever, for it is said once
FORGETTABLE = f"about NOT LIKE '{WELCOME}%' AND about NOT LIKE 'damaged:%:outbound%'"


@dataclass(frozen=True, slots=True)
class Notice:
    about: str  # names the incident: the same one twice is one notice
    address: Address
    text: Sentence  # what an agent or a person wrote: `as_it_is`
    private_to: str = ""
    answers: str = ""  # platform id of the message it is about
    decision: Decision | None = None
    otherwise: Address | None = (
        None  # where everybody is told if the platform refuses to tell the person alone
    )

    def encode(self) -> str:
        return json.dumps({**asdict(self), "words": self.words})

    @classmethod
    def decode(cls, encoded: str) -> Notice:
        found = json.loads(encoded)
        otherwise = found["otherwise"] and Address(*found["otherwise"])
        decision = decision_of(json.dumps(found["decision"])) if found["decision"] else None
        address = Address(*found["address"])
        words = found.pop("words", None)
        found["text"] = as_it_is(found["text"])
        made = cls(**{**found, "address": address, "decision": decision, "otherwise": otherwise})
        return worded(made, words) if words else made

    @property
    def words(self) -> list[Any]:
        """What text and choices are made of, so that they can be told in another language; empty where that is nothing."""
        labels = () if self.decision is None else [label for _, label in self.decision.choices]
        texts = (self.text, *labels)
        return (
            [as_it_is(text).packed() for text in texts] if any(isinstance(t, Sentence) for t in texts) else []
        )


def worded(notice: Notice, words: list[Any]) -> Notice:
    """`notice` made anew from its `words`."""
    text, *labels = map(Sentence.unpacked, words)
    decision = notice.decision
    if decision is not None:
        choices = tuple((value, label) for (value, _), label in zip(decision.choices, labels, strict=True))
        decision = replace(decision, choices=choices)
    return replace(notice, text=text, decision=decision)


def tell(connection: Statements, id_: int, language: str) -> None:
    """From now on the notice's text is what is said in the language."""
    sql = "SELECT words, decision FROM notices WHERE id = ? AND words <> ''"
    row = connection.execute(sql, (id_,)).fetchone()
    if row is None:
        return
    notice = Notice("", Address("", "", ""), as_it_is(""), decision=decision_of(str(row[1])))
    said = told(worded(notice, json.loads(str(row[0]))), language)
    decision = "" if said.decision is None else json.dumps(asdict(said.decision))
    connection.execute(
        "UPDATE notices SET text = ?, decision = ?, words = '' WHERE id = ?", (said.text, decision, id_)
    )


def direct(channel_type: str, workspace_id: str) -> Address:
    """Of a notice that is `private_to` somebody wherever the bot can reach them alone."""
    return Address(channel_type, workspace_id, "")


def of_quarantine(session_id: str) -> str:
    """Kept while the session's outbound.db cannot be read: it is said once, whatever is started anew meanwhile, and by names that
    begin so to whoever writes later."""
    return f"damaged:{session_id}:outbound"


def is_over(connection: Statements, about: str) -> bool:
    """Whether this was said."""
    sql = "SELECT 1 FROM notices WHERE about = ? AND state IN ('sent', 'failed') LIMIT 1"
    return connection.execute(sql, (about,)).fetchone() is not None


def told_at(connection: Statements, about: str) -> int:
    """ms UTC; 0 where there is nothing of it to say, or no more."""
    row = connection.execute("SELECT max(created_at) FROM notices WHERE about = ?", (about,)).fetchone()
    return int(str(row[0])) if row is not None and row[0] is not None else 0


def forget(connection: Statements, about: str) -> None:
    """With what was said of it later, `about` and more behind a colon."""
    sql = "DELETE FROM notices WHERE about >= ? AND about < ? AND state IN ('sent', 'failed')"
    connection.execute(sql, (about, f"{about};"))


def add(connection: Statements, notice: Notice, now: int, chunk: int = 0) -> None:
    decision = "" if notice.decision is None else json.dumps(asdict(notice.decision))
    otherwise = "" if notice.otherwise is None else json.dumps(notice.otherwise)
    connection.execute(
        "INSERT INTO notices (about, chunk, key, private_to, answers, text, decision, otherwise, words, channel_type,"
        " workspace_id, platform_id, thread_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        (
            notice.about,
            chunk,
            mint_key(),
            notice.private_to,
            notice.answers,
            str(notice.text),
            decision,
            otherwise,
            json.dumps(notice.words) if notice.words else "",
            *notice.address,
            now,
        ),
    )


def are_open(connection: Statements) -> bool:
    """Whether any is not delivered yet."""
    sql = "SELECT 1 FROM notices_here WHERE state IN ('pending', 'sending', 'unknown') LIMIT 1"
    return connection.execute(sql).fetchone() is not None


def decision_of(kept: str) -> Decision | None:
    """From how it is kept in host.db or in a payload."""
    if not kept:
        return None
    found = json.loads(kept)
    return Decision(found["request"], tuple((str(value), str(label)) for value, label in found["choices"]))


def mint_key() -> str:
    """16 characters: what a platform gets as nonce or metadata."""
    return secrets.token_hex(8)
