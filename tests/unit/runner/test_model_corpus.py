"""Whatever a model answers and whatever people attach, the next "hello" can be answered.

The answers are made from the definitions of the API's own library.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any, get_args

import pytest
from anthropic.types.beta import BetaContentBlock, BetaStopReason
from pydantic import BaseModel

from runner.providers import leftout
from runner.providers.attachments import of_bytes
from runner.providers.claude import FORGOTTEN
from runner.providers.conversation import Answer, Conversation, Summary
from runner.providers.mending import Mending
from runner.tools.box import ToolResult
from sessiondb.records import Step
from tests.fakes.model_api.conversation import check_messages
from tests.fakes.model_api.errors import Refused
from tests.fakes.model_api.validation import parse_body
from tests.support.corpus import damaged, kinds, sample
from tests.support.files import animation, noise, pdf, picture

JSON = dict[str, Any]

EACH = 120  # samples of every kind
BLOCKS = kinds(BetaContentBlock)
STOPS = get_args(BetaStopReason)
BETAS = frozenset({"compact-2026-01-12"})


def history(*steps: tuple[str, str, str]) -> list[Step]:
    """(kind, tool_use_id, content) of one turn."""
    return [Step(number, "t", kind, id_, "complete", text) for number, (kind, id_, text) in enumerate(steps)]


def asked(text: str, files: Any = ()) -> tuple[str, str, str]:
    return "user", "", json.dumps({"ids": ["m"], "prompt": text, "files": files})


def answers(steps: list[Step], files: Any = lambda _: []) -> list[JSON]:
    """The messages with which "hello" is answered after these steps, mended like the provider does."""
    conversation = Conversation.of(steps, (), files)
    conversation.user("hello")
    mending = Mending(conversation)
    gave_up = False
    while True:
        sent = conversation.messages()
        try:
            body = {"messages": leftout.as_sent(sent)}
            check_messages(parse_body(json.dumps(body).encode()), BETAS)
        except Refused as refused:
            if not mending.after(refused.status, refused.message, sent):
                if gave_up:
                    raise
                gave_up = True
                # The turn fails in words; the next one begins with what it recorded.
                left = mending.give_up(conversation.messages)
                more = [("note", "", leftout.note_of(left)), ("summary", "", Summary(FORGOTTEN).encode())]
                steps = [
                    *steps,
                    *(Step(99 + n, "t2", *step[:2], "complete", step[2]) for n, step in enumerate(more)),
                ]
                conversation = Conversation.of(steps, (), files)
                conversation.user("and now: hello")
                mending = Mending(conversation)
            continue
        return leftout.as_sent(sent)


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda kind: str(kind.__name__))
def test_no_answer_of_the_model_ends_a_conversation(kind: type[BaseModel]) -> None:
    random = Random(kind.__name__)
    for _ in range(EACH):
        content = [sample(kind, random) for _ in range(random.randrange(1, 4))]
        if random.random() < 0.5:
            content.append(sample(random.choice(BLOCKS), random))
        answer = Answer(json.loads(json.dumps(content)), random.choice(STOPS))
        steps = [asked("look"), ("assistant", "", answer.encode())]
        if random.random() < 0.5:
            result = ToolResult("done", is_error=False).encode()
            steps += [("tool_result", str(call.get("id")), result) for call in answer.calls]
        if random.random() < 0.5:
            steps.append(("final", "", json.dumps(["Done."])))
        said = answers(history(*steps))
        assert said[-1]["content"][-1]["text"].endswith("hello")


FILES = {
    "png": picture(40, 30),
    "large png": picture(3_000, 20),
    "jpeg": noise(40, 30, "JPEG"),
    "gif": animation(3, "GIF"),
    "webp": picture(40, 30, "WEBP"),
    "tiff": picture(40, 30, "TIFF"),
    "bmp": picture(40, 30, "BMP"),
    "avif": picture(40, 30, "AVIF"),
    "pdf": pdf(3),
    "locked pdf": pdf(3, password=""),
    "html": b"<!DOCTYPE html><html><title>Sign in</title></html>",
    "text": "größer\n".encode("latin-1") * 20,
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.filterwarnings("ignore")
def test_no_file_ends_a_conversation(kind: str) -> None:
    random = Random(kind)
    for number in range(EACH):
        data = damaged(FILES[kind], random)
        claimed = random.choice(("image/png", "image/jpeg", "application/pdf", "text/plain", ""))
        blocks = of_bytes(data, f"m/{number}", claimed)
        file = [{"path": f"m/{number}", "type": claimed}]
        said = answers(
            history(asked("look", file), ("final", "", json.dumps(["Seen."]))), lambda _, b=blocks: b
        )
        assert said[-1]["content"][-1]["text"].endswith("hello")
