"""One of each kind of content that Discord documents, as its messages bear it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def hook(name: str, **more: Any) -> Json:
    """A message of a webhook."""
    author = {"id": "999", "username": name, "discriminator": "0000", "avatar": None, "bot": True}
    return {"content": "", "webhook_id": "999", "author": author, **more}


def file(id_: str, name: str, media_type: str, **more: Any) -> Json:
    address = f"{{cdn}}/attachments/1/{id_}/{name}?ex=ffffffff"
    return {
        "id": id_,
        "filename": name,
        "content_type": media_type,
        "size": 40,
        "url": address,
        "proxy_url": address,
        **more,
    }


def emoji(name: str) -> Json:
    return {"id": None, "name": name}


ALERT = hook(
    "pager",
    embeds=[
        {
            "type": "rich",
            "title": "Alert: disk full",
            "url": "https://alerts.example/1",
            "description": "db-3 has 2% left",
            "color": 16711680,
            "timestamp": "2026-11-28T02:10:00+00:00",
            "author": {"name": "Prometheus"},
            "fields": [{"name": "severity", "value": "critical", "inline": True}],
            "footer": {"text": "rule disk.yml"},
            "image": {"url": "https://alerts.example/1.png", "width": 10, "height": 10},
        }
    ],
)
POLL: Json = {
    "poll": {
        "question": {"text": "Which disk do we buy?"},
        "answers": [
            {"answer_id": 1, "poll_media": {"text": "1 TB", "emoji": emoji("💾")}},
            {"answer_id": 2, "poll_media": {"text": "2 TB"}},
        ],
        "expiry": "2027-01-01T00:00:00+00:00",
        "allow_multiselect": True,
        "layout_type": 1,
        "results": {"is_finalized": False, "answer_counts": [{"id": 1, "count": 3, "me_voted": False}]},
    }
}
POLL_RESULT: Json = {
    "type": 46,
    "message_reference": {"type": 0, "channel_id": "1", "message_id": "2"},
    "embeds": [
        {
            "type": "poll_result",
            "fields": [
                {"name": "poll_question_text", "value": "Which disk do we buy?", "inline": False},
                {"name": "victor_answer_votes", "value": "3", "inline": False},
                {"name": "total_votes", "value": "4", "inline": False},
                {"name": "victor_answer_id", "value": "1", "inline": False},
                {"name": "victor_answer_text", "value": "1 TB", "inline": False},
            ],
        }
    ],
}
FORWARD: Json = {
    "flags": 1 << 14,
    "message_reference": {"type": 1, "channel_id": "{place}", "message_id": "5"},
    "message_snapshots": [
        {
            "message": {
                "type": 0,
                "content": "The **billing** job failed with exit code 7, <@{bob}>",
                "mentions": [{"id": "{bob}", "username": "bob", "discriminator": "0", "avatar": None}],
                "embeds": [{"type": "rich", "title": "Job 7", "description": "failed"}],
                "attachments": [file("51", "trace.log", "text/plain")],
                "sticker_items": [{"id": "77", "name": "Facepalm", "format_type": 1}],
                "timestamp": "2026-11-28T01:00:00+00:00",
                "edited_timestamp": None,
                "flags": 0,
            }
        }
    ],
}
FORWARDED_FORWARD: Json = {
    "content": "",
    "message_reference": {"type": 1, "channel_id": "6", "message_id": "7"},
    "message_snapshots": [
        {
            "message": {
                "type": 0,
                "content": "",
                "flags": 1 << 14,
                "timestamp": "2026-11-28T01:00:00+00:00",
                "edited_timestamp": None,
                "embeds": [],
                "attachments": [],
                "message_snapshots": [{"message": {"type": 0, "content": "the innermost words"}}],
            }
        }
    ],
}
PREVIEW: Json = {
    "content": "compare https://news.example/disks",
    "embeds": [
        {
            "type": "article",
            "url": "https://news.example/disks",
            "title": "Disks are full",
            "description": "All over the world",
            "provider": {"name": "News"},
            "thumbnail": {"url": "https://news.example/i.png", "width": 1, "height": 1},
        }
    ],
}
GIF: Json = {
    "content": "https://gifs.example/cat",
    "embeds": [{"type": "gifv", "url": "https://gifs.example/cat", "provider": {"name": "Gifs"}}],
}
STICKER: Json = {"sticker_items": [{"id": "78", "name": "Wave", "format_type": 1}]}
NAMED: Json = {
    "mentions": [{"id": "{bob}", "username": "bob", "discriminator": "0", "avatar": None}],
    "content": "<@{bob}> and <@&{role}> in <#{place}> <:party:123456789012345678> <a:spin:123456789012345679>"
    " at <t:1764288000:R> ||secret|| </deploy now:123456789012345670> <id:customize> <@5> @here",
}
MARKDOWN: Json = {
    "content": "# Plan\n- [runbook](https://a.example/x)\n> it was full\n```sh\ndf -h\n```\n-# small _print_ `a|b`",
}
VOICE: Json = {
    "flags": 1 << 13,
    "attachments": [file("52", "voice-message.ogg", "audio/ogg", duration_secs=4.6, waveform="FzYACgAAAAA=")],
}
V2 = hook(
    "deploys",
    mentions=[{"id": "{bob}", "username": "bob", "discriminator": "0", "avatar": None}],
    flags=1 << 15,
    components=[
        {
            "type": 17,
            "id": 1,
            "accent_color": 255,
            "components": [
                {"type": 10, "id": 2, "content": "## Deploy 512\nof <@{bob}>"},
                {
                    "type": 9,
                    "id": 3,
                    "components": [{"type": 10, "id": 4, "content": "db-3 is next"}],
                    "accessory": {"type": 11, "id": 5, "media": {"url": "u"}, "description": "a graph"},
                },
                {"type": 12, "id": 6, "items": [{"media": {"url": "u"}, "description": "the room"}]},
                {"type": 13, "id": 7, "file": {"url": "attachment://df.txt"}, "name": "df.txt", "size": 3},
                {"type": 14, "id": 8, "divider": True, "spacing": 1},
                {
                    "type": 1,
                    "id": 9,
                    "components": [
                        {"type": 2, "id": 10, "style": 4, "label": "Roll back", "custom_id": "x"},
                        {"type": 2, "id": 11, "style": 5, "label": "Log", "url": "https://l.example"},
                    ],
                },
                {
                    "type": 1,
                    "id": 12,
                    "components": [
                        {
                            "type": 3,
                            "id": 13,
                            "custom_id": "y",
                            "placeholder": "Which disk",
                            "options": [
                                {"label": "sda", "value": "a", "description": "the first"},
                                {"label": "sdb", "value": "b", "default": True},
                            ],
                        }
                    ],
                },
            ],
        }
    ],
)
CARD = hook(
    "GitHub",
    embeds=[
        {
            "type": "rich",
            "author": {"name": "octo", "url": "https://code.example/octo"},
            "title": "[repo] Issue opened: #7 crash",
            "url": "https://code.example/7",
            "description": "It crashes\n```\nTraceback\n```",
        },
        {"type": "rich", "image": {"url": "https://code.example/i.png"}},
    ],
)
COMMAND = {
    "type": 20,
    "content": "Deployed to production",
    "interaction_metadata": {
        "id": "1",
        "type": 2,
        "user": {"id": "{bob}", "username": "bob", "discriminator": "0", "avatar": None},
    },
    "interaction": {
        "id": "1",
        "type": 2,
        "name": "deploy",
        "user": {"id": "{bob}", "username": "bob", "discriminator": "0", "avatar": None},
    },
}
MODERATION: Json = {
    "type": 24,
    "embeds": [
        {
            "type": "auto_moderation_message",
            "description": "the words that were blocked",
            "fields": [
                {"name": "rule_name", "value": "No swearing", "inline": False},
                {"name": "keyword", "value": "darn", "inline": False},
                {"name": "decision_id", "value": "1-2-3", "inline": False},
            ],
        }
    ],
}
LONG: Json = {
    "attachments": [
        file("53", "message.txt", "text/plain; charset=utf-8"),
        file("54", "SPOILER_plan.md", "text/markdown", title="The plan"),
        {"id": "55", "filename": "gone.bin", "size": 3},
    ]
}
MENU: Json = {"type": 23, "content": "Translated: the disk is full"}
JOINED: Json = {"type": 7}
PINNED: Json = {"type": 6, "message_reference": {"channel_id": "1", "message_id": "2"}}
RENAMED: Json = {"type": 4, "content": "disks"}
INVITE: Json = {
    "content": "play with me",
    "activity": {"type": 1, "party_id": "p"},
    "application": {"id": "1", "name": "Chess", "description": "a game", "icon": None},
}
CONTENTS: dict[int, tuple[str, bytes, str]] = {
    51: ("trace.log", b"exit code 7\n", "text/plain"),
    53: ("message.txt", b"a very long message\n", "text/plain"),
    54: ("SPOILER_plan.md", b"# Plan\n", "text/markdown"),
    52: ("voice-message.ogg", b"OggS" + bytes(40), "audio/ogg"),
}
