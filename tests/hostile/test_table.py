"""The red team's table: what got through is never read as held."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from tests.support.redteam import STANDING, TAKEN_AWAY, Seat, attack
from tests.support.table import Attacks, shown_by


def noted(*outcomes: tuple[str, str]) -> Attacks:
    attacks = Attacks()
    for case, outcome in outcomes:
        attacks.note(f"tests/hostile/test_x.py::test_a_wall_holds{case}", Seat.CONTAINER, 8, outcome)
    return attacks


@pytest.mark.parametrize(
    ("outcomes", "passed", "said"),
    [
        ([("", "passed")], True, "held"),
        ([("", "failed")], False, "GOT THROUGH"),
        ([("[fifo]", "passed"), ("[folder]", "failed")], False, "GOT THROUGH"),
        ([("[fifo]", "failed"), ("[folder]", "passed")], False, "GOT THROUGH"),
        ([(f"[{STANDING}]", "passed"), (f"[{TAKEN_AWAY}]", "passed")], True, "gets through"),
        ([(f"[{TAKEN_AWAY}]", "passed"), (f"[{STANDING}]", "failed")], False, "GOT THROUGH"),
        ([(f"[{STANDING}]", "passed"), (f"[{TAKEN_AWAY}]", "failed")], False, "NOT SHOWN"),
        ([(f"[fifo-{STANDING}]", "passed"), (f"[fifo-{TAKEN_AWAY}]", "failed")], False, "NOT SHOWN"),
        ([(f"[{TAKEN_AWAY}-a]", "failed"), (f"[{TAKEN_AWAY}-b]", "passed")], False, "NOT SHOWN"),
        ([("", "skipped")], True, "not tried"),
        ([(f"[{STANDING}]", "skipped"), (f"[{TAKEN_AWAY}]", "skipped")], True, "not tried"),
    ],
)
def test_one_form_that_got_through_is_the_attacks_verdict(
    outcomes: list[tuple[str, str]], passed: bool, said: str
) -> None:
    attacks, shown = noted(*outcomes), io.StringIO()
    attacks.print(Console(file=shown, width=200))

    assert attacks.passed is passed
    assert said in shown.getvalue()
    assert "a wall holds" in shown.getvalue()
    assert "8 the container is hostile" in shown.getvalue()


@pytest.mark.parametrize(
    "case", ["[::1]", "http://[fe80::1%eth0]/", "]", "[", "a::b[c]::d", "test_other[x]", "two\nlines", "-"]
)
def test_an_attack_has_its_sentence_however_its_forms_are_called(case: str) -> None:
    attacks = noted((f"[{case}]", "passed"), (f"[plain-{case}]", "passed"), ("[plain]", "failed"))

    [one] = attacks.tried.values()
    assert (one.name, one.forms, one.verdict) == ("a wall holds", 3, "GOT THROUGH")


@pytest.mark.parametrize("case", ["[::1]-{}", "{}-[::1]", "a]b-{}"])
def test_a_form_in_brackets_is_shown_to_get_through_like_any(case: str) -> None:
    shown = noted((f"[{case.format(STANDING)}]", "passed"), (f"[{case.format(TAKEN_AWAY)}]", "failed"))

    [one] = shown.tried.values()
    assert (one.name, one.without) == ("a wall holds", "NOT SHOWN")


def test_a_table_without_an_attack_is_no_success() -> None:
    assert not Attacks().passed


def test_an_attack_names_a_law_that_there_is() -> None:
    with pytest.raises(AssertionError):
        attack(Seat.CONTAINER, 99)


def test_what_a_twin_shows_counts_for_each_attack_that_it_names() -> None:
    attacks = noted(("", "passed"))
    for nodeid in shown_by(
        "tests/hostile/test_x.py::test_it_gets_through[a]", "test_a_wall_holds test_other"
    ):
        attacks.note(nodeid, Seat.CONTAINER, 8, "passed")

    assert {one.name: (one.verdict, one.without) for one in attacks.tried.values()} == {
        "a wall holds": ("held", "gets through"),
        "other": ("held", "gets through"),
    }


# Attacks that cannot be shown to get through without their wall, and why.
NO_TWIN: dict[str, str] = {}

TO_COME = {
    "test_a_body_hides_a_word_from_whoever_looks",
    "test_a_container_of_an_agent_without_a_list_has_no_way_out",
    "test_a_file_that_arrives_in_mid_turn_belongs_to_the_runner_that_has_the_folder",
    "test_a_forged_action_about_anothers_task_is_refused_and_changes_nothing",
    "test_a_forged_hot_journal_is_left_to_its_owner",
    "test_a_question_that_is_quarantined_answers_the_call_that_waits_for_it",
    "test_a_runner_that_holds_a_read_lock_on_inbound_db_for_ever_is_stopped",
    "test_a_runner_that_keeps_deleted_files_is_ended",
    "test_a_secret_is_used_and_nowhere_to_be_found",
    "test_a_sign_in_leaves_neither_code_nor_token_in_the_container",
    "test_a_symlink_leads_the_host_nowhere_and_the_only_socket_is_ones_own",
    "test_a_vault_gives_a_container_its_certificate_and_placeholders_and_nothing_else",
    "test_actions_without_an_end_are_answered_one_after_the_other",
    "test_an_attack_harms_only_its_own_session",
    "test_an_image_of_another_contract_is_refused_in_words",
    "test_an_older_wider_folder_is_named_by_start_and_doctor_and_closed_on_request",
    "test_answers_that_cannot_be_shown_are_told_once_for_each_message",
    "test_bodies_that_are_expensive_to_read_are_refused_and_cost_others_nothing",
    "test_code_in_the_container_gets_nowhere",
    "test_memory_and_disk_are_limited_and_the_conversation_goes_on",
    "test_no_tool_runs_what_another_conversation_of_the_scope_left",
    "test_nobody_else_of_the_machine_reaches_the_guard",
    "test_nothing_of_the_data_folder_is_open_to_others_whatever_the_umask",
    "test_nothing_that_was_started_in_a_container_outlives_its_stop",
    "test_programs_in_the_container_reach_listed_hosts_and_nothing_else",
    "test_the_answer_to_a_question_cannot_be_taken_by_another_sessions_id",
    "test_the_engine_is_asked_for_what_no_launcher_asks",
    "test_the_model_answers_through_the_gateway_and_the_key_stays_outside",
    "test_the_shared_folder_of_another_scope_is_not_in_the_container",
}  # not yet shown


def marks(module: ModuleType, test: object) -> list[pytest.Mark]:
    of_module = getattr(module, "pytestmark", [])
    decorators = of_module if isinstance(of_module, list) else [of_module]
    return [*(decorator.mark for decorator in decorators), *getattr(test, "pytestmark", [])]


def without_twin(module: ModuleType) -> Iterator[str]:
    tests = {name: marks(module, test) for name, test in vars(module).items() if name.startswith("test_")}
    twins = {
        of for found in tests.values() for mark in found if mark.name == "twin" for of in mark.kwargs["of"]
    }
    assert twins <= set(tests), "a twin names what there is"
    for name, found in tests.items():
        kinds = {mark.name for mark in found}
        ids = [mark.kwargs.get("ids") for mark in found if mark.name == "parametrize"]
        walled = any(isinstance(named, list) and TAKEN_AWAY in named for named in ids)
        if "attack" in kinds and not kinds & {"honest", "twin"} and not walled and name not in twins:
            yield name


def test_each_attack_is_shown_to_get_through_without_its_wall() -> None:
    here = sorted(Path(__file__).parent.glob("test_*.py"))
    modules = [
        importlib.import_module(f"tests.hostile.{path.stem}") for path in here if path.stem != "test_table"
    ]
    alone = [name for module in modules for name in without_twin(module)]

    assert len(modules) > 15
    assert sorted(alone) == sorted({*NO_TWIN, *TO_COME})
    assert all(len(reason) > 40 for reason in NO_TWIN.values())
