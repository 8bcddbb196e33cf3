"""What a message says: every kind of content, whoever wrote it, and never by the wrong mouth."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from bots.slack.reading import pages, saying
from bots.slack.reading.names import Names, ids_in
from sessiondb.content import Part

Json = dict[str, Any]
NAMES = Names({"UBOT": "dovecote", "UANN": "ann", "UBOB": "bob"}, {"C1": "general"}, "UBOT")


def said(**message: Any) -> saying.Spoken:
    return saying.said({"type": "message", "user": "UANN", **message}, NAMES)


def rich(*elements: Json) -> list[Json]:
    return [{"type": "rich_text", "elements": list(elements)}]


def section(*elements: Json, kind: str = "rich_text_section") -> Json:
    return {"type": kind, "elements": list(elements)}


def text(words: str, **style: bool) -> Json:
    return {"type": "text", "text": words, **({"style": style} if style else {})}


def plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


def mrkdwn(words: str) -> Json:
    return {"type": "mrkdwn", "text": words}


def test_what_a_client_writes_is_read_with_its_structure() -> None:
    found = said(
        text="notify",
        blocks=rich(
            section(
                text("Hi "),
                {"type": "user", "user_id": "UBOB"},
                text(" in "),
                {"type": "channel", "channel_id": "C1"},
                text(", "),
                text("now", bold=True, italic=True),
                text(" "),
                text("a_b", code=True),
                text(" old", strike=True),
                {"type": "emoji", "name": "tada"},
                {"type": "broadcast", "range": "here"},
                {"type": "usergroup", "usergroup_id": "S1"},
                {"type": "color", "value": "#ff0000"},
                {"type": "link", "url": "https://a.example", "text": "the plan"},
                {"type": "date", "timestamp": 0, "format": "{date}", "fallback": "New Year"},
            ),
            {
                "type": "rich_text_list",
                "style": "ordered",
                "offset": 2,
                "elements": [section(text("third")), section(text("fourth"))],
            },
            {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": [section(text("below"))]},
            section(text("said\nbefore"), kind="rich_text_quote"),
            section(text("a ``` b"), kind="rich_text_preformatted"),
        ),
    )
    assert found.text == (
        "notify\n"
        "Hi @bob in #general, **_now_** `a_b` ~~old~~:tada:@here@S1#ff0000[the plan](https://a.example)"
        "New Year (1970-01-01T00:00:00+00:00)\n"
        "3. third\n4. fourth\n    - below\n> said\n> before\n````\na ``` b\n````"
    )


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "header", "text": plain("Build 512 failed")}, "Build 512 failed"),
        ({"type": "section", "text": mrkdwn("*test_login* timed out")}, "test_login timed out"),
        ({"type": "section", "fields": [mrkdwn("*branch*\nmain"), plain("a &lt; b")]}, "branch main\na < b"),
        (
            {
                "type": "section",
                "text": plain("Ready?"),
                "accessory": {"type": "button", "text": plain("Deploy")},
            },
            "Ready?\n[Deploy]",
        ),
        (
            {
                "type": "context",
                "elements": [
                    mrkdwn("by <@UBOB>"),
                    {"type": "image", "alt_text": "a dove", "image_url": "https://i"},
                ],
            },
            "by @bob [image: a dove https://i]",
        ),
        (
            {"type": "image", "alt_text": "graph", "title": plain("Load"), "image_url": "https://i"},
            "[image: graph — Load https://i]",
        ),
        (
            {
                "type": "video",
                "title": plain("How"),
                "alt_text": "clip",
                "video_url": "https://v",
                "thumbnail_url": "https://t",
                "author_name": "Eve",
            },
            "[video: How — clip — Eve — https://v]",
        ),
        ({"type": "markdown", "text": "**so** <@UBOB>"}, "**so** @bob"),
        (
            {
                "type": "actions",
                "elements": [
                    {"type": "button", "text": plain("Yes"), "url": "https://y"},
                    {"type": "button", "text": plain("No")},
                ],
            },
            "[Yes (https://y)] [No]",
        ),
        (
            {
                "type": "input",
                "label": plain("Why"),
                "element": {"type": "plain_text_input", "placeholder": plain("in short")},
            },
            "Why [in short]",
        ),
        (
            {
                "type": "table",
                "rows": [
                    [{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b|c"}],
                    [{"type": "raw_number", "value": 1, "text": "1"}, *rich(section(text("x")))],
                ],
            },
            "| a | b\\|c |\n| --- | --- |\n| 1 | x |",
        ),
        ({"type": "alert", "text": mrkdwn("Careful"), "level": "error"}, "error: Careful"),
        (
            {
                "type": "task_card",
                "task_id": "1",
                "title": "Look",
                "status": "complete",
                "sources": [{"type": "url", "url": "https://s", "text": "log"}],
            },
            "Look (complete)\n[log](https://s)",
        ),
        (
            {
                "type": "plan",
                "title": "All",
                "tasks": [{"task_id": "1", "title": "First", "status": "pending"}],
            },
            "All\nFirst (pending)",
        ),
        (
            {
                "type": "container",
                "title": plain("Box"),
                "child_blocks": [{"type": "header", "text": plain("in it")}],
            },
            "Box\nin it",
        ),
        (
            {
                "type": "call",
                "call_id": "R1",
                "call": {
                    "v1": {
                        "name": "Stand-up",
                        "join_url": "https://j",
                        "active_participants": [{"slack_id": "UBOB"}],
                    }
                },
            },
            "[call: Stand-up — @bob — https://j]",
        ),
        (
            {"type": "invented_tomorrow", "title": plain("New"), "rows": [{"label": "and old"}], "id": "x1"},
            "New\nand old",
        ),
        ({"type": "divider"}, ""),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_blocks_of_every_kind_are_read(block: Json, words: str) -> None:
    assert said(blocks=[block]).text == words


def test_an_alert_s_card_is_its_author_s_words() -> None:  # slack_alert_attachment_thread
    card = {
        "title": "[FIRING:1] DiskFull",
        "text": "host db-3 has 2% free on /var",
        "fallback": "[FIRING:1] DiskFull",
        "fields": [{"title": "severity", "value": "critical"}],
    }
    found = said(attachments=[card], bot_id="B0ALERT")
    assert found.text == "[FIRING:1] DiskFull — host db-3 has 2% free on /var — severity: critical"
    assert found.parts == ()
    everything = {
        "pretext": "*Look*",
        "author_name": "Eve",
        "title": "T",
        "title_link": "https://t",
        "text": "one\ntwo",
        "footer": "Prometheus",
        "actions": [{"type": "button", "text": "Silence"}],
        "blocks": [{"type": "header", "text": plain("H")}],
        "fallback": "not this",
    }
    assert (
        said(attachments=[everything]).text == "Look\nEve\nT (https://t)\none\ntwo\nH\n[Silence]\nPrometheus"
    )
    assert said(attachments=[{"fallback": "nothing else"}]).text == "nothing else"


def test_a_forward_keeps_its_author_and_place_apart_from_the_comment() -> None:  # slack_forward_comment
    shared = {
        "is_share": True,
        "is_msg_unfurl": True,
        "author_id": "UBOB",
        "author_name": "Bob",
        "channel_name": "incidents",
        "from_url": "https://example.slack.com/archives/C0INC/p1",
        "text": "The billing job failed, <@UBOT>",
        "message_blocks": [
            {
                "message": {
                    "blocks": rich(
                        section(text("The billing job failed, "), {"type": "user", "user_id": "UBOT"})
                    )
                }
            }
        ],
        "fallback": "[Nov 1] Bob: The billing job failed",
        "files": [
            {
                "id": "F1",
                "name": "trace.log",
                "mimetype": "text/plain",
                "url_private": "https://files.slack.com/F1",
            }
        ],
    }
    found = said(text="please deal with this", attachments=[shared])
    assert found.text == "please deal with this"
    words = "The billing job failed, @dovecote\n[file: trace.log]"
    place = {"place": "#incidents", "link": "https://example.slack.com/archives/C0INC/p1"}
    assert found.parts == (Part("forwarded", words, author="Bob", author_id="UBOB", **place),)
    assert [file.name for file in found.files] == ["trace.log"]
    assert not found.mentioned


def test_a_preview_is_nobody_s_word_and_no_edit() -> None:
    before = said(text="see <https://a.example>")
    preview = {
        "from_url": "https://a.example",
        "service_name": "A",
        "title": "Title",
        "text": "what it is",
        "id": 1,
    }
    after = said(text="see <https://a.example>", attachments=[preview])
    assert after.text == "see https://a.example"
    assert after.parts == (
        Part("preview", "what it is", title="Title", author="A", link="https://a.example"),
    )
    assert before.gist == after.gist
    assert before.gist != said(text="see <https://b.example>").gist


def test_a_list_is_named_with_its_link_and_not_fetched() -> None:  # slack_list_mention
    record = {
        "type": "list_record",
        "file_id": "F0LIST0001",
        "url": "https://example.slack.com/lists/T1/F0LIST0001",
    }
    file = {
        "id": "F0LIST0001",
        "name": "list",
        "title": "Hiring",
        "mimetype": "application/vnd.slack-list",
        "mode": "list",
        "permalink": "https://example.slack.com/lists/T1/F0LIST0001",
    }
    mention = {"type": "user", "user_id": "UBOT"}
    found = said(
        text="<@UBOT> can you see F0LIST0001",
        blocks=rich(section(mention, text(" can you see "), record)),
        files=[file],
    )
    assert (
        found.text
        == "@dovecote can you see [Slack list F0LIST0001](https://example.slack.com/lists/T1/F0LIST0001)"
    )
    assert found.files == ()
    [part] = found.parts
    assert (part.kind, part.title, part.link) == (
        "file",
        "Hiring",
        "https://example.slack.com/lists/T1/F0LIST0001",
    )


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (
            {"is_external": True, "external_type": "gdrive", "url_private": "https://evil.example"},
            "outside of Slack (gdrive)",
        ),
        ({"mode": "tombstone"}, "was deleted"),
        ({"mode": "hidden_by_limit"}, "the workspace's plan does not keep it"),
    ],
)
def test_what_cannot_be_fetched_is_named_with_the_reason(file: Json, why: str) -> None:
    found = said(files=[{"id": "F1", "name": "plan.pdf", **file}])
    assert found.files == ()
    assert found.parts[0].title == "plan.pdf"
    assert why in found.parts[0].text


@pytest.mark.parametrize(
    ("more", "cut"), [(False, ""), (True, " [cut: Slack showed only the beginning of this transcript]")]
)
def test_a_clip_is_read_by_its_transcript(more: bool, cut: str) -> None:  # slack_voice_transcript
    preview = {"content": "please book the room for Friday", "has_more": more}
    file = {
        "id": "F0V",
        "name": "audio_message.m4a",
        "mimetype": "audio/mp4",
        "subtype": "slack_audio",
        "transcription": {"status": "complete", "preview": preview},
        "url_private": "https://files.slack.com/F0V",
    }
    found = said(text="", files=[file])
    assert found.parts == (
        Part("transcript", f"please book the room for Friday{cut}", title="audio_message.m4a"),
    )
    assert [(one.name, one.voice) for one in found.files] == [("audio_message.m4a", True)]


@pytest.mark.parametrize("media_type", ["video/mp4", "audio/webm", ""])
def test_a_voice_clip_is_one_by_what_slack_calls_it_and_not_by_its_type(media_type: str) -> None:
    file = {
        "id": "F0V",
        "name": "a.m4a",
        "mimetype": media_type,
        "url_private": "https://files.slack.com/F0V",
    }
    [recorded] = said(files=[{**file, "subtype": "slack_audio"}]).files
    [uploaded] = said(files=[file]).files
    assert (recorded.voice, uploaded.voice) == (True, False)


@pytest.mark.parametrize(
    ("message", "mentioned", "quoted"),
    [
        ({"text": "<@UBOT> hi"}, True, False),
        ({"text": "hi <@UBOT|dovecote>"}, True, False),
        ({"text": "&gt; <@UBOT> said so\nreally?"}, False, True),
        ({"blocks": [{"type": "section", "text": mrkdwn("hey <@UBOT>")}]}, True, False),
        ({"blocks": [{"type": "context", "elements": [mrkdwn("hey <@UBOT>")]}]}, True, False),
        (
            {
                "text": "<@UBOT>",
                "blocks": rich(section({"type": "user", "user_id": "UBOT"}, kind="rich_text_quote")),
            },
            False,
            True,
        ),
        (
            {
                "blocks": rich(
                    {"type": "rich_text_list", "elements": [section({"type": "user", "user_id": "UBOT"})]}
                )
            },
            True,
            False,
        ),
        ({"text": "fyi", "attachments": [{"text": "<@UBOT> look", "is_share": True}]}, False, False),
        ({"text": "fyi", "attachments": [{"text": "<@UBOT> look", "from_url": "https://a"}]}, False, False),
    ],
)
def test_a_mention_counts_where_its_author_wrote_it(message: Json, mentioned: bool, quoted: bool) -> None:
    found = said(**message)
    assert (found.mentioned, found.quoted) == (mentioned, quoted)


@pytest.mark.parametrize("words", ["", "<@UBOT>", " <@UBOT> :", "<@UBOT>\n"])
def test_our_name_alone_says_nothing(words: str) -> None:
    assert said(text=words).says_nothing


@pytest.mark.parametrize("words", ["?", "<@UBOT> ?", "<@UBOT> 👍", "<@UBOT> <@UBOB>"])
def test_a_sign_says_something(words: str) -> None:
    assert not said(text=words).says_nothing


def test_a_huddle_is_named_with_those_who_were_there() -> None:
    room = {"name": "Stand-up", "participant_history": ["UANN", "UBOB"], "huddle_link": "https://h"}
    assert (
        said(subtype="huddle_thread", text="", room=room).text
        == "[huddle: Stand-up — @ann, @bob — https://h]"
    )


def test_everybody_in_a_call_or_huddle_is_asked_for_by_id() -> None:
    call = {"type": "call", "call": {"v1": {"all_participants": [{"slack_id": "UBOB"}]}}}
    found = {"room": {"participant_history": ["UANN", 7]}, "blocks": [call]}
    assert set(ids_in(found)) == {("user", "UANN"), ("user", "UBOB")}


def test_a_mail_to_the_channel_is_read_with_its_sender_and_subject() -> None:
    mail = {
        "id": "F1",
        "name": "Overdue",
        "filetype": "email",
        "from": [{"address": "a@b.example", "original": "Clerk <a@b.example>"}],
        "to": [{"address": "us@c.example"}],
        "subject": "Invoice overdue",
        "plain_text": "Please pay.",
        "url_private": "https://files.slack.com/F1",
    }
    [part] = said(files=[mail]).parts
    assert (part.kind, part.title) == ("document", "Overdue")
    assert part.text == (
        "From: Clerk <a@b.example>\nTo: us@c.example\nSubject: Invoice overdue\n\nPlease pay."
    )
    assert said(files=[{**mail, "from": 7, "to": [None], "subject": [], "plain_text": None}]).parts == ()


def test_buttons_of_an_old_card_and_chosen_days_are_read_as_people_see_them() -> None:
    old = {"text": "Pay?", "actions": [{"name": "pay_7", "text": "Refund", "type": "button", "value": "v"}]}
    assert said(attachments=[old]).text == "Pay? — [Refund]"
    chosen = {"type": "datepicker", "initial_date": "2026-11-28"}
    assert said(blocks=[{"type": "actions", "elements": [chosen]}]).text == "[2026-11-28]"


def test_a_call_to_everybody_keeps_its_sign_whatever_label_comes_with_it() -> None:
    assert said(text="<!here|here> <!channel> <!subteam^S1|@ops>").text == "@here @channel @ops"


@pytest.mark.parametrize(
    "odd", [None, 7, "x", [], {}, [None], [[]], {"type": []}, [{"type": {}}], [{"elements": 3}]]
)
@pytest.mark.parametrize("member", ["text", "blocks", "attachments", "files", "room", "subtype"])
def test_a_member_of_another_shape_counts_as_none(member: str, odd: object) -> None:
    said(**{member: odd})
    list(ids_in({member: odd}))


def test_nesting_without_an_end_is_cut_and_not_followed() -> None:
    deep: Json = {"type": "x", "text": "deep"}
    for _ in range(300):
        deep = {
            "type": "container",
            "child_blocks": [deep],
            "elements": [deep],
            "attachments": [deep],
            "is_share": True,
        }
    said(blocks=[deep], attachments=[deep])
    said(blocks=[{"type": "rich_text", "elements": [deep]}])


def test_a_canvas_is_read_as_text() -> None:  # slack_canvas_html
    page = "<!DOCTYPE html><html><head><title>x</title></head><body><h1>Plan</h1><p>Ship on <b>Friday</b></p>"
    page += "<ul><li class='checked'>write</li><li>read</li></ul><ol><li>a</li><li>b</li></ol>"
    page += "<table><tr><th>k</th><td>v</td></tr></table><a href='https://a.example'>more</a><script>no()</script>"
    assert pages.text_of(page) == (
        "# Plan\n\nShip on Friday\n\n- [x] write\n- read\n\n1. a\n2. b\n\n| k | v\nmore (https://a.example)"
    )
    assert not pages.is_sign_in(page.encode())
    assert pages.is_sign_in(b"<!DOCTYPE html><title>Sign in</title>")


def test_captions_are_read_without_their_times() -> None:
    vtt = "WEBVTT\n\nNOTE x\n\n1\n00:00:00.000 --> 00:00:01.000\n<v Ann>please book\n\n"
    vtt += "00:01.000 --> 00:02.000\nthe room\nfor Friday\n"
    assert pages.captions(vtt) == "please book the room for Friday"


def test_of_a_message_without_an_end_its_author_s_own_words_are_read_first() -> None:
    cards = [{"text": "<http://a.example|b> " * 1_000} for _ in range(100)]
    found = said(attachments=cards, text="what is this?")
    assert found.text.startswith("what is this?")
    assert len(found.text) < 2 * saying.MOST_READ
    assert said(attachments=cards[:5], text="").text.count("a.example") == 5_000


def test_a_mark_of_emphasis_does_not_look_for_its_other_without_an_end() -> None:
    assert NAMES.plain("*bold* and _slanted_") == "bold and slanted"
    far = "*a" + " a" * 200 + "*"
    assert NAMES.plain(far) == far


EMPHASIS = re.compile(r"(?<![\w*_~])([*_~])(?=[^\s*_~])([^\n]{0,300}?[^\s*_~])\1(?![\w*_~])")


def test_marks_of_emphasis_are_taken_away_as_their_pattern_has_it() -> None:
    """Which looks for the end of each mark anew: as many steps as there are marks, three hundred times."""
    dice = random.Random(5)
    for _ in range(2_000):
        text = "".join(dice.choices("*_~ab \n.(-", k=dice.choice((3, 8, 20, 60))))
        text += dice.choice(("", f"*{'x' * dice.choice((300, 301, 302))}* "))
        wanted = text
        for _ in range(3):
            wanted = EMPHASIS.sub(r"\2", wanted)
        assert NAMES.plain(text) == wanted
