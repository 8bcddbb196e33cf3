"""Files that people attach reach the agent, and never hold a message back (LESSONS 49)."""

from __future__ import annotations

from pathlib import Path

import apsw

from host.intake.incoming import LARGEST
from sessiondb import content
from tests.fakes.discord import Fault, Message, Upload
from tests.support.town import Town

CDN = "GET /attachments/{channel}/{attachment}/{filename}"


def taken(town: Town, question: Message) -> tuple[content.Chat, Path]:
    """The message as the agent gets it, and the folder its files' paths start from."""
    for database in (town.folder / "data" / "sessions").glob("*/inbound/inbound.db"):
        connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(10_000)  # the host may be writing
        sql = "SELECT content FROM messages_in WHERE platform_message_id = ?"
        rows = connection.execute(sql, (str(question.id),)).fetchall()
        connection.close()
        if rows:
            chat = content.decode_inbound(str(rows[0][0]))
            assert isinstance(chat, content.Chat)
            return chat, database.parent / "files"
    raise LookupError(question)


async def ask(town: Town, *files: Upload) -> Message:
    question = town.discord.say(town.ada, town.channel, "look", attachments=files, mention_bot=True)
    await town.answered(question)
    return question


async def test_a_file_reaches_the_agent_under_a_harmless_name(town: Town) -> None:
    await town.up()
    chat, files = taken(town, await ask(town, Upload(".bash rc$.csv", b"x,y\n", "text/csv")))
    [attachment] = chat.attachments
    assert (attachment.media_type, attachment.bytes) == ("text/csv", 4)
    assert (files / attachment.path).read_bytes() == b"x,y\n"
    assert Path(attachment.path).name == "0-bash rc_.csv"


async def test_a_file_that_is_gone_becomes_a_note_and_the_message_is_answered(town: Town) -> None:
    await town.up()
    town.discord.settings.attachment_lifetime = -1.0
    chat, _ = taken(town, await ask(town, Upload("gone.txt", b"x")))
    assert chat.attachments == ()
    [note] = [part for part in chat.parts if part.kind == "file"]
    assert (note.title, note.text) == ("gone.txt", "could not be fetched: Discord no longer has it")


async def test_a_download_that_breaks_is_tried_again(town: Town) -> None:
    await town.up()
    town.discord.faults.next(CDN, Fault.dropped(), Fault.unavailable())
    chat, files = taken(town, await ask(town, Upload("late.txt", b"late")))
    [attachment] = chat.attachments
    assert (files / attachment.path).read_bytes() == b"late"


async def test_a_file_beyond_the_limit_is_not_downloaded(town: Town) -> None:
    town.guild.upload_limit = 60 * 1024 * 1024
    await town.up()
    chat, _ = taken(town, await ask(town, Upload("big.bin", bytes(LARGEST + 1))))
    [note] = [part for part in chat.parts if part.kind == "file"]
    assert note.title == "big.bin"
    assert note.text.startswith("could not be fetched: more than")
    assert town.discord.calls(CDN) == []
