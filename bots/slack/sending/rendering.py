"""From an operation to payloads: one per message, each with `do` saying which call carries it out. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bots.common import answering, documents
from bots.common.short import shortened
from bots.markup import chunks
from bots.markup import slack as markup
from bots.slack.sending import tables
from host.config.emoji import short_name
from host.ports.bot import Decision
from host.words import Sentence, say
from sessiondb import content

Json = dict[str, Any]

BUTTONS = 5  # options up to this many are buttons, more are a menu
SECTION = 3_000  # characters of a section
TITLE = 150  # characters of a document's
LABEL = 75  # characters of a button or an option
MENU = 100  # options of a menu
BUTTON_VALUE = 1_500  # characters of an option that a button brings back; Slack takes 2,000
ACTION = "dovecote-answer"
WORDS = "dovecote-words"
DETAILS = "dovecote-details"
VOTES = "votes"  # the block that says who has allowed a call so far
QUESTION_BLOCK, APPROVAL_BLOCK = "q:", "a:"  # before the question's name
DECISION = "dovecote-decide"
DECISION_BLOCK = "d:"  # before the request's name
LONGEST_BLOCK_ID = 255
MOST_ANSWERERS = 10  # user ids that fit beside an option's number


def operation(given: content.Operation, *, plain: bool, mentions: Sequence[str] = ()) -> Sequence[Json]:
    """`mentions` need no room here: a message may be longer than its chunks are."""
    match given:
        case content.Text(text):
            return _posts(text, plain=plain)
        case content.Edit(_, text):
            first, *rest = _posts(text, plain=plain) or [{"do": "post", "text": "…"}]
            return [_doing("update", first), *rest]
        case content.Reaction(_, emoji):
            return [{"do": "react", "emoji": short_name(emoji)}]
        case content.File(path, name, comment):
            # A file's comment is no block: it goes as words, and what is too long for one message follows.
            words, *more = [chunk.text for chunk in markup.plain(comment)] or [""]
            file: Json = {"do": "file", "path": path, "name": name, "comment": words}
            return [file, *({"do": "post", "text": text} for text in more)]
        case content.Document():
            return _document(given, plain=plain)
        case content.Card(title, text, fields, url):
            rows = "\n".join(f"- **{field.name}**: {field.value}" for field in fields)
            link = f"<{url}>" if url.startswith(("http://", "https://")) else ""
            parts = [f"**{title}**" if title else "", text, rows, link]
            return _posts("\n\n".join(part for part in parts if part), plain=plain)
        case content.Question(text, options, free_text):
            details = [_details()] if given.call else []
            labels = [answering.choice(one) for one in options] if given.approval else list(options)
            posts = _question(text, options, labels, free_text or not options, details, plain=plain)
            for last in filter(None, (posts[-1], posts[-1].get("plain"))):
                last["approval"] = bool(given.approval)
            return posts


def _document(given: content.Document, *, plain: bool) -> list[Json]:
    """With both forms of it: a file has the text as it was written, a canvas what Slack may make of it."""
    title = shortened(
        " ".join(given.title.split()).replace("![", "["), TITLE
    )  # in a canvas that is a mention
    words, *more = [chunk.text for chunk in markup.plain(given.comment)] or [""]
    document: Json = {
        "do": "document",
        "name": documents.named(title),
        "title": title,
        "label": next((chunk.text for chunk in markup.plain(title)), title),
        "comment": words,
        "document": given.text,
        "canvas": "" if plain else markup.page(given.text),
    }
    return [document, *({"do": "post", "text": text} for text in more)]


def _posts(text: str, *, plain: bool) -> list[Json]:
    if plain:
        return [{"do": "post", "text": piece} for piece in markup.as_written(text)]
    return [_post(chunk) for chunk in markup.render(text)]


def _post(chunk: markup.SlackChunk) -> Json:
    post: Json = {"do": "post", "text": chunk.text}
    if chunk.blocks:
        post["blocks"] = list(chunk.blocks)
        if [block["type"] for block in chunk.blocks] == ["markdown"]:
            found = tables.tabled(str(chunk.blocks[0]["text"]))
            post |= {"tabled": found} if found else {}
    if chunk.plain:
        post["plain"] = {"do": "post", "text": chunk.plain}
    return post


def _doing(what: str, post: Json) -> Json:
    return {**post, "do": what, **({"plain": {**post["plain"], "do": what}} if "plain" in post else {})}


def _words(text: str) -> list[Json]:
    """As many blocks as it needs: nobody is to choose by a part of what is asked."""
    parts = chunks.pieces(text, SECTION)
    return [{"type": "section", "text": {"type": "plain_text", "text": part}} for part in parts]


def _question(
    text: str,
    options: Sequence[str],
    labels: Sequence[str],
    free_text: bool,
    more: Sequence[Json],
    *,
    plain: bool,
) -> list[Json]:
    """`labels`: how the options are told."""
    options, labels = options[:MENU], labels[:MENU]
    if any(len(" ".join(option.split())) > LABEL for option in options):
        # A label has no room for it: what is chosen from stands above in full, and the labels are numbered.
        listed = "\n".join(f"{number}. {' '.join(o.split())}" for number, o in enumerate(options, 1))
        text = f"{text}\n\n{listed}"
        labels = [f"{number}. {option}" for number, option in enumerate(options, 1)]
    posts = _posts(text, plain=plain) or [{"do": "post", "text": "?"}]
    last = posts[-1]
    if "blocks" not in last:
        last["blocks"] = _words(last["text"])
    elements = _choices(options, labels)
    if free_text:
        elements.append(
            {"type": "button", "action_id": WORDS, "text": _label(say("Answer in words…")), "value": "words"}
        )
    last["do"] = "ask"
    last.pop("tabled", None)  # its blocks end in buttons
    actions: Json = {"type": "actions", "elements": [*elements, *more]}
    last["blocks"] = [*last["blocks"], actions]
    if "plain" in last:
        words = last["plain"]["text"]
        last["plain"] = {"do": "ask", "text": words, "blocks": [*_words(words), actions]}
    return posts


def _choices(options: Sequence[str], labels: Sequence[str]) -> list[Json]:
    """A button brings back the whole option; a menu's item has room for its number alone."""
    if len(options) <= BUTTONS:
        return [
            {
                "type": "button",
                "action_id": f"{ACTION}-{number}",
                "text": _label(label),
                "value": f"{number}|{option[:BUTTON_VALUE]}",
            }
            for number, (option, label) in enumerate(zip(options, labels, strict=True))
        ]
    menu = [{"text": _label(option), "value": str(number)} for number, option in enumerate(labels)]
    return [
        {
            "type": "static_select",
            "action_id": f"{ACTION}-menu",
            "placeholder": _label(say("Choose…")),
            "options": menu,
        }
    ]


