"""What the model API refuses is never sent again: the turn is answered without it, and so is everything that is said later."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host.cli.looks import everything
from runner.providers.conversation import SUMMARISE
from tests.fakes.model_api import (
    Answer,
    ErrorInStream,
    FakeModelAPI,
    HttpError,
    RecordedRequest,
    Thinking,
    ToolUse,
    Usage,
    answer,
)
from tests.support.files import noise, pdf, picture
from tests.support.hosting import config
from tests.support.talking import Talk, talking


async def show(talk: Talk, text: str, *files: tuple[str, bytes, str]) -> str:
    """Says it with files, and waits for the answer."""
    before = len(talk.bot.said("c"))
    await talk.say(text, files=tuple(talk.bot.file(*file) for file in files))
    return (await talk.replies(before + 1))[-1]


def kinds(request: RecordedRequest) -> list[str]:
    return [block["type"] for message in request.json["messages"] for block in message["content"]]


def has(kind: str) -> Callable[[RecordedRequest], bool]:
    return lambda request: kind in kinds(request)


def asked(api: FakeModelAPI) -> list[RecordedRequest]:
    return [request for request in api.requests if request.path.endswith("/messages")]


async def test_files_that_the_api_would_refuse_are_named_and_the_conversation_goes_on(
    api: FakeModelAPI, tmp_path: Path
) -> None:  # model_empty_image, model_jpeg_called_png, model_panorama
    files = [
        ("photo.png", b"\xff\xd8\xff\xe0" + bytes(46), "image/png"),
        ("pano.png", picture(9_000, 40), "image/png"),
        ("scan.pdf", pdf(password="secret"), "application/pdf"),
        ("report.pdf", b"<!DOCTYPE html><title>Sign in</title>", "application/pdf"),
        ("empty.png", b"", "image/png"),
        ("jpeg.png", picture(kind="JPEG"), "image/png"),
    ]
    async with talking(api, tmp_path) as talk:
        await talk.ask("hello")
        await show(talk, "look", *files)
        await talk.ask("what is 2+2?")
    assert [request.outcome for request in api.requests] == ["answered"] * 3
    assert kinds(api.requests[1]).count("image") == 2
    for words in (
        "photo.png is said to be",
        "scan.pdf is a PDF behind a password",
        "report.pdf holds a web page",
    ):
        assert words in api.requests[1].user_text
    assert api.requests[2].cache.divergence_from(api.requests[1].cache) is None


@pytest.mark.parametrize(
    "detail",
    [
        "messages.2.content.0.image.source.base64.data: we do not like it",  # names its block
        "Could not process image",  # names none
    ],
)
async def test_a_refused_picture_is_left_out_for_good(api: FakeModelAPI, tmp_path: Path, detail: str) -> None:
    api.refuse_when(has("image"), detail)
    api.script("Hi.", "I see nothing.", "4.", "Still 4.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("hello")
        assert await show(talk, "look", ("cat.png", picture(), "image/png")) == (
            "I see nothing.\n\n_Left out, for the model did not take it: the file cat.png._"
        )
        assert await talk.ask("what is 2+2?") == "4."
    async with talking(api, tmp_path) as talk:  # another process
        await talk.say("and now?", natural_id="later")
        assert await talk.replies(1) == ["Still 4."]
    refused = [request.outcome for request in api.requests]
    assert refused == ["answered", "refused", "answered", "answered", "answered"]
    assert "the file cat.png is left out here" in api.requests[-1].conversation


async def test_of_several_files_the_newest_is_suspected_first_and_then_halves(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    bad = picture(9, 9)

    def holds_the_bad_one(request: RecordedRequest) -> bool:
        return any(
            block["type"] == "image" and b64decode(block["source"]["data"]) == bad
            for message in request.json["messages"]
            for block in message["content"]
        )

    api.refuse_when(holds_the_bad_one, "Could not process image")
    async with talking(api, tmp_path) as talk:
        first = [(f"{n}.png", bad if n == 3 else picture(n + 1, 1), "image/png") for n in range(5)]
        said = await show(talk, "look", *first)
        await talk.ask("what is 2+2?")
    assert said.endswith(
        "_Left out, for the model did not take it: the file 4.png, the file 3.png, the file 2.png._"
    )
    assert kinds(api.requests[-1]).count("image") == 2
    assert [request.outcome for request in api.requests].count("refused") == 2


async def test_a_refusal_that_is_no_files_fault_costs_no_file(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(HttpError(400, "messages: nobody knows why"), HttpError(400, "messages: nobody knows why"))
    api.script("I see.")
    async with talking(api, tmp_path) as talk:
        said = await show(talk, "look", ("cat.png", picture(), "image/png"))
        assert "did not accept the request: messages: nobody knows why" in said
        assert await talk.ask("hello?") == "I see."
    assert "image" not in kinds(api.requests[-1])  # a fresh start
    assert "this is a fresh start" in api.requests[-1].conversation


async def test_old_photos_leave_the_request_in_time(api: FakeModelAPI, tmp_path: Path) -> None:
    async with talking(api, tmp_path) as talk:  # model_photos_over_32MiB
        for number in range(8):
            await show(talk, "look", (f"{number}.png", noise(1_060, 1_060, seed=number), "image/png"))
        await talk.ask("what is 2+2?")
    assert {request.outcome for request in api.requests} == {"answered"}
    assert max(len(request.raw) for request in api.requests) < 20_000_000


async def test_a_paste_that_is_too_long_is_cut_and_kept_in_a_file(api: FakeModelAPI, tmp_path: Path) -> None:
    api.window = 200_000  # model_prompt_too_long
    api.script("Hi.", "A long log.", "4.")
    paste = " log line\n" * 100_000
    async with talking(api, tmp_path) as talk:
        await talk.ask("hello")
        assert await talk.ask(paste) == (
            "A long log.\n\n_Left out, for the model did not take it: the middle of a very long text._"
        )
        assert await talk.ask("what is 2+2?") == "4."
        [kept] = talk.workspace().glob("long-text-*.txt")
        assert paste.strip() in kept.read_text()
    assert kept.name in api.requests[-1].conversation
    assert [r.outcome for r in api.requests] == ["answered", "refused", "answered", "answered"]


async def test_a_conversation_that_is_too_long_is_summarised_even_where_all_of_it_is_too_much(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    def cannot_be_summarised_whole(request: RecordedRequest) -> bool:
        return SUMMARISE in request.user_text and len(request.raw) > 40_000

    api.refuse_when(cannot_be_summarised_whole, "prompt is too long: 30000 tokens > 9000 maximum")
    api.script("One.", "Two.", "A summary.", "Three.", "Four.")
    async with talking(api, tmp_path) as talk:
        for words in ("One.", "Two.", "Three."):
            assert await talk.ask("some words " * 2_000) == words
            api.window = api.requests[-1].cache.prompt_tokens + (7_000 if words == "One." else 2_000)
        assert await talk.ask("short") == "Four."
    refused = [request.refusal for request in api.requests if request.outcome == "refused"]
    assert len(refused) >= 2
    assert "A summary." in api.requests[-1].conversation
    assert "One." not in api.requests[-1].conversation


async def test_a_conversation_of_too_many_bytes_is_summarised_whatever_the_words(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script("One.", "Two.", "A summary.", "Three.", "Four.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("some words " * 1_500)
        await talk.ask("more words " * 1_500)
        most = len(api.requests[-1].raw)
        api.refuse_when(lambda r: len(r.raw) > most + 1_000, "Request exceeds the maximum size", status=413)
        assert await talk.ask("yet more words " * 1_000) == "Three."
        assert await talk.ask("short") == "Four."
    assert "A summary." in api.requests[-1].conversation


async def test_a_refusal_in_the_midst_of_a_stream_counts_as_one(api: FakeModelAPI, tmp_path: Path) -> None:
    detail = "prompt is too long: 30000 tokens > 9000 maximum"
    api.script("One.", ErrorInStream(1, status=400, message=detail), "Lost.", "A summary.", "Two.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("hello")
        assert await talk.ask("again") == "Two."
    assert SUMMARISE in api.requests[2].user_text
    assert "A summary." in api.requests[-1].conversation


async def test_a_gateway_that_quotes_the_api_costs_no_history(api: FakeModelAPI, tmp_path: Path) -> None:
    said = "Your credit balance is too low to access the Anthropic API."
    quoted = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
    refusal = (
        f"litellm.BadRequestError: AnthropicException - {json.dumps(quoted)}. Received Model Group=claude"
    )
    api.script("One.", HttpError(400, refusal), "Two.")
    async with talking(api, tmp_path) as talk:
        await talk.ask("the password is dove")
        told = await talk.ask("again")
        assert said in told
        assert "{" not in told
        assert await talk.ask("and now?") == "Two."
    assert "the password is dove" in api.requests[-1].conversation


@pytest.mark.parametrize(
    "empty",
    [answer(), answer("  \n"), answer(Thinking("Hm."))],
    ids=["nothing", "blanks", "thoughts"],
)
async def test_an_empty_answer_is_asked_for_once_more(
    api: FakeModelAPI, tmp_path: Path, empty: Answer
) -> None:  # model_empty_answer
    api.script(empty, "Here I am.", "Yes.")
    async with talking(api, tmp_path) as talk:
        assert await talk.ask("hello?") == "Here I am."
        assert await talk.ask("and now?") == "Yes."
    assert "Your answer was empty" in api.requests[1].user_text
    assert api.requests[2].cache.divergence_from(api.requests[1].cache) is None


async def test_two_empty_answers_are_said_in_words_and_meant_silence_is_kept(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.script(answer(), answer(), answer(), "<silent/>", "Yes.")
    async with talking(api, tmp_path) as talk:
        assert "found nothing to say" in await talk.ask("hello?")
        await talk.say("by the way")
        await talk.eventually(lambda: len(api.requests) == 4)
        assert await talk.ask("still there?") == "Yes."
        assert len(talk.bot.said("c")) == 2


async def test_who_was_told_by_a_tool_needs_no_answer_beside_it(api: FakeModelAPI, tmp_path: Path) -> None:
    api.script(answer(ToolUse("send_message", {"text": "Done."})), answer(), "Yes.")
    async with talking(api, tmp_path) as talk:
        assert await talk.ask("do it") == "Done."
        assert await talk.ask("and now?") == "Yes."
    assert len(api.requests) == 3


PROXY: list[tuple[str, str, dict[str, Any]]] = [
    ("cache_control", "cache_control: Extra inputs are not permitted", {}),  # model_proxy_no_cache_control
    ("context_management", "Unexpected value(s) `compact-2026-01-12` for the `anthropic-beta` header.", {}),
    ("output_config", "output_config.effort: Extra inputs are not permitted", {"effort": "low"}),
    ("thinking", "adaptive thinking is not supported on this model", {"thinking": True}),
    ("web_search", "tools.{n}.type: Input tag 'web_search_20250305' is unknown", {"web_search": True}),
]


@pytest.mark.parametrize(("field", "detail", "options"), PROXY, ids=[field for field, _, _ in PROXY])
async def test_an_optional_field_falls_away_when_it_is_refused(
    api: FakeModelAPI, tmp_path: Path, field: str, detail: str, options: dict[str, Any]
) -> None:
    def asks(request: RecordedRequest) -> bool:
        return f'"{field}' in json.dumps({**request.json, "messages": ()})

    api.refuse_when(asks, detail)
    async with talking(api, tmp_path, options) as talk:
        await talk.ask("hello")
        await talk.ask("again")
    assert [request.outcome for request in api.requests] == ["refused", "answered", "answered"]
    found = everything.here(config(tmp_path, model={"base_url": api.base_url}), before_start=False)
    assert f"{api.base_url} does not take {field}" in [finding.seen for finding in found]
    async with talking(api, tmp_path, options) as talk:  # the host remembers it for the next runner
        await talk.say("and now?", natural_id="later")
        await talk.replies(1)
    assert api.requests[-1].outcome == "answered"
    assert len(api.requests) == 4


async def test_a_proxy_that_does_not_say_which_field_it_misses_gets_fewer_and_fewer(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    fields = ("cache_control", "context_management")
    api.refuse_when(lambda r: any(f in r.json for f in fields), "Unknown parameter in request", status=422)
    async with talking(api, tmp_path) as talk:
        assert await talk.ask("hello")
    assert [request.outcome for request in api.requests] == ["refused", "refused", "answered"]


async def test_a_summary_is_made_by_the_agent_where_the_fields_for_it_fell_away(
    api: FakeModelAPI, tmp_path: Path
) -> None:
    api.refuse_when(
        lambda r: "context_management" in r.json, "context_management: Extra inputs are not permitted"
    )
    api.script(answer("Long.", usage=Usage(input_tokens=60_000, output_tokens=10)), "A summary.", "Yes.")
    async with talking(api, tmp_path, {"compact_at": 50_000}) as talk:
        await talk.ask("hello")
        assert await talk.ask("again") == "Yes."
    assert "A summary." in api.requests[-1].conversation


@pytest.mark.parametrize("end", ["/", "/v1", "/v1/", "/v1/messages"])
async def test_an_address_of_the_model_works_with_and_without_its_version(
    api: FakeModelAPI, tmp_path: Path, end: str
) -> None:  # model_base_url_v1
    api.base_url += end
    async with talking(api, tmp_path) as talk:
        await talk.ask("hello")
    assert [request.path for request in asked(api)] == ["/v1/messages"]
