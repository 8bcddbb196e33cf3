"""What we take Slack to do, one by one: `dovecote conformance slack` tries them there, a test tries them on the fake.

What is seen is said in words of ours or by Slack's error codes, so that a report names nobody and nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from slack_sdk.errors import SlackApiError

from bots.slack.client.errors import code_of
from bots.slack.panels import judging
from bots.slack.sending.canvases import NOT_HERE
from bots.slack.sending.faces import SCOPE as CUSTOMIZE
from bots.slack.sending.tables import ROWS, tabled
from bots.slack.setup.stay import TEXT, Stay, word_of
from host.ports.conformance import Assumption, NotTried

Json = dict[str, Any]
Blocks = list[Json]

PREVIEWED = 3.0  # s within which a page's preview has come
CUT = "no longer than the limit"
RATE_HEADERS = ("retry-after", "x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset")
CLICKED = "action_id, value, channel, message, response_url, user"


async def _by_metadata(stay: Stay) -> str:
    ts = (await stay.post())["ts"]
    found = [m for m in await stay.history() if m["ts"] == ts]
    return "found" if found and stay.is_ours(found[0]) else "not found"


async def _by_metadata_in_a_thread(stay: Stay) -> str:
    root, reply = await _thread(stay)
    found = [m for m in await stay.replies(root) if m["ts"] == reply]
    return "found" if found and stay.is_ours(found[0]) else "not found"


async def _thread(stay: Stay) -> tuple[str, str]:
    root = str((await stay.post())["ts"])
    return root, str((await stay.post(thread_ts=root))["ts"])


async def _reply_in_history(stay: Stay) -> str:
    _, reply = await _thread(stay)
    return "in it" if any(m["ts"] == reply for m in await stay.history()) else "not in it"


async def _root_first(stay: Stay) -> str:
    root, reply = await _thread(stay)
    found = [str(m["ts"]) for m in await stay.replies(root)]
    return "the root, then the reply" if found == [root, reply] else "another order"


async def _rising(stay: Stay) -> str:
    given = [str((await stay.post())["ts"]) for _ in range(3)]
    exact = [tuple(map(int, ts.split("."))) for ts in given]
    return "later is greater" if exact == sorted(set(exact)) else "another order"


async def _newest_first(stay: Stay) -> str:
    given = [str((await stay.post())["ts"]) for _ in range(2)]
    found = [str(m["ts"]) for m in await stay.history() if m["ts"] in given]
    return "newest first" if found == given[::-1] else "another order"


async def _long_text(stay: Stay) -> str:
    answer = await stay.post(text="a" * 40_001)
    return CUT if len(str(answer["message"].get("text", ""))) <= 40_000 else "taken whole"


def _blocks(made: Callable[[int], Blocks], size: int) -> Callable[[Stay], Awaitable[str]]:
    async def see(stay: Stay) -> str:
        return await stay.verdict(stay.post(blocks=made(size)))

    return see


def _section(size: int) -> Blocks:
    return [{"type": "section", "text": {"type": "plain_text", "text": "a" * size}}]


def _header(size: int) -> Blocks:
    return [{"type": "header", "text": {"type": "plain_text", "text": "a" * size}}]


def _markdown(size: int) -> Blocks:
    return [{"type": "markdown", "text": "a" * size}]


def _many(size: int) -> Blocks:
    return [{"type": "divider"} for _ in range(size)]


def _button(size: int) -> Blocks:
    button = {"type": "button", "action_id": "none", "text": {"type": "plain_text", "text": "a" * size}}
    return [{"type": "actions", "elements": [button]}]


def _unknown(_: int) -> Blocks:
    return [{"type": "no_such_block"}]


def _feedback(_: int) -> Blocks:
    return [judging.block("check")]


def _data_table(size: int) -> Blocks:
    """As answers are sent; of more rows than we send, the last one said again."""
    [table] = tabled("\n".join(["|a|b|", "|-|-|", *["|1|b|"] * min(size, ROWS)])) or [{"rows": []}]
    return [table | {"rows": [*table["rows"], *[table["rows"][-1]] * max(0, size - ROWS)]}]


def _edit_of(size: int) -> Callable[[Stay], Awaitable[str]]:
    async def see(stay: Stay) -> str:
        ts = (await stay.post())["ts"]
        return await stay.verdict(stay.client.chat_update(channel=stay.channel, ts=ts, text="a" * size))

    return see


async def _edit_keeps_metadata(stay: Stay) -> str:
    ts = (await stay.post())["ts"]
    await stay.client.chat_update(channel=stay.channel, ts=ts, text="Changed.")
    found = [m for m in await stay.history() if m["ts"] == ts]
    return "kept" if found and stay.is_ours(found[0]) else "gone"


async def _deleted_twice(stay: Stay) -> str:
    ts = (await stay.post())["ts"]
    await stay.client.chat_delete(channel=stay.channel, ts=ts)
    return await stay.verdict(stay.client.chat_delete(channel=stay.channel, ts=ts))


async def _rate_headers(stay: Stay) -> str:
    ts = str((await stay.post())["ts"])
    answer = await stay.client.chat_update(channel=stay.channel, ts=ts, text="Changed.")
    named = {str(name).lower() for name in answer.headers}
    return ", ".join(name for name in RATE_HEADERS if name in named) or "none"


def _who(stay: Stay) -> str:
    if not stay.person:
        raise NotTried(stay.why_no_click)
    return stay.person


async def _click(stay: Stay) -> str:
    _who(stay)
    [action] = stay.click["actions"]
    has = {
        "action_id": action.get("action_id"),
        "value": action.get("value") == "pressed",
        "channel": (stay.click.get("container") or {}).get("channel_id") == stay.channel,
        "message": (stay.click.get("container") or {}).get("message_ts"),
        "response_url": stay.click.get("response_url"),
        "user": stay.person,
    }
    return ", ".join(name for name, there in has.items() if there)


async def _stream(stay: Stay, root: str, **shown: Any) -> str:
    started = await stay.client.chat_startStream(
        channel=stay.channel,
        thread_ts=root,
        recipient_user_id=_who(stay),
        recipient_team_id=stay.team,
        **(shown or {"markdown_text": "One"}),
    )
    return str(stay.keep(started)["ts"])


async def _streamed(stay: Stay) -> str:
    _who(stay)
    ts = await _stream(stay, str((await stay.post())["ts"]))
    await stay.client.chat_appendStream(channel=stay.channel, ts=ts, markdown_text=" two")
    return await stay.verdict(stay.client.chat_stopStream(channel=stay.channel, ts=ts))


async def _after_the_stop(stay: Stay) -> str:
    _who(stay)
    ts = await _stream(stay, str((await stay.post())["ts"]))
    await stay.client.chat_stopStream(channel=stay.channel, ts=ts)
    more = stay.client.chat_appendStream(channel=stay.channel, ts=ts, markdown_text=" two")
    return await stay.verdict(more)


async def _planned(stay: Stay) -> str:
    """As a plan is shown: its title and a card for each step, which goes on."""
    _who(stay)
    step: Json = {"type": "task_update", "id": "one", "title": "A step"}
    chunks = [{"type": "plan_update", "title": "A plan"}, step | {"status": "in_progress"}]
    ts = await _stream(stay, str((await stay.post())["ts"]), chunks=chunks, task_display_mode="plan")
    done = [step | {"status": "complete"}]
    said = await stay.verdict(stay.client.chat_appendStream(channel=stay.channel, ts=ts, chunks=done))
    await stay.client.chat_stopStream(channel=stay.channel, ts=ts)
    return said


async def _marked_at_its_end(stay: Stay) -> str:
    _who(stay)
    root = str((await stay.post())["ts"])
    ts = await _stream(stay, root)
    await stay.client.chat_stopStream(channel=stay.channel, ts=ts, metadata=stay.marked())
    found = [m for m in await stay.replies(root) if m["ts"] == ts]
    return "found" if found and stay.is_ours(found[0]) else "not found"


async def _unpreviewed(stay: Stay) -> str:
    """Slack fetches a page after it has taken the message."""
    ts = (await stay.post(text=f"{TEXT} https://example.com"))["ts"]
    await asyncio.sleep(PREVIEWED)
    found = [m for m in await stay.history() if m["ts"] == ts]
    return "a preview" if found and found[0].get("attachments") else "none"


async def _face(stay: Stay) -> str:
    """Without the scope agents speak under the app's own name."""
    if CUSTOMIZE not in await scopes(stay):
        raise NotTried(f"agents have no names of their own here: no {CUSTOMIZE}")
    said = await stay.post(username="A check")
    return "under it" if said["message"].get("username") == "A check" else "under the app's"


