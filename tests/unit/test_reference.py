"""The reference fits the code both ways: every setting, command, option and figure with meaning, unit, default and example."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shlex
import subprocess
import tomllib
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from host.cli.main import app
from host.config import Config
from sessiondb.options import McpServer, Options
from tests.support.figures import METRICS
from tests.support.tools import tool

DOCS = Path(__file__).resolve().parents[2] / "docs"
OPTIONS = "agents.NAME.options."
REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        return self.name


def rows(page: str, heading: str) -> list[Row]:
    """Of the page's tables whose first column has this heading."""
    found, inside = [], False
    for line in (DOCS / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []
        if not cells:
            inside = inside and line.startswith("|--")
        elif cells[0] == heading:
            inside = True
        elif inside:
            found.append(Row(cells[0].split("`")[1], tuple(cells[1:])))
    return found


def bare(cell: str) -> str:
    return cell.removeprefix("`").removesuffix("`")


SETTINGS = {row.name: row for row in rows("settings.md", "setting")}
COMMANDS = {row.name.partition(" [")[0]: row for row in rows("commands.md", "command")}


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────


def plain(annotation: Any) -> Any:
    """Without `Annotated` and `None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (typing.Union, types.UnionType):
        [annotation] = [plain(one) for one in get_args(annotation) if one is not type(None)]
    return annotation


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        kind = plain(field.annotation)
        path = f"{prefix}{name}".removesuffix(".hooks")  # every table of [webhooks] is one
        inner = [plain(one) for one in get_args(kind)]
        within = next(filter(is_model, inner), None)
        if is_model(kind):
            yield from settings(kind, f"{path}.")
        elif within is not None:
            yield from settings(within, f"{path}.NAME." if get_origin(kind) is dict else f"{path}[].")
        else:
            yield path, field


CODE = dict(settings(Config))


def said(value: object) -> str:
    """As TOML has it."""
    match value:
        case bool():
            return str(value).lower()
        case float() if math.isinf(value):
            return "inf"
        case int() | float():
            return repr(value)
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False)
    return {(): "[]", None: "none"}.get(value, "{}") if not isinstance(value, dict) else "{}"  # type: ignore[call-overload]


def options() -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    for field in dataclasses.fields(Options):
        if field.name != "mcp":
            yield f"{OPTIONS}{field.name}", field
    for field in dataclasses.fields(McpServer):
        if field.name != "name":
            yield f"{OPTIONS}mcp.NAME.{field.name}", field


def default_of(field: dataclasses.Field[Any]) -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def test_every_setting_is_in_the_reference_and_everything_in_it_is_a_setting() -> None:
    known = {*CODE, *(name for name, _ in options())}
    assert known - set(SETTINGS) == set(), (
        "add them to docs/settings.md, with meaning, unit, default and example"
    )
    assert set(SETTINGS) - known == set(), "take them out of docs/settings.md"
    assert len(rows("settings.md", "setting")) == len(SETTINGS)


@pytest.mark.parametrize("row", SETTINGS.values(), ids=str)
def test_a_setting_has_its_meaning_its_unit_and_its_default(row: Row) -> None:
    meaning, unit, default, _ = row.cells
    assert len(meaning) > 3
    assert unit
    if row.name.startswith(OPTIONS):
        assert bare(default) == said(default_of(dict(options())[row.name]))
        return
    field = CODE[row.name]
    wanted = REQUIRED if field.is_required() else said(field.get_default(call_default_factory=True))
    assert bare(default) == wanted
    if "usd" in row.name or ".prices." in row.name:
        assert unit == "US dollars"
    if row.name.endswith("_mb"):
        assert unit == "MB"


@pytest.mark.parametrize("row", SETTINGS.values(), ids=str)
def test_the_example_of_a_setting_is_one_that_is_taken_and_not_its_default(row: Row) -> None:
    *_, default, example = row.cells
    value = tomllib.loads(f"example = {bare(example)}")["example"]
    assert bare(example) != bare(default)
    if row.name.startswith(f"{OPTIONS}mcp."):
        key = row.name.rpartition(".")[2]
        way = {} if key in ("command", "url") else {"url": "https://example.com/"}
        way = {"command": "server"} if key in ("args", "env") else way
        Options.of({"mcp": {"one": {**way, key: value}}})
    elif row.name.startswith(OPTIONS):
        people = {"approvers": ["slack:U1", "slack:U2"]} if row.name.endswith(".approve_by") else {}
        Options.of({row.name.removeprefix(OPTIONS): value, **people})
    else:
        field = CODE[row.name]
        kind: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        TypeAdapter(kind).validate_python(value)


def test_every_setting_stands_in_its_place_in_the_file_to_copy() -> None:
    """The keys of what nobody has by default stand there in an inline table, or in a comment."""
    text = (DOCS.parent / "dovecote.example.toml").read_text("utf-8")
    for name in CODE:
        key = name.rpartition(".")[2]
        assert re.search(rf"\b{key}\b", text) or f".{key}]" in text, f"{name} is not in dovecote.example.toml"


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────

ROOT = typer.main.get_command(app)
OF_MOST = "--config"


def commands(command: Any = ROOT, name: str = "dovecote") -> Iterator[tuple[str, Any]]:
    for inner_name, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from commands(inner, f"{name} {inner_name}")
        else:
            yield f"{name} {inner_name}", inner


def spelled(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    return " ".join([name, *(p.name.upper() if p.required else f"[{p.name.upper()}]" for p in arguments)])


def given(name: str, command: Any) -> dict[str, Any]:
    """Options by how they stand in the reference."""
    return {
        OF_MOST if option.opts[0] == OF_MOST else f"{name} {option.opts[0]}": option
        for option in command.params
        if option.param_type_name == "option" and "completion" not in option.name
    }


ALL_OPTIONS = {k: o for name, c in (*commands(), ("dovecote", ROOT)) for k, o in given(name, c).items()}
OPTION_ROWS = {row.name: row for row in rows("commands.md", "option")}


def parsed(example: str) -> None:
    """As the shell hands it over; nothing is carried out. Raises what is wrong with it."""
    program, *words = shlex.split(example)
    assert program == "dovecote"
    command: Any = ROOT
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if command is ROOT and words and not words[0].startswith("-"):
        raise ValueError(f"no such command: {words[0]}")
    if command is not ROOT:
        command.make_context("dovecote", words)


def test_every_command_and_option_is_in_the_reference_and_everything_in_it_is_one() -> None:
    assert [row.name for row in rows("commands.md", "command")] == sorted(
        spelled(n, c) for n, c in commands()
    )
    assert set(OPTION_ROWS) == set(ALL_OPTIONS)


@pytest.mark.parametrize("row", rows("commands.md", "command"), ids=str)
def test_a_command_has_its_meaning_and_an_example_that_is_taken(row: Row) -> None:
    meaning, example = row.cells
    known = {spelled(name, command): command for name, command in commands()}
    assert meaning == known[row.name].help.split("\n")[0]
    name = re.split(r" \[?[A-Z]", row.name)[0]
    assert bare(example).startswith(name)
    parsed(bare(example))


@pytest.mark.parametrize("row", OPTION_ROWS.values(), ids=str)
def test_an_option_has_its_meaning_unit_default_and_an_example_that_is_taken(row: Row) -> None:
    meaning, unit, default, example = row.cells
    option = ALL_OPTIONS[row.name]
    assert unit
    if row.name != OF_MOST:
        assert meaning.startswith(option.help)
        wanted = option.default
        if isinstance(wanted, bool):
            off = (option.secondary_opts or ["off"])[0]
            assert default == (option.opts[0] if wanted else off)
        elif option.required:
            assert default == REQUIRED
        else:
            assert bare(default) == (str(wanted) if wanted not in (None, "") else "none")
    assert option.opts[0] in shlex.split(bare(example))
    parsed(bare(example))


# ── figures and alerts ───────────────────────────────────────────────────────────────────────────────────

FIGURES = rows("operations.md", "figure")
RULES = (DOCS.parent / "deploy" / "prometheus" / "alerts.yml").read_text("utf-8")


@pytest.mark.parametrize("row", FIGURES, ids=str)
def test_a_figure_has_its_unit_meaning_labels_beginning_and_an_example(row: Row) -> None:
    unit, meaning, labels, first, example = row.cells
    [metric] = [m for m in METRICS if row.name in (m._name, f"{m._name}_total")]
    assert unit
    assert len(meaning) > 3
    assert labels == (", ".join(f"`{label}`" for label in metric._labelnames) or "–")
    assert first == ("absent" if metric._labelnames else "0")
    assert row.name in example


def test_every_figure_has_one_row_and_its_example_is_one_that_prometheus_takes(tmp_path: Path) -> None:
    assert sorted(row.name.removesuffix("_total") for row in FIGURES) == sorted(m._name for m in METRICS)
    rules = [{"record": f"example:{n}", "expr": bare(row.cells[-1])} for n, row in enumerate(FIGURES)]
    file = tmp_path / "examples.yml"
    file.write_text(json.dumps({"groups": [{"name": "examples", "rules": rules}]}))
    done = subprocess.run(
        [tool("promtool"), "check", "rules", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("row", rows("operations.md", "alert"), ids=str)
def test_an_alert_says_what_it_means_what_to_do_and_how_soon_it_comes(row: Row) -> None:
    meaning, remedy, after, severity = row.cells
    [rule] = [block for block in RULES.split("- alert: ")[1:] if block.startswith(f"{row.name}\n")]
    lasting = re.search(r"for: (\S+)", rule)
    assert len(meaning) > 3
    assert len(remedy) > 3
    assert after == (lasting[1] if lasting else "at once")
    assert f"severity: {severity}" in rule


def test_an_example_that_the_program_would_not_take_is_noticed() -> None:
    for wrong in (
        "dovecote up --no-such",
        "dovecote no-such",
        "dovecote why",
        "dovecote send a b --wait long",
    ):
        with pytest.raises(Exception, match=r"(?i)no such|missing|valid|unexpected"):
            parsed(wrong)
