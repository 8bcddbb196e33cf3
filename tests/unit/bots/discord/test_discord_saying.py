"""What a message says: every kind of content, whoever wrote it, and never by the wrong mouth."""

from __future__ import annotations

from typing import Any

import pytest

from bots.discord.reading import saying
from bots.discord.reading.names import Names

Json = dict[str, Any]
NAMES = Names({"&7": "keepers"}, {"9": "incidents"}, "1", frozenset({"8"}))
ADA: Json = {"id": "2", "username": "ada", "global_name": "Ada"}
BOB: Json = {"id": "3", "username": "bob"}
HOOK: Json = {"id": "999", "username": "GitHub", "bot": True}
CHART: Json = {
    "id": "5",
    "filename": "chart.png",
    "content_type": "image/png",
    "size": 4,
    "url": "https://cdn.example/chart.png",
}


def said(**message: Any) -> saying.Spoken:
    return saying.said({"id": "10", "type": 0, "content": "", "author": ADA, **message}, NAMES)


def test_words_bear_names_emoji_and_times_as_a_person_sees_them() -> None:
    found = said(
        content="<@1> ask <@3> and <@&7> in <#9> <:party:123456789012345678> at <t:1764288000:R>",
        mentions=[{"id": "1", "username": "dove"}, BOB],
    )
    assert found.text == "ask @bob and @keepers in #incidents :party: at 2025-11-28 00:00 UTC"
    assert found.mentioned


def test_commands_and_guides_are_named_as_a_person_sees_them() -> None:
    found = said(content="</deploy now:123456789012345678> in <id:customize> and <id:linked-roles:7> <id:x>")
    assert found.text == "/deploy now in Channels & Roles and Linked Roles <id:x>"


def test_an_answer_to_a_command_and_an_invitation_name_what_they_are_about() -> None:
    used = {"name": "deploy", "type": 2, "user": BOB}
    assert said(type=20, content="Done", interaction=used).text == "Done\n[/deploy, used by bob]"
    assert said(type=0, content="Done", interaction=used).text == "Done"
    game = {"activity": {"type": 1}, "application": {"id": "1", "name": "Chess"}}
    assert said(**game).text == "[invitation to Chess]"


def test_a_voice_message_is_one_by_its_flag_and_not_by_its_type() -> None:
    sound = {**CHART, "filename": "voice-message.ogg", "content_type": "audio/ogg", "duration_secs": 4.6}
    spoken, sent = said(flags=1 << 13, attachments=[sound]), said(attachments=[sound])
    assert spoken.text == "[voice message of 5 s]"
    assert [one.voice for one in (*spoken.files, *sent.files)] == [True, False]
    again = said(message_snapshots=[{"message": {"flags": 1 << 13, "attachments": [sound]}}])
    assert [one.voice for one in again.files] == [True], "forwarded as well"


def test_what_was_stopped_by_a_rule_is_told_without_what_is_for_programs() -> None:
    fields = [{"name": "rule_name", "value": "No swearing"}, {"name": "decision_id", "value": "1-2"}]
    embed = {"type": "auto_moderation_message", "description": "darn it", "fields": fields}
    assert said(type=24, embeds=[embed]).text == "[stopped by AutoMod (rule: No swearing)] darn it"


def test_pictures_are_named_by_what_is_said_of_them_or_where_they_are() -> None:
    shown = {"type": "rich", "title": "T", "image": {"url": "https://i"}, "thumbnail": {"url": "https://t"}}
    assert said(author=HOOK, embeds=[shown]).text == "T\n[image: https://i]"
    only = {"type": "rich", "thumbnail": {"url": "https://t"}}
    assert said(author=HOOK, embeds=[only]).text == "[image: https://t]"
    gallery = {"type": 12, "items": [{"media": {"url": "https://a"}}, {"media": 7}, {"media": {}}]}
    assert said(author=HOOK, components=[gallery]).text == "[image: https://a]"


def test_an_app_says_what_its_embeds_say() -> None:
    """discord-webhook-embeds: every field that a person reads on it."""
    embed = {
        "type": "rich",
        "author": {"name": "octo", "url": "https://a.example"},
        "title": "[repo] Issue opened: #7 crash",
        "url": "https://b.example",
        "description": "It crashes",
        "fields": [{"name": "Priority", "value": "high"}],
        "footer": {"text": "today"},
        "provider": {"name": "Tracker"},
    }
    assert said(author=HOOK, webhook_id="999", embeds=[embed]).text.split("\n") == [
        "octo (https://a.example)",
        "[repo] Issue opened: #7 crash (https://b.example)",
        "It crashes",
        "Priority: high",
        "today",
        "Tracker",
    ]