async def scopes(stay: Stay) -> set[str]:
    """Of the bot's token, as Slack names them with each answer."""
    told = (await stay.client.auth_test()).headers
    named = {str(name).lower(): str(value) for name, value in told.items()}.get("x-oauth-scopes", "")
    return {scope.strip() for scope in named.split(",")}


async def _ephemeral(stay: Stay) -> str:
    """Nobody can remove it: only that person sees it, until the next reload."""
    answer = await stay.client.chat_postEphemeral(
        channel=stay.channel, user=_who(stay), text="A check by Dovecote; only you see this."
    )
    return "in it" if any(m["ts"] == answer["message_ts"] for m in await stay.history()) else "not in it"


async def _canvas(stay: Stay) -> str:
    """As documents are sent; a workspace that takes none has files of them."""
    client, title = stay.client, {"type": "markdown", "markdown": "A check by Dovecote"}
    try:
        made = await client.canvases_create(title="check", document_content=title)
    except SlackApiError as error:
        if code_of(error) not in NOT_HERE:
            raise
        raise NotTried(f"documents are files here: {word_of(error)}") from error
    canvas = str(made["canvas_id"])
    try:
        rename = {"operation": "rename", "title_content": title}
        await client.canvases_edit(canvas_id=canvas, changes=[rename])
        link = str((await client.files_info(file=canvas))["file"].get("permalink") or "")
        await stay.post(text=f"<{link}|A check by Dovecote>")
        opened = client.canvases_access_set(canvas_id=canvas, access_level="read", channel_ids=[stay.channel])
        return await stay.verdict(opened) if link else "without an address"
    finally:
        await client.canvases_delete(canvas_id=canvas)


