"""What stands around an agent's words in small: whose they are above them, where it has a name, and what they took below.

A webhook could wear the name and the picture themselves, but its posts have no nonce: after an answer that was lost nothing
but their words would tell whether they stand, and the same words may have been said before (law 6). So the bot says all of it.
"""

from __future__ import annotations

import re

from bots.common.faces import Faces
from bots.discord.client import wire
from bots.markup import clean, discord
from host.config import emoji
from host.ports import bill
from host.ports.bot import Delivery

_ABOVE = re.compile(r"\A-# [^\n]{1,60}\n")


def framed(delivery: Delivery, faces: Faces) -> str:
    """As it is posted, within what a message holds. Who is notified is named in front of everything."""
    said, head = worded(delivery), above(delivery, faces)
    head = "" if said.startswith(head) else head  # a model that reads what it said may write it itself
    for text in (f"{head}{said}", said):
        for whole in (bill.below(text, delivery.bill) if delivery.bill else text, text):
            if clean.units(whole) <= discord.CHUNK:
                return whole
    return said


def above(delivery: Delivery, faces: Faces) -> str:
    """Once, above the first of the messages that belong together."""
    who = named(delivery.agent, faces) if delivery.first else ""
    return f"-# {who}\n" if who else ""


def named(agent: str, faces: Faces) -> str:
    """By what people see of it; '' of one without a name of its own."""
    face = faces.of(agent)
    if not face.name:
        return ""
    picture = emoji.sign(face.icon) if face.icon.startswith(":") else ""
    shown = f"{picture} " if picture else ""
    return f"{shown}{face.name}"


def worded(delivery: Delivery) -> str:
    """With those in front whom it notifies; the rendering left room for them."""
    return f"{wire.named(delivery.mentions)}{delivery.payload['content']}"


def bare(text: str) -> str:
    """Without what is around the words: what an answer is looked for by, whatever its agent is called by now."""
    return bill.without(_ABOVE.sub("", text)).strip()
