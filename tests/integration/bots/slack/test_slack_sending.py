"""What the bot carries out on Slack, and how an outcome that nobody knows is found out."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bots.slack.bot import SlackBot
from host.ports.bot import Delivery, Live, Receipt, Rejected, Shown, Unknown, Unsent
from sessiondb import Address, content
from tests.fakes.slack import Channel, FakeSlack, File, Message, User
from tests.fakes.slack.faults import Fault
from tests.support.slack_app import clear_proxies
from tests.support.slacking import delivery, online

TABLE = "| a | b |\n|---|---|\n| **1** | <!channel> |"


@dataclass
class Place:
    slack: FakeSlack
    bot: SlackBot
    ann: User
    channel: Channel
    root: Message

    @property
    def thread(self) -> Address:
        return Address("slack", self.slack.team_id, self.channel.id, self.root.ts)

    def said(self) -> list[Message]:
        thread = self.slack.messages(self.channel, self.root.ts)
        return [message for message in thread if message.bot_id == self.slack.bot_id]

    def text(self, text: str = "hello", **more: Any) -> Delivery:
        return delivery(self.bot, content.Text(text), self.thread, **more)


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    clear_proxies(monkeypatch)
    async with FakeSlack() as slack:
        slack.scopes.add("canvases:write")
        async with online(slack, tmp_path) as (bot, _):
            yield _place(slack, bot)


def _place(slack: FakeSlack, bot: SlackBot) -> Place:
    ann = slack.add_user("ann")
    channel = slack.add_channel("general", members=[ann])
    return Place(slack, bot, ann, channel, slack.say(ann, channel, "root"))


async def test_an_answer_whose_confirmation_was_lost_is_found_by_its_key(place: Place) -> None:
    """LESSONS 18: and nothing tried it a second time."""
    place.slack.faults.next("chat.postMessage", Fault.answer_lost())
    with pytest.raises(Unknown):
        await place.bot.send(place.text())
    receipt = await place.bot.lookup(place.text())
    assert receipt is not None
    assert [message.ts for message in place.said()] == [receipt.platform_message_id]
    assert await place.bot.lookup(place.text(key="another")) is None


async def test_an_answer_that_never_arrived_is_not_found(place: Place) -> None:
    place.slack.faults.next("chat.postMessage", Fault.drop())
    with pytest.raises(Unknown):
        await place.bot.send(place.text())
    assert await place.bot.lookup(place.text()) is None
    assert place.said() == []


async def test_a_rate_limit_says_when_and_holds_the_channel_back(place: Place) -> None:
    """LESSONS 24."""
    place.slack.faults.next("chat.postMessage", Fault.rate_limited(30))
    for _ in range(2):  # the second is not even tried
        with pytest.raises(Unsent) as refused:
            await place.bot.send(place.text())
        assert refused.value.retry_after > 25
    assert len(place.slack.calls("chat.postMessage")) == 1


async def test_a_refused_rendering_may_go_as_plain_words_and_a_closed_place_may_not(place: Place) -> None:
    """LESSONS 22."""
    place.slack.faults.next("chat.postMessage", Fault.refuse("invalid_blocks"))
    with pytest.raises(Rejected) as refused:
        await place.bot.send(place.text("**bold**"))
    assert refused.value.plain_may_work
    place.slack.archive(place.channel)
    with pytest.raises(Rejected) as closed:
        await place.bot.send(place.text())
    assert not closed.value.plain_may_work


async def test_each_part_of_a_long_answer_can_go_without_its_blocks(place: Place) -> None:
    words = [f"word{number}" for number in range(3_000)]
    parts = place.bot.render(content.Text("**All:** " + " ".join(words) + "\n\n" + TABLE))
    assert len(parts) > 2
    for part in parts:
        one = delivery(place.bot, content.Text("…"), place.thread)
        await place.bot.send(replace(one, payload=part["plain"]))
    assert not any(message.blocks for message in place.said())
    whole = " ".join(message.text for message in place.said())
    assert [word for word in whole.split() if word.startswith("word")] == words
    [asked] = place.bot.render(content.Question("Which?", ("a", "b")))
    assert [block["type"] for block in asked["plain"]["blocks"]] == ["section", "actions"]
    [changed, *_] = place.bot.render(content.Edit("m", "**bold**"))
    assert changed["plain"] == {"do": "update", "text": "bold"}


async def test_an_edit_is_rendered_like_the_message_it_changes(place: Place) -> None:
    """LESSONS 47."""
    ts = (await place.bot.send(place.text(TABLE))).platform_message_id
    [message] = place.said()
    before = [dict(block) for block in message.blocks]
    assert [block["type"] for block in before] == ["data_table"]
    await place.bot.send(delivery(place.bot, content.Edit("m", "changed"), place.thread, target=ts))
    assert message.text == "changed"
    await place.bot.send(delivery(place.bot, content.Edit("m", TABLE), place.thread, target=ts))
    assert [block["rows"] for block in message.blocks] == [block["rows"] for block in before]
    assert "<!channel>" not in str(message.blocks)


async def test_a_card_has_its_fields_and_a_link_that_is_one(place: Place) -> None:
    card = content.Card(
        "Build 4711", "It is *green*.", (content.Field("Took", "3 min <!here>"),), "https://ci.example/4711"
    )
    await place.bot.send(delivery(place.bot, card, place.thread))
    [message] = place.said()
    shown = str(message.blocks)
    for words in ("**Build 4711**", "_green_", "**Took**: 3 min", "https://ci.example/4711"):
        assert words in shown
    assert "<!here>" not in shown + message.text
    [payload] = place.bot.render(content.Card("T", "", (), "javascript:alert(1)"))
    assert "javascript" not in str(payload)


async def test_a_reaction_twice_is_one(place: Place) -> None:
    react = delivery(place.bot, content.Reaction("m", ":eyes:"), place.thread, target=place.root.ts)
    for _ in range(2):
        assert (await place.bot.send(react)).platform_message_id == place.root.ts
    assert place.root.reactions == {"eyes": [place.slack.bot_user_id]}


async def test_a_file_whose_sharing_was_not_confirmed_is_found_by_what_was_on_disk_before(
    place: Place, tmp_path: Path
) -> None:
    """LESSONS 17, 49."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.csv").write_text("a;b\n")
    file = content.File("report.csv", "report.csv", "as **asked**, <!channel>")
    given = delivery(place.bot, file, place.thread, files=str(tmp_path / "out"))
    place.slack.faults.next("files.completeUploadExternal", Fault.answer_lost())
    with pytest.raises(Unknown):
        await place.bot.send(given)
    receipt = await place.bot.lookup(given)
    assert receipt is not None
    [message] = place.said()
    assert (message.ts, message.files[0].content) == (receipt.platform_message_id, b"a;b\n")
    assert message.text.startswith("as asked, ")
    assert "<!channel>" not in message.text