INVALID = "invalid_blocks"
LONG = "msg_blocks_too_long"
ASSUMPTIONS: tuple[Assumption[Stay], ...] = (
    Assumption("A click's fields", CLICKED, _click),
    Assumption("A message by its metadata, in a channel's history", "found", _by_metadata),
    Assumption("A message by its metadata, in a thread", "found", _by_metadata_in_a_thread),
    Assumption("A reply, in the channel's history", "not in it", _reply_in_history),
    Assumption("A thread that is read", "the root, then the reply", _root_first),
    Assumption("Timestamps of messages in turn", "later is greater", _rising),
    Assumption("A history that is read", "newest first", _newest_first),
    Assumption("A text of 40,001 characters", CUT, _long_text),
    Assumption("A section of 3,000 characters", "accepted", _blocks(_section, 3_000)),
    Assumption("A section of 3,001 characters", INVALID, _blocks(_section, 3_001)),
    Assumption("A header of 150 characters", "accepted", _blocks(_header, 150)),
    Assumption("A header of 151 characters", INVALID, _blocks(_header, 151)),
    Assumption("A button of 75 characters", "accepted", _blocks(_button, 75)),
    Assumption("A button of 76 characters", INVALID, _blocks(_button, 76)),
    Assumption("50 blocks", "accepted", _blocks(_many, 50)),
    Assumption("51 blocks", INVALID, _blocks(_many, 51)),
    Assumption("Markdown of 12,000 characters", "accepted", _blocks(_markdown, 12_000)),
    Assumption("Markdown of 12,001 characters", LONG, _blocks(_markdown, 12_001)),
    Assumption("A block of an unknown type", INVALID, _blocks(_unknown, 0)),
    Assumption("Feedback buttons", "accepted", _blocks(_feedback, 0)),
    Assumption("A data table of 100 rows", "accepted", _blocks(_data_table, 100)),
    Assumption("A data table of 201 rows", INVALID, _blocks(_data_table, 201)),
    Assumption("A link without a preview", "none", _unpreviewed),
    Assumption("A post under a name of its own", "under it", _face),
    Assumption("An edit to 4,000 characters", "accepted", _edit_of(4_000)),
    Assumption("An edit to 4,001 characters", "msg_too_long", _edit_of(4_001)),
    Assumption("Metadata after an edit without any", "kept", _edit_keeps_metadata),
    Assumption("A second deletion", "message_not_found", _deleted_twice),
    Assumption("Headers about rates on success", "none", _rate_headers),
    Assumption("A stream that is begun, continued and ended", "accepted", _streamed),
    Assumption("A stream that is continued after its end", "message_not_in_streaming_state", _after_the_stop),
    Assumption("A stream that shows a plan", "accepted", _planned),
    Assumption("Metadata that a stream gets at its end", "found", _marked_at_its_end),
    Assumption("A canvas that is renamed, linked and opened to its channel", "accepted", _canvas),
    Assumption("A note for one person, in the channel's history", "not in it", _ephemeral),
)
