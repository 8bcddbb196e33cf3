"""Operations as the bot's own payloads: JSON that `Outbox` knows how to carry out. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from bots.common import documents
from bots.discord.client import wire
from bots.discord.sending.cards import QUOTED
from bots.markup import discord as markup
from bots.markup import lookalikes
from sessiondb import content

OURS = (
    100  # units that a message keeps free for the agent's name above its words, and for the bill below them
)
LONGEST = markup.CHUNK - OURS
LONGEST_URL = 512  # characters of a button's address
MOST_BUTTONS = 20  # beside the one for an answer in one's own words, in five rows of five


def drawn(
    operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
) -> Sequence[dict[str, Any]]:
    return render(operation, plain=plain, room=len(wire.named(mentions)))


def render(operation: content.Operation, *, plain: bool = False, room: int = 0) -> Sequence[dict[str, Any]]:
    """`room` is how many characters the chunks of a text leave free, for those whom it notifies."""
    match operation:
        case content.Text(text):
            return [{"content": chunk} for chunk in _chunks(text, plain, LONGEST - room)]
        case content.Edit(_, text):
            first, *rest = _chunks(text, plain)
            return [{"edit": first}, *({"content": chunk} for chunk in rest)]
        case content.Reaction(_, emoji):
            return [{"reaction": emoji}]
        case content.File(path, name, comment):
            *before, last = _chunks(comment, plain) if comment.strip() else [""]
            return [*({"content": chunk} for chunk in before), {"content": last, "file": path, "name": name}]
        case content.Document(title, text, comment):
            *before, last = _chunks(comment, plain) if comment.strip() else [""]
            name = documents.named(title)
            file = {"content": last, "file": name, "name": name, "document": text}
            return [*({"content": chunk} for chunk in before), file]
        case content.Card():
            return _card(operation, plain)
        case content.Question():
            return _question(operation, plain)


def _card(card: content.Card, plain: bool) -> Sequence[dict[str, Any]]:
    """A quote with a button for its address; words where they are too many for one message, or Discord refused it."""
    rows = "\n".join(f"- **{field.name}**: {field.value}" for field in card.fields)
    said = "\n\n".join(part for part in (f"### {card.title}" if card.title else "", card.text, rows) if part)
    chunks = _chunks(said, plain, LONGEST - len(QUOTED))
    place = _place(card.url)
    whole = "\n\n".join(part for part in (said, card.url) if part)
    if len(chunks) == 1 and not plain and (place or not card.url):
        quoted = {"content": f"{QUOTED}{chunks[0]}", "card": {"url": card.url, "place": place}}
        in_words = _chunks(whole, plain)
        return [{**quoted, "plain": {"content": in_words[0]}} if len(in_words) == 1 else quoted]
    return [{"content": chunk} for chunk in _chunks(whole, plain)]


def _place(url: str) -> str:
    """Where a button with this address would lead; '' where no button can have it, and where browsers may read another place
    in it, or people another name: there it stands in words."""
    try:
        parts = urlsplit(url) if re.fullmatch(r"https?://[^\s\\]+", url, re.IGNORECASE) else None
        host = (parts.hostname or "") if parts and "@" not in parts.netloc else ""
    except ValueError:
        return ""
    return host if len(url) <= LONGEST_URL and not lookalikes.deceives(host) else ""


def _question(asked: content.Question, plain: bool) -> Sequence[dict[str, Any]]:
    """The last chunk has the buttons; options beyond the buttons are for an answer in one's own words."""
    text = f"🔐 **{asked.approval}**\n\n{asked.text}" if asked.approval else asked.text
    numbered = len(asked.options) > MOST_BUTTONS
    if numbered:
        text += "\n\n" + "\n".join(f"{n}. {option}" for n, option in enumerate(asked.options, 1))
    *before, last = _chunks(text, plain)
    question = {
        "options": [] if numbered else list(asked.options),
        "free_text": asked.free_text or numbered or not asked.options,
        "expires_at": asked.expires_at,
        "approval": bool(asked.approval),
        "details": bool(asked.call),
    }
    options = "" if numbered else "\n".join(f"{n}. {one}" for n, one in enumerate(asked.options, 1))
    listed = f"\n\n{markup.quiet(options)}"
    asks = {"content": last, "question": question}
    if asked.options and not (numbered or asked.approval) and len(last + listed) <= LONGEST:
        in_words = {**question, "options": [], "free_text": True}
        asks["plain"] = {"content": last + listed, "question": in_words}
    return [*({"content": chunk} for chunk in before), asks]


def _chunks(text: str, plain: bool, most: int = LONGEST) -> list[str]:
    return (markup.as_written if plain else markup.render)(text, limit=most) or ["…"]
