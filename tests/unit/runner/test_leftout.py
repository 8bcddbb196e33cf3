"""What is not sent: what the API refused, and the oldest files where there are too many."""

from __future__ import annotations

from typing import Any

import pytest

from runner.providers import leftout
from runner.providers.attachments import FILE, PAGES
from runner.providers.conversation import Conversation
from runner.providers.leftout import Left
from sessiondb.records import Step

JSON = dict[str, Any]


def text(told: str) -> JSON:
    return {"type": "text", "text": told}


def file(name: str, size: int = 4, pages: int = 0) -> JSON:
    kind = "document" if pages else "image"
    return {"type": kind, "source": {"type": "base64", "data": "x" * size}, FILE: f"m/{name}", PAGES: pages}


def user(*blocks: JSON) -> JSON:
    return {"role": "user", "content": list(blocks)}


def result(*parts: JSON) -> JSON:
    return {"type": "tool_result", "tool_use_id": "c", "content": list(parts)}


def names(messages: list[JSON]) -> list[str]:
    return [block[FILE] for message in messages for block in message["content"] if FILE in block]


SENT = [
    user(text("hello")),
    {"role": "assistant", "content": [text("hi")]},
    user(result(text("seen"), {"type": "image", "source": {}}), file("a.png"), text("look")),
]


@pytest.mark.parametrize(
    ("detail", "found"),
    [
        ("messages.2.content.1.image.source.base64: image cannot be empty", ["the file a.png"]),
        ("messages[2].content[1]: broken", ["the file a.png"]),
        ("litellm.BadRequestError: messages.2.content.1.image: no", ["the file a.png"]),
        ("messages.2.content.0.tool_result.content.1.image.source: no", ["a picture"]),
        ("messages.2.content.0.tool_result: no", ["the result of a tool"]),
        ("messages.0: all messages must have non-empty content", ["a part of the text"]),
        ("messages.2.content.9.text: out of reach", ["the file a.png"]),
        ("messages.7.content.0: out of reach", []),
        ('[{"loc": ["body", "messages", 2, "content", 1, "image"], "msg": "no"}]', ["the file a.png"]),
        ("('body', 'messages', 2, 'content', 0, 'content', 1): no", ["a picture"]),
        ("body -> messages -> 2 -> content -> 1: no", ["the file a.png"]),
        ("/messages/2/content/1/source: no", ["the file a.png"]),
        ("the 2 messages, 0 of them by the user, have no content, 1 is needed", []),
        ("Could not process image", []),
    ],
)
def test_a_refusal_points_to_its_block(detail: str, found: list[str]) -> None:
    assert [left.name for left in leftout.pointed_at(detail, SENT)] == found


def test_files_are_suspected_from_the_newest_on() -> None:
    messages = [user(file("old.png")), user(result({"type": "image", "source": {}}), file("new.png"))]
    assert [left.name for left in leftout.files_of(messages)] == [
        "the file new.png",
        "a picture",
        "the file old.png",
    ]


def test_words_stand_in_for_what_is_left_out_and_no_message_becomes_empty() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    call = {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}
    messages = [
        user(file("a.png")),
        {"role": "assistant", "content": [thinking]},
        {"role": "assistant", "content": [call]},
    ]
    left = {one.key: one for message in messages for one in map(leftout.named, message["content"])}
    shown = leftout.without(messages, left)
    assert shown[0]["content"] == [text(leftout.REFUSED.format(name="the file a.png"))]
    assert shown[1]["content"][0]["type"] == "text"
    assert shown[2]["content"] == [{**call, "input": {}}]


def test_the_oldest_files_make_room_in_large_steps() -> None:
    messages = [user(file(f"{n}.png"), text("look")) for n in range(leftout.MOST_FILES)]
    assert leftout.fitting(messages) == messages
    more = [*messages, user(file("last.png"))]
    kept = names(leftout.fitting(more))
    assert len(kept) == leftout.MOST_FILES // 2
    assert kept[-1] == "m/last.png"
    assert (
        names(leftout.fitting([*more, user(file("next.png"))]))[: len(kept)] == kept
    )  # what was cached is read again
    gone = leftout.fitting(more)[0]["content"][0]["text"]
    assert gone == "<note>Here the file 0.png was shown; it is left out now to make room.</note>"


def test_bytes_and_pages_are_bounded_too_and_the_newest_file_stays() -> None:
    third = leftout.MOST_BYTES // 3
    photos = [user(file(f"{n}.png", third)) for n in range(4)]
    assert names(leftout.fitting(photos)) == ["m/3.png"]
    papers = [user(file(f"{n}.pdf", pages=60)) for n in range(2)]
    assert names(leftout.fitting(papers)) == ["m/1.pdf"]
    assert names(leftout.fitting([user(file("whole.png", 2 * leftout.MOST_BYTES))])) == ["m/whole.png"]


def test_what_was_refused_stays_out_of_every_later_request() -> None:
    def files(found: Any) -> list[JSON]:
        return [file(one["path"]) for one in found]

    def step(number: int, turn: str, kind: str, content: str) -> Step:
        return Step(number, turn, kind, "", "complete", content)

    asked = '{"ids": ["m"], "prompt": "look", "files": [{"path": "a.png", "type": "image/png"}]}'
    said = '{"model": "m", "stop_reason": "end_turn", "usage": {}, "content": [{"type": "text", "text": "well"}]}'
    note = leftout.note_of([Left("file:m/a.png", "the file a.png")])
    history = [step(1, "t", "user", asked), step(2, "t", "note", note), step(3, "t", "assistant", said)]
    shown = Conversation.of(history, (), files).messages()
    assert names(shown) == []
    assert [block["text"] for block in shown[0]["content"]] == [
        leftout.REFUSED.format(name="the file a.png"),
        "look",
    ]
    retried = [
        step(1, "t", "user", asked),
        step(2, "t", "note", note),
    ]  # it said nothing: it is no turn of the history
    assert Conversation.of(retried, (), files).messages() == []