@pytest.mark.parametrize("kind", ["rich", "link", "article", "video"])
def test_a_preview_of_a_persons_link_is_not_theirs_and_no_edit(kind: str) -> None:
    found = said(content="see https://a.example", embeds=[{"type": kind, "title": "A page"}])
    assert found.text == "see https://a.example"
    assert [(part.kind, part.text) for part in found.parts] == [("preview", "A page")]
    assert found.gist == said(content="see https://a.example").gist


def test_a_poll_is_read_with_its_counts() -> None:
    """discord-poll"""
    poll: Json = {
        "question": {"text": "Where do we have lunch?"},
        "answers": [
            {"answer_id": 1, "poll_media": {"text": "Thai", "emoji": {"name": "🍜"}}},
            {"answer_id": 2, "poll_media": {"text": "Pizza"}},
        ],
        "allow_multiselect": True,
    }
    without = said(poll=poll).text
    assert "- Pizza" in without.split("\n")
    assert "votes" not in without
    counted = said(poll={**poll, "results": {"is_finalized": True, "answer_counts": [{"id": 1, "count": 3}]}})
    assert counted.text.split("\n") == [
        "[poll (closed)] Where do we have lunch?",
        "- 🍜 Thai: 3 votes",
        "- Pizza: 0 votes",
        "(several answers may be chosen)",
    ]


def test_the_end_of_a_poll_is_told_in_words() -> None:
    fields = [
        {"name": "poll_question_text", "value": "Lunch?"},
        {"name": "victor_answer_votes", "value": "3"},
        {"name": "total_votes", "value": "4"},
        {"name": "victor_answer_text", "value": "Thai"},
    ]
    found = said(type=46, embeds=[{"type": "poll_result", "fields": fields}])
    assert found.text == "[poll closed: Lunch?] Thai won with 3 of 4 votes"


def test_components_are_read_wherever_they_stand() -> None:
    components = [
        {"type": 17, "components": [
            {"type": 10, "content": "# Deploy <@&7>"},
            {"type": 9, "components": [{"type": 10, "content": "db-3"}],
             "accessory": {"type": 11, "media": {"url": "u"}, "description": "a graph"}},
            {"type": 12, "items": [{"media": {"url": "u"}, "description": "the cat"}]},
            {"type": 13, "file": {"url": "attachment://df.txt"}, "name": "df.txt"},
            {"type": 14},
            {"type": 1, "components": [
                {"type": 2, "label": "Roll back", "custom_id": "x"},
                {"type": 2, "label": "Log", "url": "https://l.example", "emoji": {"name": "📜"}},
                {"type": 3, "placeholder": "Pick", "options": [{"label": "One", "value": "v", "description": "first"}]},
            ]},
            {"type": 99, "title": "of tomorrow"},
        ]},
    ]  # fmt: skip
    assert said(author=HOOK, components=components).text.split("\n") == [
        "# Deploy @keepers",
        "db-3",
        "[image: a graph]",
        "[image: the cat]",
        "[file: df.txt]",
        "[button: Roll back]",
        "[button: 📜 Log (https://l.example)]",
        "Pick",
        "One — first",
        "of tomorrow",
    ]


def test_stickers_voice_messages_and_descriptions_are_words_too() -> None:
    assert said(sticker_items=[{"id": "1", "name": "Wave"}]).text == "[sticker: Wave]"
    clip = {**CHART, "filename": "voice.ogg", "duration_secs": 4.2}
    assert said(flags=1 << 13, attachments=[clip]).text == "[voice message of 4 s]"
    described = said(attachments=[{**CHART, "description": "sales by month"}])
    assert described.text == "[chart.png: sales by month]"
    assert [(file.name, file.media_type) for file in described.files] == [("chart.png", "image/png")]


