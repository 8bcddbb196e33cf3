"""What we take Discord to do, one by one: `dovecote conformance discord` tries them there, a test tries them on the fake.

What is seen is said in words of ours or by Discord's numbers, so that a report names nobody and nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from bots.discord.setup.stay import ONE, Stay
from host.ports.conformance import Assumption, NotTried

Json = dict[str, Any]

SUPPRESS_EMBEDS = 1 << 2
COMPONENTS_V2 = 1 << 15
LONGEST = 2_000
CLICKED = "custom_id, message, channel, token, user"
INVALID = "code 50035"
NOBODY = 1  # the id of a message that nowhere is


def _buttons(rows: int = 1, wide: int = 1, label: int = 1, id_: int = 20) -> list[Json]:
    def button(number: int) -> Json:
        return {"type": 2, "style": 2, "label": "a" * label, "custom_id": f"{number:02}".ljust(id_, "a")}

    return [
        {"type": 1, "components": [button(row * wide + place) for place in range(wide)]}
        for row in range(rows)
    ]


def _menu(options: int) -> list[Json]:
    listed = [{"label": str(number), "value": str(number)} for number in range(options)]
    return [{"type": 1, "components": [{"type": 3, "custom_id": "menu", "options": listed}]}]


async def _click(stay: Stay) -> str:
    if not stay.click:
        raise NotTried(stay.why_no_click)
    return ", ".join(name for name, there in stay.click.items() if there)


async def _again(stay: Stay) -> str:
    nonce = secrets.token_hex(8)
    given = [await stay.post(nonce=nonce, enforce_nonce=True) for _ in range(2)]
    return "the first is given back" if given[0]["id"] == given[1]["id"] else "two messages"


async def _nonce_of_an_answer(stay: Stay) -> str:
    nonce = secrets.token_hex(8)
    return "in it" if (await stay.post(nonce=nonce)).get("nonce") == nonce else "not in it"


async def _nonce_in_history(stay: Stay) -> str:
    found = await stay.in_history(await stay.post(nonce=secrets.token_hex(8)))
    return "in it" if found.get("nonce") else "not in it"


async def _components_in_history(stay: Stay) -> str:
    found = await stay.in_history(await stay.post(components=_buttons()))
    ids = [one.get("custom_id") for row in found.get("components") or () for one in row["components"]]
    return "with their ids" if ids == [_buttons()[0]["components"][0]["custom_id"]] else "without them"


async def _order(stay: Stay) -> str:
    given = [(await stay.post())["id"] for _ in range(3)]
    found = [one["id"] for one in await stay.history(after=int(given[0]) - 1)]
    found = [one for one in found if one in given]
    return {tuple(given): "oldest first", tuple(given[::-1]): "newest first"}.get(
        tuple(found), "another order"
    )


async def _rising(stay: Stay) -> str:
    given = [int((await stay.post())["id"]) for _ in range(3)]
    return "later is greater" if given == sorted(set(given)) else "another order"


def _posting(**fields: Any) -> Callable[[Stay], Awaitable[str]]:
    async def see(stay: Stay) -> str:
        return await stay.posted(**fields)

    return see


def _long(length: int) -> Callable[[Stay], Awaitable[str]]:
    async def see(stay: Stay) -> str:
        return await stay.posted(content=stay.text(length))

    return see


async def _edit_too_long(stay: Stay) -> str:
    edited = {"content": stay.text(LONGEST + 1)}
    return await stay.verdict(stay.call("PATCH", ONE, json=edited, message_id=(await stay.post())["id"]))


async def _edit_keeps_buttons(stay: Stay) -> str:
    message = await stay.post(components=_buttons())
    await stay.call("PATCH", ONE, json={"content": stay.text()}, message_id=message["id"])
    return "kept" if (await stay.in_history(message)).get("components") else "gone"


async def _edit_of_nothing(stay: Stay) -> str:
    return await stay.verdict(stay.call("PATCH", ONE, json={"content": stay.text()}, message_id=NOBODY))


async def _deleted_twice(stay: Stay) -> str:
    message = (await stay.post())["id"]
    await stay.call("DELETE", ONE, message_id=message)
    return await stay.verdict(stay.call("DELETE", ONE, message_id=message))


async def _unpreviewed(stay: Stay) -> str:
    found = await stay.post(content=f"{stay.mark} https://example.org", flags=SUPPRESS_EMBEDS)
    return "kept" if int(found.get("flags") or 0) & SUPPRESS_EMBEDS else "dropped"


async def _mentions_nobody(stay: Stay) -> str:
    found = await stay.post(content=f"{stay.mark} @everyone")
    return "everybody" if found.get("mention_everyone") else "nobody"


async def _as_components(stay: Stay) -> str:
    """As panels are shown: the words are in a component, and the message itself has none."""
    text = {"type": 10, "content": stay.text()}
    found = await stay.in_history(await stay.post(content=None, flags=COMPONENTS_V2, components=[text]))
    shown = [one.get("content") for one in found.get("components") or ()]
    return "its words" if shown == [text["content"]] else "something else"


def _reply(**more: Any) -> Callable[[Stay], Awaitable[str]]:
    async def see(stay: Stay) -> str:
        return await stay.posted(message_reference={"message_id": str(NOBODY), **more})

    return see


def _reaction(*emoji: str) -> Callable[[Stay], Awaitable[str]]:
    async def see(stay: Stay) -> str:
        message, said = (await stay.post())["id"], "accepted"
        for one in emoji:
            put = stay.call("PUT", f"{ONE}/reactions/{{emoji}}/@me", message_id=message, emoji=one)
            said = await stay.verdict(put)
        return said

    return see


ASSUMPTIONS: tuple[Assumption[Stay], ...] = (
    Assumption("A click's fields", CLICKED, _click),
    Assumption("A post with a nonce that was just used", "the first is given back", _again),
    Assumption("A nonce, in the answer to its post", "in it", _nonce_of_an_answer),
    Assumption("A nonce, in a channel's history", "not in it", _nonce_in_history),
    Assumption("A nonce of 25 characters", "accepted", _posting(nonce="a" * 25)),
    Assumption("A nonce of 26 characters", INVALID, _posting(nonce="a" * 26)),
    Assumption("Buttons, in a channel's history", "with their ids", _components_in_history),
    Assumption("A history that is read after a message", "newest first", _order),
    Assumption("Ids of messages in turn", "later is greater", _rising),
    Assumption("A text of 2,000 characters", "accepted", _long(LONGEST)),
    Assumption("A text of 2,001 characters", INVALID, _long(LONGEST + 1)),
    Assumption("A message without anything", "code 50006", _posting(content="")),
    Assumption("A button of 80 characters", "accepted", _posting(components=_buttons(label=80))),
    Assumption("A button of 81 characters", INVALID, _posting(components=_buttons(label=81))),
    Assumption("A button's id of 100 characters", "accepted", _posting(components=_buttons(id_=100))),
    Assumption("A button's id of 101 characters", INVALID, _posting(components=_buttons(id_=101))),
    Assumption("Five rows of five buttons", "accepted", _posting(components=_buttons(5, 5))),
    Assumption("Six rows", INVALID, _posting(components=_buttons(6))),
    Assumption("Six buttons in a row", INVALID, _posting(components=_buttons(1, 6))),
    Assumption("A menu of 25 options", "accepted", _posting(components=_menu(25))),
    Assumption("A menu of 26 options", INVALID, _posting(components=_menu(26))),
    Assumption("An edit to 2,001 characters", INVALID, _edit_too_long),
    Assumption("Buttons after an edit of the words alone", "kept", _edit_keeps_buttons),
    Assumption("An edit of a message that is not there", "code 10008", _edit_of_nothing),
    Assumption("A second deletion", "code 10008", _deleted_twice),
    Assumption("The flag against previews", "kept", _unpreviewed),
    Assumption("Whom @everyone reaches where nobody may be mentioned", "nobody", _mentions_nobody),
    Assumption("A message of components, in a channel's history", "its words", _as_components),
    Assumption("A reply to nothing", INVALID, _reply()),
    Assumption("A reply to nothing that may fail", "accepted", _reply(fail_if_not_exists=False)),
    Assumption("The same reaction twice", "accepted", _reaction("👍", "👍")),
    Assumption("A reaction that is no emoji", "code 10014", _reaction("no")),
)
