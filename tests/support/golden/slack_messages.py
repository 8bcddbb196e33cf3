"""One of each kind of content that Slack documents, as its events bear it: who says it, and what."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def words(text: str, **style: bool) -> Json:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def section(*elements: Json, kind: str = "rich_text_section", **more: Any) -> Json:
    return {"type": kind, "elements": list(elements), **more}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "block_id": "b1", "elements": list(elements)}


def app(name: str, **more: Any) -> Json:
    """A message of another app."""
    return {"subtype": "bot_message", "bot_id": f"B0{name.upper()}", "username": name, "text": "", **more}


def button(text: str, **more: Any) -> Json:
    return {"type": "button", "action_id": text, "text": plain(text), **more}


def file(id_: str, name: str, media_type: str, **more: Any) -> Json:
    address = f"{{api}}/files-pri/{id_}/{name}"
    return {
        "id": id_,
        "name": name,
        "title": name,
        "mimetype": media_type,
        "mode": "hosted",
        "is_external": False,
        "size": 40,
        "url_private": address,
        "url_private_download": address,
        **more,
    }


def shared(*files: Json, text: str = "") -> Json:
    return {"subtype": "file_share", "text": text, "files": list(files)}


def clip(id_: str, kind: str, said: str) -> Json:
    media_type = "audio/mp4" if kind == "slack_audio" else "video/mp4"
    transcript = {"status": "complete", "locale": "en-US", "preview": {"content": said, "has_more": False}}
    return file(id_, f"{kind}.mp4", media_type, subtype=kind, transcription=transcript)


ALERT = app(
    "alertmanager",
    attachments=[
        {
            "color": "#f00",
            "pretext": "*Attention*",
            "author_name": "Prometheus",
            "title": "[FIRING:1] DiskFull",
            "title_link": "https://alerts.example/1",
            "text": "host db-3 has 2% free on /var\nsince 02:10",
            "fields": [{"title": "severity", "value": "critical", "short": True}, {"value": "no title"}],
            "fallback": "[FIRING:1] DiskFull",
            "footer": "rule disk.yml",
            "ts": 1700000000,
        }
    ],
)
BUILD = app(
    "ci",
    blocks=[
        {"type": "header", "text": plain("Build 512 failed")},
        {
            "type": "section",
            "text": mrkdwn("*test_login* timed out after 30 s, see <https://ci.example/512|the log>"),
            "accessory": button("Retry"),
        },
        {"type": "section", "fields": [mrkdwn("*branch*\nmain"), plain("commit 1a2b3c4")]},
        {"type": "divider"},
        {
            "type": "context",
            "elements": [
                {"type": "image", "image_url": "https://ci.example/i.png", "alt_text": "ci"},
                plain("ran for 4 min"),
            ],
        },
    ],
)
WRITTEN = {
    "text": "Two things *today*, _no_, ~three~: :wave: run `df -h`\n1. read <https://a.example/x|the runbook>",
    "blocks": [
        rich(
            section(
                words("Two things "),
                words("today", bold=True),
                words(", "),
                words("no", italic=True),
                words(", "),
                words("three", strike=True),
                words(": "),
                {"type": "emoji", "name": "wave", "unicode": "1f44b"},
                words(" run "),
                words("df -h", code=True),
            ),
            section(
                section(
                    words("read "), {"type": "link", "url": "https://a.example/x", "text": "the runbook"}
                ),
                section(words("free some space")),
                kind="rich_text_list",
                style="ordered",
                indent=0,
            ),
            section(section(words("logs first")), kind="rich_text_list", style="bullet", indent=1),
            section(words("it was full\nlast week, too"), kind="rich_text_quote"),
            section(words("df -h\n/dev/sda 98%"), kind="rich_text_preformatted"),
            section(
                {"type": "broadcast", "range": "here"},
                words(" by "),
                {"type": "date", "timestamp": 1700000000, "format": "{date}", "fallback": "Nov 14"},
                words(" "),
                {"type": "color", "value": "#ff0000"},
            ),
        )
    ],
}
HUDDLE = {
    "subtype": "huddle_thread",
    "text": "A huddle happened",
    "room": {"id": "R1", "name": "standup", "participant_history": ["{ann}", "{bob}"], "has_ended": True},
}
FORWARD = {
    "text": "{bot} please deal with this",
    "attachments": [
        {
            "id": 1,
            "ts": "1700000000.000100",
            "channel_id": "C0INC",
            "channel_name": "incidents",
            "is_msg_unfurl": True,
            "is_share": True,
            "author_id": "{bob}",
            "author_name": "Bob",
            "text": "The billing job failed at 03:12 with exit code 7",
            "fallback": "[Nov 1] Bob: The billing job failed at 03:12 with exit code 7",
            "from_url": "https://example.slack.com/archives/C0INC/p1700000000000100",
            "files": [file("F0FWD", "trace.log", "text/plain")],
        }
    ],
}
QUOTE = {
    "text": "as <https://example.slack.com/archives/C0INC/p1700000000000200> says",
    "attachments": [
        {
            "channel_id": "C0INC",
            "channel_name": "incidents",
            "is_msg_unfurl": True,
            "author_id": "{ann}",
            "author_name": "Ann",
            "message_blocks": [
                {
                    "message": {
                        "blocks": [rich(section(words("We turned it off ", bold=True), words("and on")))]
                    }
                }
            ],
            "fallback": "[Nov 1] Ann: We turned it off and on",
            "from_url": "https://example.slack.com/archives/C0INC/p1700000000000200",
        }
    ],
}
PREVIEW = {
    "text": "compare <https://news.example/disks>",
    "attachments": [
        {
            "id": 1,
            "from_url": "https://news.example/disks",
            "original_url": "https://news.example/disks",
            "service_name": "News",
            "title": "Disks are full",
            "title_link": "https://news.example/disks",
            "text": "All over the world",
            "fallback": "News: Disks are full",
            "image_url": "https://news.example/i.png",
        }
    ],
}
LIST = {
    "text": "can you see F0LIST0001",
    "blocks": [
        rich(
            section(
                words("can you see "),
                {
                    "type": "list_record",
                    "file_id": "F0LIST0001",
                    "url": "https://example.slack.com/lists/T1/F0LIST0001",
                },
            )
        )
    ],
    "files": [
        {
            "id": "F0LIST0001",
            "name": "list",
            "title": "Hiring",
            "mimetype": "application/vnd.slack-list",
            "mode": "list",
            "permalink": "https://example.slack.com/lists/T1/F0LIST0001",
        }
    ],
}
TABLE = app(
    "reports",
    blocks=[
        {
            "type": "table",
            "rows": [
                [{"type": "raw_text", "text": "disk"}, {"type": "raw_text", "text": "free"}],
                [{"type": "raw_text", "text": "a|b"}, rich(section(words("2%", bold=True)))],
            ],
        },
        {"type": "markdown", "text": "**Sum**: 2 disks\n\n- one is `full`"},
    ],
)
MEDIA = app(
    "media",
    blocks=[
        {
            "type": "image",
            "title": plain("Free space"),
            "alt_text": "a falling line",
            "image_url": "https://g.example/1.png",
        },
        {
            "type": "video",
            "title": plain("How to"),
            "title_url": "https://v.example/1",
            "video_url": "https://v.example/1.mp4",
            "thumbnail_url": "https://v.example/1.png",
            "alt_text": "a video",
            "description": plain("Freeing space"),
            "provider_name": "Tube",
        },
        {"type": "file", "external_id": "ABCD1", "source": "remote"},
    ],
)
FORM = app(
    "forms",
    blocks=[
        {
            "type": "actions",
            "elements": [
                button("Approve", style="primary"),
                button("Open", url="https://f.example/1"),
                {
                    "type": "static_select",
                    "placeholder": plain("Choose a disk"),
                    "options": [{"text": plain("sda"), "value": "a"}, {"text": plain("sdb"), "value": "b"}],
                },
                {"type": "overflow", "options": [{"text": plain("More"), "value": "m"}]},
                {
                    "type": "datepicker",
                    "initial_date": "2026-11-28",
                    "placeholder": plain("When"),
                },
            ],
        },
        {
            "type": "input",
            "label": plain("Reason"),
            "hint": plain("one line"),
            "element": {"type": "plain_text_input", "placeholder": plain("because")},
        },
    ],
)
CALL = app(
    "zoom",
    blocks=[
        {
            "type": "call",
            "call_id": "R1",
            "call": {
                "v1": {
                    "id": "R1",
                    "name": "War room",
                    "join_url": "https://call.example/1",
                    "active_participants": [{"display_name": "Carla"}],
                    "all_participants": [{"display_name": "Carla"}, {"slack_id": "{bob}"}],
                    "has_ended": False,
                }
            },
        }
    ],
)
WORK = app(
    "worker",
    blocks=[
        {
            "type": "plan",
            "title": "Free the disk",
            "tasks": [
                {"task_id": "1", "title": "Find big files", "status": "complete"},
                {"task_id": "2", "title": "Remove them", "status": "in_progress"},
            ],
        },
        {"type": "alert", "level": "warning", "text": plain("The disk fills again")},
        {
            "type": "card",
            "title": mrkdwn("*Ticket 7*"),
            "body": mrkdwn("Buy a disk"),
            "actions": [button("Buy")],
        },
    ],
)
OLD = app(
    "legacy",
    text="Somebody paid",
    attachments=[
        {"fallback": "Order 7 was paid: 12 EUR"},
        {
            "text": "Choose",
            "callback_id": "c",
            "actions": [{"type": "button", "name": "n", "text": "Refund", "value": "v"}],
            "fallback": "no",
        },
    ],
)
STEP = app(
    "Workflow Builder",
    text="*New request* from <@{ann}>\n&gt; a bigger disk",
    blocks=[
        rich(
            section(words("New request", bold=True), words(" from "), {"type": "user", "user_id": "{ann}"}),
            section(words("a bigger disk"), kind="rich_text_quote"),
        )
    ],
)
RECORDS = app(
    "crm",
    blocks=[
        {
            "type": "data_table",
            "caption": "Orders",
            "rows": [
                [{"type": "raw_text", "text": "order"}, {"type": "raw_text", "text": "EUR"}],
                [{"type": "raw_text", "text": "7"}, {"type": "raw_number", "value": 12, "text": "12"}],
            ],
        },
        {
            "type": "container",
            "title": plain("Customer"),
            "child_blocks": [
                {"type": "section", "text": mrkdwn("Shop Ltd, <mailto:clerk@shop.example|clerk>")}
            ],
        },
        {
            "type": "carousel",
            "elements": [{"type": "card", "title": mrkdwn("One")}, {"type": "card", "title": mrkdwn("Two")}],
        },
    ],
)
UNFURL = {
    "text": "this ticket: <https://t.example/9>",
    "attachments": [
        {
            "id": 1,
            "from_url": "https://t.example/9",
            "app_unfurl_url": "https://t.example/9",
            "is_app_unfurl": True,
            "app_id": "A0T",
            "bot_id": "B0T",
            "fallback": "[no preview available]",
            "blocks": [
                {
                    "type": "section",
                    "text": mrkdwn("*Ticket 9*: buy a disk"),
                    "fields": [mrkdwn("*state*\nopen")],
                }
            ],
        }
    ],
}
NAMED = {
    "text": "<!subteam^S1|@ops> and <#{place}|> know <@{bob}>, write to <mailto:a@b.example|a@b.example>, &amp; *see* <https://a.example|a>",
}
CODE = {"text": "try\n```df -h &gt; out\n*not bold*```\nor `a &lt; b`"}
TOPIC = {"subtype": "channel_topic", "text": "<@{ann}> set the channel topic: disks", "topic": "disks"}
ASKED_BY_APP = app("pager", text="{bot} who is on duty?")
GUEST = {"text": "hello from elsewhere", "user_team": "T0OTHER", "source_team": "T0OTHER"}
SOUND = clip("F0SOUND", "slack_audio", "please book the room for Friday")
MOVIE = clip("F0MOVIE", "slack_video", "and here you see it fail")
CANVAS = file("F0CANVAS", "Plan", "application/vnd.slack-docs", filetype="quip", mode="quip")
STUB = {
    "id": "F0STUB",
    "mode": "file_access",
    "file_access": "check_file_info",
    "created": 0,
    "timestamp": 0,
    "user": "",
}
DRIVE = {
    "id": "F0DRIVE",
    "name": "Budget",
    "title": "Budget",
    "mimetype": "application/vnd.google-apps.spreadsheet",
    "mode": "external",
    "is_external": True,
    "external_type": "gdrive",
    "url_private": "https://docs.example/budget",
    "permalink": "https://example.slack.com/files/F0DRIVE",
}
MAIL = file(
    "F0MAIL",
    "Invoice_overdue",
    "text/html",
    filetype="email",
    mode="email",
    subject="Invoice overdue",
    plain_text="Dear team, please pay.",
    preview="<p>Dear team, please pay.</p>",
    **{
        "from": [{"address": "clerk@shop.example", "name": "Clerk", "original": "Clerk <clerk@shop.example>"}]
    },
)
SNIPPET = file(
    "F0SNIP", "fix.py", "text/plain", mode="snippet", filetype="python", preview="print(1)", lines=1
)
GONE = {"id": "F0GONE", "mode": "tombstone"}
HIDDEN = {"id": "F0HIDDEN", "mode": "hidden_by_limit"}
CONTENTS: dict[str, tuple[bytes, str]] = {
    "F0FWD": (b"exit code 7\n", "text/plain"),
    "F0SOUND": (b"\0\0\0\x18ftypM4A \0\0\0\0" + b"sound" * 5, "audio/mp4"),
    "F0MOVIE": (b"\0\0\0\x18ftypmp42\0\0\0\0" + b"movie" * 5, "video/mp4"),
    "F0CANVAS": (
        b"<!DOCTYPE html><html><body><h1>Plan</h1><p>Ship on <b>Friday</b></p></body></html>",
        "text/html",
    ),
    "F0MAIL": (b"<html><body><p>Dear team, please pay.</p></body></html>", "text/html"),
    "F0SNIP": (b"print(1)\n", "text/plain"),
    "F0EMPTY": (b"", "text/csv"),
}
