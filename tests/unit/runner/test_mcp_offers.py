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
