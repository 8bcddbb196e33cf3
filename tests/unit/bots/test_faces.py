"""Names and pictures of agents: what the file may say of them, and what stands around words on Discord."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bots.common.faces import Face, Faces
from bots.discord.sending import framing, rendering
from bots.markup import clean
from bots.slack.sending.faces import SCOPE, Customizing
from host.config import Config
from host.ports.bot import Delivery
from sessiondb import Address, content

PLACE = Address("discord", "1", "2", "3")
LONGEST = "N" * 40


def faces(**agents: dict[str, str]) -> Faces:
    made = Faces()
    made.follow(Config.model_validate({"agents": agents}))
    return made


def delivery(text: str, **more: object) -> Delivery:
    return Delivery("k", PLACE, {"content": text}, "poet", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a" * 41, "<@1>", "Po*et", "Po\net\x07", "@here", "[x](y)"])
def test_a_name_that_is_too_long_or_looks_like_a_mention_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no name to be seen by"):
        faces(poet={"name": name})


@pytest.mark.parametrize("icon", ["owl", "http://example.org/x.png", ":Owl:", "https://"])
def test_a_picture_is_an_emojis_name_or_an_address(icon: str) -> None:
    with pytest.raises(ValidationError, match="no picture"):
        faces(poet={"icon": icon})


def test_only_agents_with_a_face_have_one() -> None:
    made = faces(poet={"name": " Poet  one "}, plain={})
    assert (made.of("poet"), made.of("plain"), made.of("")) == (Face("Poet one"), Face(), Face())
    assert made
    assert not faces(plain={})


def test_a_workspace_without_the_scope_is_sent_no_face_and_one_whose_scopes_are_unknown_is() -> None:
    customizing = Customizing(
        faces(poet={"name": "Poet", "icon": ":owl:"}, seer={"icon": "https://x.example/s"})
    )
    for scopes, sent in ((["chat:write"], {}), ([], {"username": "Poet", "icon_emoji": ":owl:"})):
        customizing.begin("T1", scopes)
        assert customizing.arguments("poet") == sent
    customizing.begin("T1", [SCOPE])
    assert customizing.arguments("seer") == {"icon_url": "https://x.example/s"}
    assert customizing.arguments("") == customizing.arguments("unknown") == {}


def test_a_name_stands_above_the_first_message_alone_and_is_no_part_of_what_it_is_found_by() -> None:
    named = faces(poet={"name": "Poet", "icon": ":owl:"})
    whole = framing.framed(delivery("Words.", bill="Took 1 s", closes=True), named)
    assert whole == "-# 🦉 Poet\nWords.\n-# Took 1 s"
    assert framing.bare(whole) == framing.bare("Words.") == framing.bare("-# Prose\nWords.")
    assert framing.framed(delivery("Words.", first=False), named) == "Words."
    assert framing.framed(delivery("-# 🦉 Poet\nWords."), named) == "-# 🦉 Poet\nWords."
    for icon in ("https://example.org/x.png", ":no_such_emoji:"):
        assert (
            framing.framed(delivery("Words."), faces(poet={"name": "Poet", "icon": icon}))
            == "-# Poet\nWords."
        )


def test_the_longest_chunk_has_room_for_the_longest_name_and_the_longest_bill() -> None:
    named = faces(poet={"name": LONGEST, "icon": ":owl:"})
    bill = "Took 999 h 59 min 59 s · $999,999.99"
    [first, *_] = rendering.drawn(content.Text("word " * 900))
    whole = framing.framed(delivery(first["content"], bill=bill), named)
    assert whole.startswith(f"-# 🦉 {LONGEST}\n")
    assert whole.endswith(bill)
    assert clean.units(whole) <= 2_000
