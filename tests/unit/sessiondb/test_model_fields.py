"""How a refusal reads, and which optional field it is about."""

from __future__ import annotations

from typing import Any

import pytest

from sessiondb import model_fields

REQUEST: dict[str, Any] = {
    "cache_control": {"type": "ephemeral"},
    "context_management": {"edits": []},
    "thinking": {"type": "adaptive"},
    "tools": [{"name": "bash"}, {"type": "web_search_20250305", "name": "web_search"}],
}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "error", "error": {"type": "invalid_request_error", "message": "no such field"}},
        {"error": {"message": "no such field", "type": "None", "param": None, "code": "400"}},
        {"error": "no such field"},
        {"message": "no such field"},
        {"detail": "no such field"},
        "no such field",
    ],
)
def test_what_an_error_says_is_found_in_every_shape(body: object) -> None:
    assert model_fields.detail_of(body) == "no such field"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (
            'litellm.BadRequestError: AnthropicException - {"error": {"message": "too odd"}}. Group=x',
            "too odd",
        ),
        ('AnthropicException - b\'{"type":"error","error":{"message":"too odd"}}\'', "too odd"),
        ('Expected `{"a": 1}` in the input', 'Expected `{"a": 1}` in the input'),
        ("Expected { in the input", "Expected { in the input"),
        ('{"error": null}', '{"error": null}'),
        ("{" * 30, "{" * 30),
    ],
)
def test_what_a_gateway_quotes_is_what_the_api_said(said: str, found: str) -> None:
    assert model_fields.detail_of({"error": {"message": said, "code": "400"}}) == found


def test_what_says_nothing_is_no_trouble() -> None:
    nothing: list[object] = [None, [], {}, {"error": None}, 7]
    assert [model_fields.detail_of(body) for body in nothing] == [""] * 5
    assert (
        model_fields.detail_of({"detail": [{"loc": ["body", "thinking"]}]})
        == '[{"loc": ["body", "thinking"]}]'
    )


@pytest.mark.parametrize(
    ("detail", "field"),
    [
        ("cache_control: Extra inputs are not permitted", "cache_control"),
        ("system.0.cache_control: Extra inputs are not permitted", "cache_control"),
        ("context_management: Extra inputs are not permitted", "context_management"),
        ("invalid beta flag", "context_management"),
        ("tools.1.type: Input should be 'custom'", "web_search"),
        ("adaptive thinking is not supported on this model", "thinking"),
        ('[{"type": "extra_forbidden", "loc": ["body", "thinking"]}]', "thinking"),
        ("Extra inputs are not permitted", "context_management"),
        ("messages.1.content.0: Invalid `signature` in `thinking` block", ""),
        ("messages.3.content.1.cache_control: Extra inputs are not permitted", "cache_control"),
        ("tools.0.custom.input_schema: JSON schema is invalid", ""),
        ("messages: text content blocks must be non-empty", ""),
        ("Could not process image", ""),
        ('[{"loc": ["body", "messages", 1, "content", 0], "msg": "no such `thinking` block"}]', ""),
        ("body -> messages -> 1 -> content -> 0: no `thinking` here", ""),
        (
            "output_config: Extra inputs are not permitted",
            "context_management",
        ),  # not sent, so it is somebody's guess
    ],
)
def test_a_refusal_is_about_a_field_that_was_sent(detail: str, field: str) -> None:
    assert model_fields.refused_in(REQUEST, detail) == field
