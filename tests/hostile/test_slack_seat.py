"""What somebody on Slack gets out of a model that repeats their words: addresses that are fetched, links that hide theirs."""

from __future__ import annotations

import pytest

from bots.markup import labels, slack
from bots.slack.sending import links, rendering
from sessiondb import content
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
