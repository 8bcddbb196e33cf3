"""Who may, of those who belong to the team only in part (guests), or to another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from host.config import Access, Config
from host.governance import access, approvals, requests, rules, sight
from host.intake import permission
from host.ports.controls import ChannelRules, Forbidden
from host.ports.events import Author, EventClass, InboundEvent, Privacy, Viewer
from host.registry.db import open_host_db
from host.registry.sessions import scope_name
from host.words import say
from sessiondb import Address

GUEST = Author("U7", "Gail", guest=True)
MEMBER = Author("U1", "Ada")


def open_to(**lists: Any) -> Access:
    """Where everybody is let in whom nothing keeps out."""
    return Access(**{"unknown": "allow", **lists})


def person(author: Author, privacy: Privacy = "public", platform: str = "slack") -> Viewer:
    return Viewer(author, Address(platform, "w", "C1"), privacy)


def allowed(rules: Access, who: Viewer, standing: str = "") -> bool:
    return isinstance(access.decide(rules, who, standing), access.Allowed)


@pytest.mark.parametrize("privacy", ["public", "private", "dm"])
def test_a_guest_is_let_in_where_nothing_is_shared_that_their_channels_do_not_show(privacy: Privacy) -> None:
    assert allowed(open_to(), person(GUEST, privacy)) is (privacy != "public")
    assert allowed(open_to(), person(MEMBER, privacy))


def test_guests_are_let_in_by_the_configuration_by_name_or_by_an_owner() -> None:
    assert allowed(open_to(guests="allow"), person(GUEST))
    assert allowed(open_to(users=("slack:U7",)), person(GUEST))
    assert allowed(open_to(owners=("slack:U7",)), person(GUEST))
    assert allowed(open_to(), person(GUEST), "allowed")
    assert not allowed(open_to(users=("discord:U7",)), person(GUEST))


def test_an_owner_is_asked_about_a_guest_only_where_owners_are_asked_about_strangers() -> None:
    decided = [access.decide(Access(unknown=how), person(GUEST)) for how in ("ask", "allow", "deny")]
    assert [getattr(denied, "ask_owner", None) for denied in decided] == [True, False, False]


def test_on_discord_whoever_has_none_of_the_listed_roles_is_a_guest() -> None:
    rules = open_to(groups=("discord:R1", "slack:S1"))
    with_role, without = Author("1", "Ada", groups=("R1", "R9")), Author("2", "Bob", groups=("R9",))
    assert allowed(rules, person(with_role, platform="discord"))
    assert not allowed(rules, person(without, platform="discord"))
    assert allowed(rules, person(without, "private", "discord"))
    assert allowed(open_to(groups=("slack:S1",)), person(without, platform="discord")), (
        "no role was asked for"
    )
    assert allowed(rules, person(without, platform="slack")), "a member of the workspace sees its channels"


def test_on_discord_whoever_is_listed_by_name_belongs_unless_the_platform_calls_them_a_guest() -> None:
    rules = open_to(groups=("discord:R1",), users=("discord:2",))
    named, guest = Author("2", "Bob"), Author("2", "Bob", guest=True)
    assert not access.is_guest(rules, person(named, platform="discord"))
    assert access.is_guest(rules, person(guest, platform="discord"))
    assert access.is_guest(rules, person(Author("3", "Cleo"), platform="discord"))


@pytest.mark.parametrize("privacy", ["public", "private", "dm"])
def test_it_is_in_public_channels_alone_that_guests_see_a_part(privacy: Privacy) -> None:
    stranger = Author("U8", "Eve", external=True)
    found = [access.sees_in_part(open_to(), person(who, privacy)) for who in (GUEST, stranger, MEMBER)]
    assert found == [privacy == "public", privacy == "public", False]


@pytest.mark.parametrize(
    ("author", "platform", "privacy", "apart"),
    [
        (GUEST, "slack", "dm", True),
        (GUEST, "slack", "private", True),
        (MEMBER, "slack", "dm", False),
        (Author("U8", "Eve", external=True), "slack", "private", True),
        (Author("1", "Ana", groups=("R1",)), "discord", "public", False),
        (Author("1", "Ana", groups=("R2",)), "discord", "private", True),
        (Author("1", "Ana"), "discord", "dm", None),
        (Author("2", "Bo"), "discord", "dm", False),
        (Author("1", "Ana", guest=True), "discord", "private", True),
        (Author("3", "Builder", is_bot=True), "discord", "public", False),
        (Author("", "operator"), "console", "dm", False),
    ],
)
def test_who_sees_a_part_is_known_wherever_they_write_but_in_discords_direct_messages(
    author: Author, platform: str, privacy: Privacy, apart: bool | None
) -> None:
    rules = open_to(groups=("discord:R1",), users=("discord:2",))
    assert access.apart(rules, person(author, privacy, platform=platform)) is apart


def test_another_program_and_the_own_terminal_are_no_guests() -> None:
    rules = open_to(groups=("discord:R1",))
    assert allowed(rules, person(Author("3", "Builder", is_bot=True), platform="discord"))
    assert not access.is_guest(rules, person(Author("", "operator", guest=True), platform="console"))


@pytest.mark.parametrize("rules", [open_to(guests="allow"), open_to(users=("slack:U7",))])
@pytest.mark.parametrize("privacy", ["public", "private", "dm"])
def test_a_guest_who_is_let_in_sees_their_own_and_never_what_public_channels_share(
    tmp_path: Path, rules: Access, privacy: Privacy
) -> None:
    seen = sight.of(registry(tmp_path), rules, person(GUEST, privacy))
    here = Address("slack", "w", "C1")
    assert not seen.sees(scope_name("public", here, ""), here)
    assert seen.sees(scope_name("dm", here, "U7"), here)
    assert seen.sees(scope_name("private", here, ""), here) is (privacy == "private")
    assert seen.sees(scope_name("guests", here, ""), here) is (privacy == "public")
    assert not seen.sees(scope_name("guests", Address("slack", "w", "C2"), ""), Address("slack", "w", "C2"))
    assert not seen.sees(scope_name("private", Address("slack", "w", "C2"), ""), Address("slack", "w", "C2"))


def test_people_of_another_organisation_are_shown_nothing_where_they_may_not_ask(tmp_path: Path) -> None:
    stranger = Author("U8", "Eve", external=True)
    with pytest.raises(Forbidden, match="other organisations"):
        sight.of(registry(tmp_path), open_to(), person(stranger))
    seen = sight.of(registry(tmp_path), open_to(external="allow"), person(stranger, "private"))
    assert not seen.sees(scope_name("public", Address("slack", "w", "C1"), ""), Address("slack", "w", "C1"))


def registry(tmp_path: Path) -> apsw.Connection:
    return open_host_db(tmp_path / "host.db")


def test_somebody_with_the_same_id_in_another_workspace_is_neither_owner_nor_listed_nor_in_the_group() -> (
    None
):
    rules = Access(
        owners=("slack:T1/U1",),
        users=("slack:T1/U2",),
        groups=("slack:T1/S1",),
        channels=("slack:T1/C1",),
        unknown="deny",
    )

    def here(workspace: str, id_: str, *groups: str, channel: str = "C1") -> Viewer:
        return Viewer(Author(id_, groups=groups), Address("slack", workspace, channel), "public")

    assert [access.is_owner(rules, here(team, "U1").address, "U1") for team in ("T1", "T2", "")] == [
        True,
        False,
        False,
    ]
    for id_, groups in (("U1", ()), ("U2", ()), ("U3", ("S1",))):
        assert allowed(rules, here("T1", id_, *groups))
        assert not allowed(rules, here("T2", id_, *groups))
        assert not allowed(rules, here("T1/U1", id_, *groups))
    assert access.works_in(rules, Address("slack", "T1", "C1"))
    assert not access.works_in(rules, Address("slack", "T2", "C1"))
    assert not access.asks_here(rules, here("T2", "U1"), {"U9"})
    assert access.asks_here(rules, here("T1", "U1"), {"U9"})


def test_the_owners_of_a_workspace_are_asked_and_never_those_of_another() -> None:
    rules = Access(owners=("slack:T1/U1", "slack:T2/U1", "slack:T2/U2", "slack:U9", "discord:5"))
    assert requests.owners_of(rules, Address("slack", "T1", "C1")) == [
        ("slack", "T1", "U1"),
        ("slack", "T1", "U9"),
    ]
    assert requests.owners_of(rules, Address("slack", "T2", "C1")) == [
        ("slack", "T2", "U1"),
        ("slack", "T2", "U2"),
        ("slack", "T2", "U9"),
    ]
    apart = Access(owners=("slack:T2/U2", "discord:5"))
    assert requests.owners_of(apart, Address("slack", "T1", "C1")) == [("discord", "", "5")]
    assert requests.owners_of(apart, Address("discord", "G", "7")) == [("discord", "G", "5")]
    assert requests.owners_of(apart, Address("memory", "W", "7")) == [
        ("slack", "T2", "U2"),
        ("discord", "", "5"),
    ]


def test_whoever_approves_in_one_workspace_approves_nothing_in_another() -> None:
    config = Config.model_validate(
        {
            "access": {"owners": ["slack:T2/U7"]},
            "agents": {"bird": {"options": {"approvers": ["slack:T1/U1", "slack:U2"]}}},
        }
    )
    assert approvals.named(config, "bird", Address("slack", "T1", "C1")) == ("U1", "U2")
    assert approvals.named(config, "bird", Address("slack", "T2", "C1")) == ("U2",)


def test_whoever_approves_answers_where_others_alone_may_ask_and_not_in_another_workspace(
    tmp_path: Path,
) -> None:
    config = Config.model_validate(
        {
            "access": {"unknown": "allow"},
            "agents": {"bird": {"options": {"approvers": ["slack:T1/U1", "slack:U2"]}}},
        }
    )
    connection = open_host_db(tmp_path / "host.db")

    def heard(team: str, user: str, what: EventClass = EventClass.ANSWER) -> bool:
        place = Address("slack", team, "C1")
        rules.put(connection, place, ChannelRules(askers=("U9",)))
        rules.put(connection, place._replace(platform_id="other"), ChannelRules(askers=("S1", "U9")))
        rules.put(connection, place._replace(workspace_id="elsewhere"), ChannelRules(askers=("S2",)))
        assert rules.askers(connection, place) == {"U9", "S1"}
        event = InboundEvent(what, place, "q1", Author(user), 2, "Allow", value="Allow", refers_to="q1")
        return isinstance(permission.of(connection, config, event, "bird"), access.Allowed)

    asked = [(team, user) for team in ("T1", "T2") for user in ("U1", "U2", "U3")]
    assert [each for each in asked if heard(*each)] == [("T1", "U1"), ("T1", "U2"), ("T2", "U2")]
    assert not heard("T1", "U1", EventClass.MESSAGE)
    connection.close()


def test_an_owner_of_one_workspace_is_none_of_all() -> None:
    rules = Access(owners=("slack:T1/U1", "slack:U2", "discord:7"))
    one, other, elsewhere = (Address("slack", team, "C1") for team in ("T1", "T2", ""))
    assert [access.is_owner(rules, place, "U1") for place in (one, other, elsewhere)] == [True, False, False]
    assert [access.owns_all(rules, place, "U1") for place in (one, other, elsewhere)] == [False, False, False]
    assert [access.owns_all(rules, place, "U2") for place in (one, other)] == [True, True]
    assert access.owns_all(rules, Address("console", "local", ""), "")
    assert not access.owns_all(rules, one, "")


def test_the_same_id_is_the_same_person_in_all_servers_of_discord_and_in_one_workspace_of_slack() -> None:
    def same(platform: str, one: str, other: str) -> bool:
        return access.same_people(Address(platform, one, "C1"), Address(platform, other, "C2"))

    assert same("discord", "1", "2")
    assert same("discord", "", "2")
    assert same("slack", "T1", "T1")
    assert not same("slack", "T1", "T2")
    assert not same("slack", "", "T2")
    assert not access.same_people(Address("slack", "T1", "C1"), Address("discord", "T1", "C1"))


def test_what_an_owner_decided_holds_in_its_workspace_and_before_what_holds_in_all(tmp_path: Path) -> None:
    connection = open_host_db(tmp_path / "host.db")
    try:
        one, other = (Address("slack", team, "C1") for team in ("T1", "T2"))
        requests.set_standing(connection, "slack", "T1/U5", "allowed", 1)
        assert [access.standing_of(connection, place, "U5") for place in (one, other)] == ["allowed", ""]
        requests.set_standing(connection, "slack", "U5", "denied", 1)
        assert [access.standing_of(connection, place, "U5") for place in (one, other)] == [
            "allowed",
            "denied",
        ]
        requests.set_standing(connection, "slack", "T1/U5", "", 1)
        assert access.standing_of(connection, one, "U5") == "denied"
        requests.set_standing(connection, "discord", "5", "allowed", 1)
        assert access.standing_of(connection, Address("discord", "1", "2"), "5") == "allowed"
    finally:
        connection.close()


def test_more_money_is_allowed_by_an_owner_of_any_workspace_in_which_it_ran_out_and_of_no_other(
    tmp_path: Path,
) -> None:
    connection = open_host_db(tmp_path / "host.db")
    try:
        rules = Access(owners=tuple(f"slack:{team}/U9" for team in ("T1", "T2", "T3")))
        short = requests.Shortage("all", 20260921, say("all agents"), 10_000_000, 1)
        one, two, three = (Address("slack", team, "C1") for team in ("T1", "T2", "T3"))
        for place in (one, two):
            assert requests.ask_raise(connection, rules, short, place, None, 1)
        asked = connection.execute("SELECT workspace_id, private_to FROM notices").fetchall()
        assert asked == [("T1", "U9"), ("T2", "U9")], "each owner has a card of their own"
        ((id_,),) = connection.execute("SELECT id FROM requests").fetchall()
        owner = Author("U9", "Olga")
        with pytest.raises(Forbidden, match="no such request"):
            requests.decide(connection, rules, Viewer(owner, three, "dm"), str(id_), "allow", 1)
        assert "higher" in requests.decide(connection, rules, Viewer(owner, two, "dm"), str(id_), "allow", 1)
        told = connection.execute(
            "SELECT workspace_id FROM notices WHERE about GLOB 'decided:*' ORDER BY 1"
        ).fetchall()
        assert told == [("T1",), ("T2",)]
    finally:
        connection.close()
