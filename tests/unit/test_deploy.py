"""What is handed to operators fits the code: figures that exist, rules that parse, a unit that systemd takes, and its pages."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client import Counter, Histogram

from host.config import Config
from tests.support.figures import METRICS
from tests.support.tools import compose, tool

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


@pytest.fixture(scope="module")
def services() -> dict[str, str]:
    """What compose makes of each service, with the profile that watches."""
    command = [*compose(), "--file", str(ROOT / "docker-compose.yml"), "--profile", "watch", "config"]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "GF_SECURITY_ADMIN_PASSWORD": "x",
    }
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    told = re.search(r"^services:\n(.*?)(?=^\w|\Z)", done.stdout, re.MULTILINE | re.DOTALL)
    assert told is not None
    _, *blocks = re.split(r"^  (\w+):\n", told[1], flags=re.MULTILINE)
    return dict(zip(blocks[::2], blocks[1::2], strict=True))


def test_compose_takes_its_file_and_starts_who_watches_only_when_asked(services: dict[str, str]) -> None:
    assert set(services) == {"dovecote", "prometheus", "grafana"}
    assert "profiles" not in services["dovecote"]
    assert all("profiles:" in services[name] for name in ("prometheus", "grafana"))
    assert re.search(r"healthcheck:.*- dovecote\n\s*- health\n", services["dovecote"], re.DOTALL)
    assert all("max-size: 10m" in service for service in services.values())


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_who_watches_reads_files_that_are_there_beside_the_host(services: dict[str, str], name: str) -> None:
    assert "network_mode: service:dovecote" in services[name]
    given = re.findall(rf"{re.escape(str(ROOT))}[^:\s]*", services[name])
    assert given
    assert [path for path in given if not Path(path).exists()] == []


def test_who_watches_listens_on_loopback_alone_and_where_nothing_else_does(services: dict[str, str]) -> None:
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]
    told = services["grafana"]
    assert re.search(r"GF_SERVER_HTTP_ADDR: '?127\.0\.0\.1", told)
    port = re.search(r"GF_SERVER_HTTP_PORT: '?\"?(\d+)", told)
    assert port is not None
    assert int(port[1]) not in (3000, 8750, 8760, 9090)  # Slack's requests, webhooks, the page, Prometheus


def test_the_dashboard_is_found_by_grafana_and_its_figures_by_prometheus() -> None:
    provisioning = DASHBOARD.parent / "provisioning"
    assert "url: http://127.0.0.1:9090\n" in (provisioning / "datasources" / "prometheus.yml").read_text()
    assert "path: /var/lib/dashboards\n" in (provisioning / "dashboards" / "dovecote.yml").read_text()
    web = Config.model_validate({"web": {}}).web
    assert web is not None
    assert f'["localhost:{web.port}"]' in (RULES.parent / "prometheus.yml").read_text()


def test_every_secret_that_the_program_reads_gets_into_its_container() -> None:
    text = (ROOT / "host" / "config" / "environment.py").read_text("utf-8") + (
        ROOT / "host/folders/seal.py"
    ).read_text()
    named = set(re.findall(r'"([A-Z]+_[A-Z_]*(?:TOKEN|KEY|SECRET))"', text))
    listed = set(re.findall(r"^      - ([A-Z_]+)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE))
    assert "DOVECOTE_SEAL_KEY" in named
    assert named <= listed
