"""What is handed to operators fits the code: figures that exist, rules that parse, a unit that systemd takes, and its pages."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from prometheus_client import Counter, Histogram

from tests.support.figures import METRICS
from tests.support.tools import tool

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dovecote.json"
UNIT = ROOT / "deploy" / "systemd" / "dovecote.service"
RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")
ENDINGS = {Counter: ("_total",), Histogram: ("_bucket", "_sum", "_count")}


def exposed() -> set[str]:
    """Names as a scrape shows them."""
    return {
        f"{metric._name}{ending}"
        for metric in METRICS
        for ending in next((e for kind, e in ENDINGS.items() if isinstance(metric, kind)), ("",))
    }


def named(text: str) -> set[str]:
    return set(re.findall(r"\bdovecote_[a-z_]+", text))


def test_every_figure_that_rules_and_dashboard_name_is_one_that_is_shown() -> None:
    shown = exposed()
    assert named(RULES.read_text("utf-8")) <= shown
    assert named(json.dumps(json.loads(DASHBOARD.read_text("utf-8")))) - {"dovecote"} <= shown


def test_every_figure_is_drawn_and_explained_with_its_unit() -> None:
    drawn, said = named(DASHBOARD.read_text("utf-8")), named(RUNBOOK)
    for metric in METRICS:
        name = metric._name
        assert any(one.startswith(name) for one in drawn), f"{name} is on no panel"
        assert any(one.startswith(name) for one in said), f"{name} is not in docs/operations.md"
    known = exposed() | {metric._name for metric in METRICS}
    assert {one for one in said if one not in known} == set()


def test_every_alert_has_its_page_in_the_runbook_and_every_page_its_alert() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text("utf-8")))
    assert alerts == set(re.findall(r"^\| `(Dovecote\w+)`", RUNBOOK, re.MULTILINE))


def test_prometheus_takes_the_rules_and_the_configuration(tmp_path: Path) -> None:
    promtool = tool("promtool")
    for kind, name in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        done = subprocess.run(
            [promtool, "check", kind, str(ROOT / "deploy" / "prometheus" / name)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    unit = tmp_path / UNIT.name
    # The program is not installed where the unit looks for it; everything else is as it is handed out.
    unit.write_text(
        re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text("utf-8"), flags=re.MULTILINE)
    )
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []


def test_the_unit_ends_where_the_program_says_that_a_person_has_to_help() -> None:
    text = UNIT.read_text("utf-8")
    assert "RestartPreventExitStatus=2" in text  # host.cli.main exits so for everything a person can cure
    assert "Type=notify" in text
    assert "UMask=0077" in text
