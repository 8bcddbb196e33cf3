"""Operations as the bot's own payloads: JSON that `Outbox` knows how to carry out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bots.discord.client import wire
from bots.markup import discord as markup
from sessiondb import content

LONGEST = markup.CHUNK
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
        case content.Card(title, text, fields, url):
            rows = [f"- **{field.name}**: {field.value}" for field in fields]
            parts = [f"### {title}" if title else "", text, "\n".join(rows), url]
            whole = "\n\n".join(part for part in parts if part)
            return [{"content": chunk} for chunk in _chunks(whole, plain)]
        case content.Question():
            return _question(operation, plain)


def _question(asked: content.Question, plain: bool) -> Sequence[dict[str, Any]]:
    """The last chunk has the buttons; options beyond the buttons are for an answer in one's own words."""
    text = f"🔐 **Approval needed: {asked.approval}**\n\n{asked.text}" if asked.approval else asked.text
    numbered = len(asked.options) > MOST_BUTTONS
    if numbered:
        text += "\n\n" + "\n".join(f"{n}. {option}" for n, option in enumerate(asked.options, 1))
    *before, last = _chunks(text, plain)
    question = {
        "options": [] if numbered else list(asked.options),
        "free_text": asked.free_text or numbered or not asked.options,
        "expires_at": asked.expires_at,
        "approval": bool(asked.approval),
    }
    return [*({"content": chunk} for chunk in before), {"content": last, "question": question}]


def _chunks(text: str, plain: bool, most: int = LONGEST) -> list[str]:
    if plain:
        return [text[start : start + most] for start in range(0, len(text), most)] or ["…"]
    return markup.render(text, limit=most) or ["…"]
