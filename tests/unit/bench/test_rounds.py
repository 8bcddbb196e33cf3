"""Rounds, the table and the pictures: builds by turns, what could not be measured is said, and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from rich.console import Console

from bench import __main__ as command
from bench import plots, rounds, table
from bench.figure import Figure, Timings, one
from bench.rounds import MODULES, Build, of_commit

ROOT = Path(__file__).resolve().parents[3]

# What stands in a tree instead of `bench.rounds`: it prints what such a module would, and notes that it was asked.
MEASURES = """
import json, pathlib, sys
if sys.argv[1] == "broken":
    sys.exit("Traceback\\nModuleNotFoundError: No module named 'host.newer'")
with pathlib.Path("{log}").open("a") as log:
    print("{build}", sys.argv[1], file=log)
figure = dict(measured=dict(name=sys.argv[1], values=[{value}], unit="s"), floor=dict(name="E", values=[1.0], unit="s"))
print("a library says something")
print(json.dumps([dict(figure, aim=1.5, at_least=False, of_p99=False)]))
"""


def build(folder: Path, name: str, value: float) -> Build:
    (folder / name / "bench").mkdir(parents=True)
    (folder / name / "bench" / "__init__.py").touch()
    asked = MEASURES.format(log=folder / "log", build=name, value=value)
    (folder / name / "bench" / "rounds.py").write_text(asked)
    return Build(name, folder / name, Path(sys.executable))


def figures() -> list[Figure]:
    return [
        Figure(
            Timings("warm <round> trip", [0.01 * n for n in range(1, 40)]),
            Timings("floor", [0.01] * 12),
            1.35,
        ),
        Figure(Timings("delivery", [900.0], "/s"), Timings("E", [100.0], "/s"), 3.0, at_least=True),
        Figure(Timings("kept", [1e9], "KiB"), one("KiB"), 100.0),
    ]


def printed(builds: list[Build]) -> str:
    console = Console(width=160, record=True)
    console.print(table.of(builds))
    return console.export_text()


def test_builds_take_turns_in_every_round_and_one_that_fails_holds_up_nobody(tmp_path: Path) -> None:
    builds = [build(tmp_path, "new", 1.0), build(tmp_path, "old", 2.0)]
    said = list[str]()
    rounds.run(builds, ["kept", "broken", "drain"], 2, said.append)
    asked = (tmp_path / "log").read_text().splitlines()
    assert asked == ["new kept", "old kept", "new drain", "old drain"] * 2
    assert [(f.name, f.measured.values) for f in builds[1].figures] == [
        ("kept", [2.0, 2.0]),
        ("drain", [2.0, 2.0]),
    ]
    assert builds[0].failed == {"broken": "ModuleNotFoundError: No module named 'host.newer'"}
    assert next(iter(table.not_measured(builds))).startswith(
        "broken of new was not measured: ModuleNotFoundError"
    )
    assert "ratio of old" in printed(builds)
    assert "–" not in printed(builds)


def test_what_fills_ten_thousand_sessions_first_is_measured_in_one_round(tmp_path: Path) -> None:
    one_build = build(tmp_path, "new", 1.0)
    rounds.run([one_build], ["reindex", "kept"], 3, lambda _: None)
    assert [len(figure.measured.values) for figure in one_build.figures] == [1, 3]


def test_a_figure_that_the_other_build_has_not_is_a_dash(tmp_path: Path) -> None:
    new, old = (
        Build("new", tmp_path, tmp_path, [figures()]),
        Build("old", tmp_path, tmp_path, [figures()[:1]]),
    )
    assert printed([new, old]).count("–") == 2


def test_every_module_that_measures_is_asked_to() -> None:
    measuring = {
        path.stem for path in (ROOT / "bench").glob("*.py") if "\ndef measure(" in path.read_text("utf-8")
    }
    assert measuring == set(MODULES)
    assert set(rounds.ONCE) < set(MODULES)


def test_a_real_round_comes_back_from_its_own_process() -> None:
    here = Build("this build", ROOT, Path(sys.executable))
    rounds.run([here], ["kept"], 1, lambda _: None)
    [kept] = here.figures
    assert (kept.measured.unit, here.failed) == ("KiB", {})
    assert kept.figure > 0


def test_another_commits_tree_has_this_bench_and_is_gone_afterwards(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    git = ["git", "-C", str(tree), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for name, text in (("host/__init__.py", "OLD = True"), ("bench/__init__.py", ""), ("bench/old.py", "")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    for call in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "old"]):
        subprocess.run([*git, *call], check=True)
    (tree / "host" / "__init__.py").write_text("OLD = False")
    (tree / "bench" / "old.py").rename(tree / "bench" / "new.py")
    with of_commit("HEAD", tree, tmp_path) as base:
        assert [path.name for path in (base.root / "bench").glob("[no]*.py")] == ["new.py"]
        asks = "import host, bench.new, apsw, sys; sys.exit(0 if host.OLD else 3)"
        assert subprocess.run([base.python, "-P", "-c", asks], cwd=tmp_path, check=False).returncode == 0
    assert not base.root.exists()
    listed = subprocess.run([*git, "worktree", "list"], check=True, capture_output=True, text=True).stdout
    assert len(listed.splitlines()) == 1


def test_pictures_are_well_formed_and_stay_within_their_paper(tmp_path: Path) -> None:
    other = Build("old", tmp_path, tmp_path, [figures()])
    plots.draw([Build("new", tmp_path, tmp_path, [figures()]), other], tmp_path)
    for name in ("bench-aims.svg", "bench-spread.svg"):
        root = ElementTree.fromstring((tmp_path / name).read_text("utf-8"))
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for bar in (element for element in root.iter() if element.tag.endswith("rect")):
            assert float(bar.get("x", "0")) + float(bar.attrib["width"]) <= width
            assert float(bar.get("y", "0")) + float(bar.attrib["height"]) <= height
        assert "warm <round> trip" in [element.text for element in root.iter()]


def test_nothing_measured_is_still_a_picture() -> None:
    assert plots.spread([]).endswith("</svg>\n")
    assert plots.aims([], {}).endswith("</svg>\n")


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(0.0123, "s", "12.30 ms"), (2.5, "s", "2.50 s"), (1234.4, "/s", "1,234 /s"), (98.55, "KiB", "98.5 KiB")],
)
def test_values_are_said_in_peoples_units(value: float, unit: str, words: str) -> None:
    assert table.said(value, Timings("it", [value], unit)) == words


def test_the_command_knows_each_module_by_name_and_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "nonsense"])
    with pytest.raises(SystemExit):
        command.main()
    assert "round_trip" in capsys.readouterr().err
