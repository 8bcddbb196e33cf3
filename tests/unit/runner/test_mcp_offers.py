"""Names, schemas and results of MCP servers in the form that a model reads."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from mcp_types import CallToolResult

from runner.tools import offers, results


def test_names_become_legal_and_stay_apart() -> None:
    told = ["a.b", "a/b", "a_b", "é" * 200, "é" * 201, "x\x00y", ""]
    made = offers.names("srv", told)
    assert set(made) == set(told)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in made.values())
    assert len(set(made.values())) == len(told)
    assert made["a_b"] == "mcp__srv__a_b"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"type": "object", "anyOf": [{"properties": {"a": {"type": "string"}}, "required": ["a"]}, {}]},
        {"type": "object", "allOf": [{"$ref": "#/definitions/a"}], "definitions": {"a": {"type": "object"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"x": {"type": "any"}}}}},
        {"type": "object", "properties": {"a": {"minimum": 1, "exclusiveMinimum": True, "required": True}}},
        {"type": "object", "properties": {"a": {"type": "array", "items": [{"type": "string"}]}}},
        {"type": ["object", "null"], "properties": {"a": {"$ref": "https://example.com/x", "enum": "x"}}},
        {"type": "object", "properties": {"a": {"pattern": "(", "anyOf": []}}, "required": None},
    ],
)
def test_schemas_that_the_api_refuses_are_mended(told: dict[str, Any]) -> None:
    made = offers.schema(told)
    assert made["type"] == "object"
    assert not {"anyOf", "oneOf", "allOf", "$ref"} & made.keys()
    Draft202012Validator.check_schema(made)


def test_only_what_every_alternative_demands_is_demanded() -> None:
    either = [{"properties": {n: {"type": "string"}, "c": {}}, "required": [n, "c"]} for n in ("a", "b")]
    made = offers.schema({"type": "object", "oneOf": either})
    assert (sorted(made["properties"]), made["required"]) == (["a", "b", "c"], ["c"])


def test_the_word_that_tells_alternatives_apart_may_be_any_of_them() -> None:
    told = {
        "anyOf": [{"$ref": "#/definitions/mail"}, {"$ref": "#/definitions/call"}],
        "definitions": {
            "mail": {"type": "object", "properties": {"by": {"const": "mail"}, "to": {"type": "string"}}},
            "call": {"type": "object", "properties": {"by": {"const": "call"}, "to": {"type": "string"}}},
        },
    }
    made = offers.schema(told)
    assert made["properties"]["to"] == {"type": "string"}
    valid = Draft202012Validator(made).is_valid
    assert valid({"by": "mail"})
    assert valid({"by": "call"})
    assert not valid({"by": "pigeon"})


def test_an_argument_that_all_parts_speak_of_satisfies_all_of_them() -> None:
    parts = [{"properties": {"n": {"minimum": 1}}}, {"properties": {"n": {"maximum": 9}}}]
    valid = Draft202012Validator(offers.schema({"type": "object", "allOf": parts})).is_valid
    assert valid({"n": 5})
    assert not valid({"n": 0})
    assert not valid({"n": 10})


def test_an_alternative_that_may_also_be_null_keeps_its_arguments() -> None:
    either = [{"type": ["object", "null"], "properties": {"a": {"type": "string"}}}, {"type": "null"}]
    assert offers.schema({"oneOf": either})["properties"] == {"a": {"type": "string"}}


@pytest.mark.parametrize("empty", [None, []])
def test_a_tool_without_arguments_is_offered_however_its_language_writes_an_empty_table(empty: Any) -> None:
    assert offers.schema({"type": "object", "properties": empty})["properties"] == {}


def test_references_that_multiply_cost_the_tool_and_no_time() -> None:
    """Ten times ten times ten, and not so deep that this alone would refuse them."""
    levels = {f"l{n}": {"anyOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 10} for n in range(8)}
    with pytest.raises(offers.Unusable, match="too many alternatives"):
        offers.schema({"$ref": "#/$defs/l0", "$defs": levels | {"l8": {"type": "object"}}})


def test_a_schema_of_countless_parts_costs_the_tool() -> None:
    with pytest.raises(offers.Unusable, match="too many parts"):
        offers.schema({"type": "object", "properties": {"a": {"prefixItems": [{}] * 12_000}}})


@pytest.mark.parametrize(
    "told",
    [
        {"type": "array"},
        {"$ref": "#"},
        {"type": "object", "properties": {"a b": {}}},
        {"type": "object", "description": "x" * 60_000},
        {"type": "object", "properties": {"a": {"minimum": "one"}}},
    ],
)
def test_schemas_that_cannot_be_mended_cost_the_tool(told: dict[str, Any]) -> None:
    with pytest.raises(offers.Unusable):
        offers.schema(told)


def _read(workspace: Path, *content: dict[str, Any], **more: Any) -> str:
    return results.read(CallToolResult.model_validate({"content": list(content), **more}), workspace)[0]


def test_bytes_are_put_into_the_workspace_and_named(tmp_path: Path) -> None:
    data = base64.b64encode(b"\x89PNG").decode()
    said = _read(
        tmp_path,
        {"type": "image", "data": data, "mimeType": "image/png"},
        {"type": "audio", "data": "!", "mimeType": "audio/wav"},
        {"type": "resource", "resource": {"uri": "x://y", "blob": data}},
        {"type": "resource_link", "uri": "file:///etc/passwd", "name": "p"},
    )
    [first, second, *_, last] = said.splitlines()
    [png] = tmp_path.glob("mcp/*.png")
    assert first == f"[image, image/png, 4 bytes: in the workspace as mcp/{png.name}]"
    assert second == "[audio, audio/wav: its bytes cannot be decoded]"
    assert last == "[link to file:///etc/passwd: p]"


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    image = {"type": "image", "data": base64.b64encode(b"new").decode(), "mimeType": "image/png"}
    _read(tmp_path, image)
    [kept] = tmp_path.glob("mcp/*")
    other = tmp_path / "other"
    other.write_text("old")
    kept.unlink()
    kept.symlink_to(other)
    assert "not kept" in _read(tmp_path, image)
    assert other.read_text() == "old"


def test_structured_content_is_shown_where_the_text_does_not_say_it(tmp_path: Path) -> None:
    text = {"type": "text", "text": "21 degrees"}
    assert _read(tmp_path, text, structuredContent={"wind": 3}) == '21 degrees\n{"wind": 3}'
    assert _read(tmp_path, {"type": "text", "text": "5"}, structuredContent={"result": 5}) == "5"


def test_control_characters_and_endless_results_are_bounded(tmp_path: Path) -> None:
    assert _read(tmp_path, {"type": "text", "text": "a\x00\x1b[2Jb\tc"}) == "a\ufffd\ufffd[2Jb\tc"
    assert "cut here: 100000 of 200000" in _read(tmp_path, {"type": "text", "text": "x" * 200_000})


def test_pictures_and_pdfs_are_shown_once_each_and_not_without_end(tmp_path: Path) -> None:
    def image(number: int) -> dict[str, Any]:
        return {
            "type": "image",
            "data": base64.b64encode(b"\x89PNG%d" % number).decode(),
            "mimeType": "image/png",
        }

    pdf = {"type": "resource", "resource": {"uri": "x:y", "blob": "JVBERi0=", "mimeType": "application/pdf"}}
    sound = {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}
    pieces = [image(1), image(1), sound, pdf, *map(image, range(2, 20))]
    said, shown = results.read(CallToolResult.model_validate({"content": pieces}), tmp_path)
    assert len(shown) == results.MOST_SHOWN
    assert [file["type"] for file in shown[:3]] == ["image/png", "application/pdf", "image/png"]
    assert len({file["path"] for file in shown}) == len(shown)
    assert all((tmp_path / file["path"]).is_file() for file in shown)
    assert said.count("in the workspace as mcp/") == results.MOST_FILES
    assert "not kept, the result has more than 20 files" in said
