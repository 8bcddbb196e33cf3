"""What somebody on Slack gets out of a model that repeats their words: addresses that are fetched, links that hide theirs."""

from __future__ import annotations

import re

import pytest

from bots.markup import labels, lookalikes, slack, tree
from bots.slack.live import message as live
from bots.slack.reading import saying
from bots.slack.reading.names import Names
from bots.slack.sending import links, rendering
from host.ports.bot import Live
from sessiondb import Address, content
from tests.fakes.slack import previews
from tests.support.redteam import Seat, attack, walled

pytestmark = attack(Seat.SLACK, 9)

ADDRESS = "https://evil.example/secret"


@walled
@pytest.mark.parametrize(
    "written",
    [
        f"see {ADDRESS}",
        f"[docs]({ADDRESS})",
        rf"\` {ADDRESS} \`",
        rf"\`[docs]({ADDRESS})\`",
        rf"\\` a ` {ADDRESS} ` b `",
        f"日本**a**語 [docs]({ADDRESS})",
    ],
)
def test_an_edit_has_an_address_fetched(written: str, standing: bool) -> None:
    payloads = list(rendering.operation(content.Edit("m", written), plain=False))
    assert bool(previews.fetched({}, links.shown(payloads) if standing else payloads)) is not standing


@walled
@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("see evil1.example/secret", ""),
        ("163.com/secret", ""),
        ("", "secret.evil.example"),
        ("", "secret7.com"),
    ],
)
def test_what_is_shown_of_a_turn_has_an_address_fetched(
    monkeypatch: pytest.MonkeyPatch, text: str, status: str, standing: bool
) -> None:
    """Without a scheme: after a digit, which an earlier wall took for a number, and in the line that says what is done."""
    if not standing:
        monkeypatch.setattr(
            links, "_GROWING", (re.compile(r"(?<=[^\W\d_])\.") if text else re.compile("(?!)"),)
        )
    shown = Live("k", Address("slack", "T1", "C1", "1.0"), "1.1", "U1", status, text)
    streamed = live._chunks(shown, live._status(shown), live._text(shown), planned=False)
    for said in (streamed, live.shown_so_far(shown)[1]):
        assert bool(previews.fetched({}, said)) is not standing


@walled
@pytest.mark.parametrize(
    "written",
    [
        "[bank.example]({0})",
        "[Go to bank .example now]({0})",
        "[http://3232235777]({0})",
        "[0xC0A80101]({0})",
        "[bank]({0}).example",
        "bank[.example]({0})",
    ],
)
def test_a_link_hides_where_it_leads(monkeypatch: pytest.MonkeyPatch, written: str, standing: bool) -> None:
    if not standing:
        monkeypatch.setattr(labels, "disguised", lambda *_: False)
    [chunk] = slack.render(written.format(ADDRESS))
    shown = str(chunk.blocks).replace(f"]({ADDRESS})", "")
    assert (f"({ADDRESS})" in shown) is standing


@walled
@pytest.mark.parametrize("written", ["see https://\u0430pple.example/x", "<https://xn--pple-43d.example/x>"])
def test_a_name_in_foreign_letters_passes_for_another(
    monkeypatch: pytest.MonkeyPatch, written: str, standing: bool
) -> None:
    """What browsers show in ASCII would be turned into those letters."""
    if not standing:
        monkeypatch.setattr(lookalikes, "deceives", lambda _: False)
    [chunk] = slack.render(written)
    assert ("(https://xn--pple-43d.example/x)" in str(chunk.blocks)) is standing


@walled
@attack(Seat.SLACK, 15)
def test_an_app_s_message_takes_as_long_to_read_as_it_likes(
    monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(saying, "MOST_READ", 10**9)
    cards = [{"text": "<http://a.example|b> " * 1_000} for _ in range(30)]
    read = saying.said({"text": "", "attachments": cards}, Names())
    assert (len(read.text) < 300_000) is standing


@walled
@attack(Seat.CONTAINER, 15)
def test_a_text_under_way_is_rendered_where_everybody_is_served(
    monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    rendered = list[str]()
    parse = tree.parse

    def noted(text: str) -> object:
        rendered.append(text)
        return parse(text)

    monkeypatch.setattr(tree, "parse", noted)
    if not standing:
        monkeypatch.setattr(slack, "quiet", lambda text: "".join(c.text for c in slack.render(text)))
    text = "".join("*_**~~[" for _ in range(300))
    shown = Live("k", Address("slack", "T1", "C1"), "1.1", "U1", "working", text)
    assert live.shown_so_far(shown)
    assert (not rendered) is standing


@walled
@attack(Seat.SLACK, 14)
@pytest.mark.parametrize("plain", [True, False], ids=["as it was written", "where blocks are refused"])
def test_somebody_is_asked_by_a_part_of_a_question(
    monkeypatch: pytest.MonkeyPatch, plain: bool, standing: bool
) -> None:
    """What it really is about stands at its end."""
    if not standing:
        cut = {"type": "section", "text": {"type": "plain_text", "text": ""}}
        monkeypatch.setattr(
            rendering,
            "_words",
            lambda text: [{**cut, "text": {"type": "plain_text", "text": text[: rendering.SECTION]}}],
        )
    asked = content.Question(f"{'May I tidy up? ' * 230} And delete it?", ("yes", "no"))
    [*_, last] = rendering.operation(asked, plain=plain)
    shown = (last if plain else last["plain"])["blocks"]
    assert all(len(block["text"]["text"]) <= 3_000 for block in shown if block["type"] == "section")
    assert ("And delete it?" in str(shown)) is standing