def test_a_reply_brings_the_words_and_files_it_is_about() -> None:
    """discord-reply-to-embed, discord-reply-to-image"""
    release = {
        "title": "v2.3.1 released",
        "description": "Fixes the login crash",
        "url": "https://example.org/r/1",
    }
    original = {
        "id": "4",
        "type": 0,
        "content": "",
        "author": BOB,
        "embeds": [release],
        "attachments": [CHART],
    }
    found = said(type=19, content="<@1> what changed here?", referenced_message=original)
    assert found.text == "what changed here?"
    [part] = found.parts
    assert (part.kind, part.author, part.author_id) == ("quoted", "bob", "3")
    assert part.text.split("\n") == [
        "v2.3.1 released (https://example.org/r/1)",
        "Fixes the login crash",
        "[attached: chart.png]",
    ]
    assert [file.name for file in found.files] == ["chart.png"]


def test_a_reply_to_what_was_deleted_says_so_and_one_that_is_not_told_of_says_nothing() -> None:
    assert [part.text for part in said(type=19, referenced_message=None).parts] == [
        "(this message was deleted)"
    ]
    assert said(type=19, content="yes").parts == ()


def test_a_forward_is_not_its_senders_words() -> None:
    shot = {
        "type": 0,
        "content": "<@1> the *build* is red",
        "embeds": [{"title": "CI"}],
        "attachments": [CHART],
    }
    found = said(
        message_snapshots=[{"message": shot}],
        message_reference={"type": 1, "channel_id": "9", "message_id": "4"},
    )
    assert (found.text, found.mentioned) == ("", False)
    assert [(part.kind, part.place, part.text) for part in found.parts] == [
        ("forwarded", "#incidents", "the *build* is red\nCI\n[attached: chart.png]")
    ]
    assert [file.name for file in found.files] == ["chart.png"]


def test_a_forward_of_a_forward_is_read_to_its_end_and_an_empty_one_is_none() -> None:
    inner = {"message": {"type": 0, "content": "innermost", "attachments": [CHART]}}
    outer = {"message": {"type": 0, "content": "", "message_snapshots": [inner]}}
    found = said(message_snapshots=[outer])
    assert [part.text for part in found.parts] == ["innermost\n[attached: chart.png]"]
    assert [file.name for file in found.files] == ["chart.png"]
    assert said(message_snapshots=[{"message": {"content": ""}}]).parts == ()
    for _ in range(100):
        inner = {"message": {"content": "", "message_snapshots": [inner]}}
    assert said(message_snapshots=[inner]).parts == ()


@pytest.mark.parametrize(
    ("content", "mentioned"),
    [
        ("<@1> hi", True),
        ("hi <@!1>", True),
        ("hi <@&8>", True),
        ("hi <@&7>", False),
        ("> <@1> said bob\nindeed", False),
        ("> said bob\n<@1> indeed", True),
        ("indeed\n>>> <@1> said bob\nand more", False),
        ("`<@1>`", False),
        ("```\n<@1>\n```", False),
    ],
)
def test_a_mention_counts_where_its_author_wrote_it(content: str, mentioned: bool) -> None:
    assert said(content=content, mentions=[{"id": "1", "username": "dove"}]).mentioned is mentioned


def test_a_reply_that_pings_the_bot_is_to_it() -> None:
    mine = {"id": "4", "type": 0, "content": "done", "author": {"id": "1", "username": "dove"}}
    ping = [{"id": "1", "username": "dove"}]
    assert said(type=19, content="thanks", referenced_message=mine, mentions=ping).mentioned
    assert not said(type=19, content="thanks", referenced_message=mine).mentioned


@pytest.mark.parametrize("content", ["<@1>", "<@1> ", "<@!1> :"])
def test_a_bare_name_says_nothing(content: str) -> None:
    assert said(content=content).text == ""


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, [7], [None], {"type": 3}, [[{"content": []}]]])
@pytest.mark.parametrize(
    "field",
    [
        "content",
        "embeds",
        "components",
        "poll",
        "sticker_items",
        "attachments",
        "mentions",
        "type",
        "flags",
        "referenced_message",
        "message_snapshots",
        "message_reference",
        "author",
    ],
)
def test_no_field_of_an_unexpected_type_keeps_the_rest_from_being_read(field: str, odd: object) -> None:
    message = {"content": "hello", "sticker_items": [{"id": "1", "name": "Wave"}], field: odd}
    found = said(**message)
    assert field == "content" or "hello" in found.text
    assert field == "sticker_items" or "[sticker: Wave]" in found.text
