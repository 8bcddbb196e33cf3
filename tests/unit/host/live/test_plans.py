"""What others read of an agent's plan."""

from __future__ import annotations

import pytest

from host.live import plans
from runner.providers import waits
from sessiondb import plan
from sessiondb.signals import Progress


@pytest.mark.parametrize(
    ("step", "shown"),
    [
        ("Compare the three offers", "Compare the three offers"),
        ("Read: lists, then letters.", "Read: lists, then letters."),
        ("Read /etc/passwd and report.xlsx", "Read … and …"),
        ("Run `rm -rf build` again", "Run … again"),
        ('Search for "the merger" now', "Search for … now"),
        ("Run ls -la --all", "Run ls …"),
        ("Call https://example.org/?key=1", "Call …"),
        ("Ask ada@example.org", "Ask …"),
        ("Use sk0123456789012345678901234", "Use …"),
        ("Run `never closed", "Run …"),
    ],
)
def test_among_others_a_step_is_words_without_names_arguments_and_secrets(step: str, shown: str) -> None:
    assert plans.in_verbs(step) == shown


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("searching  the web", "searching the web"),
        ("", ""),
        ("cat /etc/passwd", ""),
        ("token=abc", ""),
        ("a" * 30, ""),
        ("word " * 100_000, ""),
    ],
)
def test_a_status_is_verbs_and_never_an_argument(status: str, shown: str) -> None:
    assert plans.verbs(status) == shown


def test_whoever_is_alone_with_the_agent_reads_all_of_it() -> None:
    made = plan.of([], "Read report.xlsx", [])
    assert plans.seen(made, direct=True) == made
    assert [item.text for item in plans.seen(made, direct=False)] == ["Read …"]


def test_a_channel_shows_of_the_work_what_it_was_set_to() -> None:
    made = plan.of([], "Read report.xlsx", [])
    under_way = Progress("i", "m", "reading", "So far", made)
    shown = {work: plans.narrowed(under_way, direct=False, work=work) for work in ("", "all", "none")}
    assert [item.text for item in shown[""].plan] == ["Read …"]
    assert shown["all"] == under_way == plans.narrowed(under_way, direct=True, work="")
    quiet = shown["none"]
    assert (quiet.message_id, quiet.status, quiet.text, quiet.plan) == ("m", "", "", ())


@pytest.mark.parametrize(
    ("verbs", "german"),
    [
        ("running a command", "führt einen Befehl aus"),
        ("using github", "benutzt github"),
        ("using a tool", "benutzt ein Werkzeug"),
        ("waiting", "wartet"),
        (
            waits.words(12),
            "die Modell-API ist ausgelastet; neuer Versuch in 12 s …",
        ),
        ("counting the doves", "counting the doves"),  # whatever else a runner says
        ("", ""),
    ],
)
def test_what_a_runner_says_of_its_work_is_told_in_the_language_of_the_place(verbs: str, german: str) -> None:
    spoken = plans.spoken(verbs)
    assert spoken == verbs
    assert spoken.told("de") == german


@pytest.mark.parametrize("verbs", plans.VERBS)
def test_whatever_is_known_of_a_runners_work_passes_as_verbs(verbs: str) -> None:
    assert plans.verbs(verbs) == verbs