def _label(text: str) -> Json:
    if isinstance(text, Sentence):  # short in every language, and told by whoever posts it
        return {"type": "plain_text", "text": text}
    return {"type": "plain_text", "text": shortened(" ".join(text.split()) or "…", LABEL)}


def addressed(
    blocks: Sequence[Json], question: str, audience: Sequence[str], *, approval: bool = False
) -> list[Json]:
    """The blocks of a question with what a click has to bring back: which question, and who may answer.

    It travels in the message itself, so that it outlives any restart; Slack, not the person, hands it back. Where there is
    no room for all of those people none is named, and the host alone decides.
    """
    who = ",".join(audience) if len(audience) <= MOST_ANSWERERS else ""
    found: list[Json] = json.loads(json.dumps(list(blocks)))
    for block in found:
        if block["type"] != "actions":
            continue
        block["block_id"] = f"{APPROVAL_BLOCK if approval else QUESTION_BLOCK}{question}"[:LONGEST_BLOCK_ID]
        for element in block["elements"]:
            for item in element.get("options", [element]):
                item["value"] = f"{item['value']}|{who}"
    return found


def deciding(payload: Json, decision: Decision) -> list[Json]:
    """A message's blocks with an owner's choices below; what a click has to bring back is in the message itself."""
    blocks = payload.get("blocks") or _words(str(payload["text"]))
    buttons = [
        {"type": "button", "action_id": f"{DECISION}-{number}", "text": _label(label), "value": value}
        for number, (value, label) in enumerate(decision.choices)
    ]
    actions = {"type": "actions", "block_id": f"{DECISION_BLOCK}{decision.request}", "elements": buttons}
    return [*blocks, actions]


def answered(blocks: Sequence[Json], line: str) -> list[Json]:
    """A question's blocks after its answer: nothing to click, and who chose what."""
    kept = [block for block in blocks if block.get("type") != "actions" and block.get("block_id") != VOTES]
    return [*kept, {"type": "context", "elements": [{"type": "mrkdwn", "text": line[:2_900]}]}]


def counted(blocks: Sequence[Json], line: str) -> list[Json]:
    """The same while more people have to answer: who has, above the buttons."""
    kept = [block for block in blocks if block.get("block_id") != VOTES]
    votes: Json = {"type": "context", "block_id": VOTES}
    votes["elements"] = [{"type": "mrkdwn", "text": line[:2_900]}]
    return [*kept[:-1], votes, kept[-1]]


def _details() -> Json:
    return {"type": "button", "action_id": DETAILS, "text": _label(say("Details")), "value": "details"}