async def test_no_address_beside_a_file_is_fetched_and_what_does_not_fit_beside_it_neither(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("a")
    words = "see https://leak.example/?secret=1 or leak.example/2 or [here](https://leak.example/3) " * 200
    for payload in place.bot.render(content.File("a", "a", words)):
        key = f"{len(place.said()):>16}"
        await place.bot.send(Delivery(key, place.thread, payload, files=str(tmp_path / "out")))
    assert "leak.\N{WORD JOINER}example" in place.said()[0].text
    assert len(place.said()) > 1
    assert place.slack.fetches == []


async def test_a_file_is_still_found_when_the_host_died_before_it_noted_the_receipt(
    place: Place, tmp_path: Path
) -> None:
    """LESSONS 17."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.csv").write_text("a;b\n")
    file = content.File("report.csv", "report.csv")
    given = delivery(place.bot, file, place.thread, files=str(tmp_path / "out"))
    receipt = await place.bot.send(given)
    [message] = place.said()
    assert receipt.platform_message_id == message.ts
    assert await place.bot.lookup(given) == receipt


PAGE = "# Lofts\n\n### Small\n\n[x](https://leak.example/1)\n\n&lt;\u200b!channel>"
REPORT = content.Document(
    "![Loft] <report>", "# Lofts\n\n#### Small\n\n![x](https://leak.example/1)\n\n<!channel>", "Here:"
)


LOST = {
    "lost": Fault.answer_lost(),
    "cut": Fault.drop(),
    "503": Fault.http_error(),
    "slowly": Fault.rate_limited(0),
}
STEPS = (
    "canvases.create",
    "canvases.edit",
    "files.info",
    "chat.postMessage",
    "conversations.info",
    "canvases.access.set",
)


def canvases(place: Place) -> list[File]:
    return [one for one in place.slack.workspace.files.values() if one.canvas is not None and not one.deleted]


async def settled(place: Place, given: Delivery) -> Receipt:
    """As the host does it: an unknown outcome is looked up before anything is sent again."""
    for _ in range(5):
        try:
            return await place.bot.send(given)
        except Unsent:
            continue
        except Unknown:
            with suppress(Unknown):
                if (found := await place.bot.lookup(given)) is not None:
                    return found
    raise AssertionError("it does not come to an end")


@pytest.mark.parametrize("lists", [False, True], ids=["files.list says nothing", "files.list tells of them"])
async def test_a_document_is_one_canvas_for_those_who_read_its_conversation_whatever_call_was_lost(
    place: Place, tmp_path: Path, *, lists: bool
) -> None:
    place.slack.lists_canvases = lists
    here = place.channel.id
    for number, (step, how) in enumerate([("", ""), *itertools.product(STEPS, LOST)]):
        before = canvases(place)
        given = delivery(place.bot, REPORT, place.thread, key=f"{number:>16}")
        if step:
            place.slack.faults.next(step, LOST[how])
        receipt = await settled(place, given)
        *_, message = said = place.said()
        assert (len(said), message.ts) == (number + 1, receipt.platform_message_id), (step, how)
        for note in tmp_path.glob("**/*.canvas"):
            note.unlink()  # as on another machine
        assert await place.bot.lookup(given) == receipt
        *left, canvas = canvases(place)[len(before) :]
        assert (canvas.title, canvas.readers) == ("[Loft] <report>", {here}), (step, how)
        assert f"/docs/{place.slack.team_id}/{canvas.id}|[Loft] &lt;report&gt;>*" in message.text
        assert message.text.startswith("Here:\n\n📄 *<http://")
        assert canvas.canvas == PAGE
        lost = (step, how, lists) == ("canvases.create", "lost", False)
        assert [one.readers for one in left] == [set()] * lost, (
            "one that is not found again is nobody's to read"
        )


async def test_a_canvas_in_direct_messages_is_those_peoples(place: Place) -> None:
    bob = place.slack.add_user("bob")
    for people in ([place.ann], [place.ann, bob]):
        room = Address("slack", place.slack.team_id, place.slack.open_dm(*people).id)
        await place.bot.send(delivery(place.bot, REPORT, room, key=room.platform_id))
        assert canvases(place)[-1].readers == {one.id for one in people}


@pytest.mark.parametrize("step", ["canvases.create", "canvases.edit", "canvases.access.set"])
async def test_a_document_that_may_not_be_a_canvas_is_a_file_and_nothing_of_the_canvas_stays(
    place: Place, step: str
) -> None:
    for number, cut in enumerate(("", "chat.delete", "files.completeUploadExternal")):
        given = delivery(place.bot, REPORT, place.thread, key=f"{number:>16}")
        place.slack.faults.next(step, Fault.refuse("canvas_not_found"))
        if cut:
            place.slack.faults.next(cut, Fault.answer_lost())
        receipt = await settled(place, given)
        place.slack.faults.clear()
        *_, message = said = place.said()
        assert (len(said), message.ts) == (number + 1, receipt.platform_message_id), cut
        assert [(one.name, one.content) for one in message.files] == [
            ("Loft report.md", REPORT.text.encode())
        ]
        assert canvases(place) == []


async def test_a_workspace_that_takes_no_canvases_is_asked_for_one_once(place: Place) -> None:
    place.slack.canvases = "free_teams_cannot_create_non_tabbed_canvases"
    for key in ("one", "two"):
        await place.bot.send(delivery(place.bot, REPORT, place.thread, key=key))
    assert [one.files[0].name for one in place.said()] == ["Loft report.md"] * 2
    assert len(place.slack.calls("canvases.create")) == 1


async def test_a_file_that_is_no_plain_file_of_the_folder_is_refused(place: Place, tmp_path: Path) -> None:
    """LESSONS 55."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to("/etc/hostname")
    for path in ("link", "../secret", "absent"):
        given = delivery(place.bot, content.File(path, "x"), place.thread, files=str(tmp_path / "out"))
        with pytest.raises(Rejected):
            await place.bot.send(given)
    assert place.said() == []


async def test_what_is_for_one_person_alone_is_shown_to_them_or_lies_in_their_direct_messages(
    place: Place,
) -> None:
    await place.bot.send(place.text("denied", private_to=place.ann.id))
    assert [each.text for each in place.slack.ephemerals(place.ann)] == ["denied"]
    stranger = place.slack.add_user("sam")
    with pytest.raises(Rejected):
        await place.bot.send(place.text("denied", private_to=stranger.id))
    nowhere = Address("slack", place.slack.team_id, "")
    asked = delivery(place.bot, content.Text("May Sam?"), nowhere, private_to=place.ann.id)
    place.slack.faults.next("chat.postMessage", Fault.answer_lost())
    with pytest.raises(Unknown):
        await place.bot.send(asked)
    assert await place.bot.lookup(asked) is not None
    [message] = place.slack.messages(place.slack.open_dm(place.ann))
    assert message.text == "May Sam?"


async def test_what_belongs_to_another_workspace_is_said_in_no_channel_of_the_same_id(place: Place) -> None:
    """As after a token was exchanged for another workspace's: conversations of the first are still in the records."""
    theirs, here = (Address("slack", team, place.channel.id) for team in ("T0OTHER", place.slack.team_id))
    sent = delivery(place.bot, content.Text(text="for them alone"), theirs)
    for heard in place.slack.deliveries():  # what is said at the beginning is read first
        await heard.acknowledged()
    before = len(place.slack.calls())
    live = Live("00ff00ff00ff00ff", theirs, "1.000001", place.ann.id, "thinking", "")
    for attempt in (
        place.bot.send(sent),
        place.bot.lookup(sent),
        place.bot.remove(theirs, "1.000001"),
        place.bot.close_question(theirs, "1.000001", "closed"),
        place.bot.direct(theirs, place.ann.id),
        place.bot.entitle(theirs, "a title", ""),
        place.bot.open_live(live),
        place.bot.find_live(live),
        place.bot.update_live(live, "1.000001"),
        place.bot.remove_live(live, "1.000001"),
    ):
        with pytest.raises(Rejected, match=f"belongs to workspace T0OTHER.*in {place.slack.team_id}"):
            await attempt
    await place.bot.show(Shown(theirs, "1.000001", "thinking", ""))
    assert await place.bot.readable_now(here, place.ann.id, {theirs}) == frozenset()
    with pytest.raises(Rejected):
        await place.bot.readable_now(theirs, place.ann.id, {theirs})
    assert await place.bot.privacy_now({theirs}) == {}
    assert len(place.slack.calls()) == before


async def test_a_table_is_slacks_own_where_slack_knows_it_and_markdowns_elsewhere(place: Place) -> None:
    await place.bot.send(place.text(f"Before\n\n{TABLE}\n\nafter", key="1", judged=True))
    place.slack.limits.unknown_blocks |= {"data_table"}
    for key in ("2", "3"):
        await place.bot.send(place.text(f"Before\n\n{TABLE}\n\nafter", key=key, judged=True))
    kinds = [[block["type"] for block in message.blocks] for message in place.said()]
    assert kinds == [
        ["markdown", "data_table", "markdown", "context_actions"],
        *[["markdown", "context_actions"]] * 2,
    ]
    tried = place.slack.calls("chat.postMessage")
    assert sum("data_table" in str(call.args) for call in tried) == 3, (
        "once more with its buttons, and once without"
    )


async def test_two_tables_stay_in_markdown(place: Place) -> None:
    await place.bot.send(place.text(f"{TABLE}\n\nand\n\n{TABLE}"))
    assert [block["type"] for block in place.said()[0].blocks] == ["markdown"]
