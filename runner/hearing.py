"""Voice messages: what is said in them, before the agent is asked (`[voice] command`).

Where the platform has no words for one, the operator's program writes them down: here in the container, never on the host, for
the sound is a stranger's. What it said is recorded before anybody reads it, under the file's path, so that another try, a turn
that is taken up again and a redelivery find it there. Where a crash cuts in:

    before its beginning commits    as if nothing had happened
    while the program runs          it is run again, `MOST_BEGUN` times at most: it may be what ends its runner
    after its words committed       it is not run again
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from runner import program, turn
from runner.formatter import PromptMessage
from runner.outbound import OutboundWriter
from runner.settings import Settings
from runner.tools.kit import CONTAINER
from runner.turn import Turn
from sessiondb import content
from sessiondb.contract import HEARD
from sessiondb.errors import Unavailable
from sessiondb.signals import Progress

log = logging.getLogger(__name__)

MOST_CLIPS = 8  # of one turn
MOST_BEGUN = 3  # runs of the program over one file
LOOK_EVERY = 0.5  # s between two looks whether people have ended the turn meanwhile
LONGEST_WORDS = 60_000  # characters
DEAF = "nothing here writes voice messages down"


class Hearing:
    """`ends`: whether people have ended a turn; `ring` tells the host to look."""

    def __init__(
        self,
        settings: Settings,
        outbound: OutboundWriter,
        ends: Callable[[Turn], bool],
        ring: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._outbound = outbound
        self._ends = ends
        self._ring = ring
        self._left = MOST_CLIPS
        self._aside: asyncio.Task[None] | None = None
        self._aside_of = ""  # the path of what is listened to there

    async def hear(self, begun: Turn) -> None:
        """Puts the words of its voice messages into the turn; of those without words, why there are none."""
        shown = set(turn.ids_of_steps(begun.resumed))
        self._left = MOST_CLIPS
        for number, message in enumerate(begun.messages):
            for clip in self._sounds(message):
                # What a turn that is taken up again has told its model already stays as it was.
                if message.id not in shown and self._left and self._waits(clip):
                    self._left -= 1
                    self._show(begun)
                    await self._unless_ended(begun, self._listening(clip))
            begun.messages[number] = self.known(message)

    # ── beside a turn ────────────────────────────────────────────────────────────────────────────────────

    @property
    def aside(self) -> asyncio.Task[None] | None:
        """What listens while a turn runs, until it is done."""
        return self._aside if self._aside is not None and not self._aside.done() else None

    def holds(self, message: PromptMessage) -> bool:
        """Whether a message that came while a turn runs is still to be listened to, which begins with that. What the turn has no
        room for stays so: the next turn hears it."""
        clip = next(filter(self._waits, self._sounds(message)), None)
        if clip is None:
            return False
        if self.aside is None and self._left:
            self._left -= 1
            self._aside, self._aside_of = self._listening(clip), clip.path
        return True

    def known(self, message: PromptMessage) -> PromptMessage:
        """The message with the words that are known of it, or why they are not."""
        for clip in self._sounds(message):
            message = _with(message, clip, *self._recorded(clip))
        return message

    async def close(self) -> None:
        if (task := self.aside) is not None:
            task.cancel()
            await asyncio.wait({task})

    # ── one sound ────────────────────────────────────────────────────────────────────────────────────────

    def _sounds(self, message: PromptMessage) -> list[content.Attachment]:
        """What is to be written down of it: voice messages, and what else it brings to be heard, where a program listens."""
        listens = bool(self._settings.voice.command)
        return [
            file for file in turn.untold(message.content) if file.voice or (listens and turn.is_sound(file))
        ]

    def _waits(self, clip: content.Attachment) -> bool:
        """Whether it is still to be listened to, or just now is."""
        if self.aside is not None and self._aside_of == clip.path:
            return True
        kept = self._kept(clip)
        return "words" not in kept and kept.get("begun", 0) < MOST_BEGUN and not self._refusal(clip)

    def _recorded(self, clip: content.Attachment) -> tuple[str, str]:
        """Its words, or why there are none."""
        kept = self._kept(clip)
        if "words" in kept:
            return str(kept["words"]), "" if kept["words"] else "no words were found in it"
        return "", str(kept.get("failed") or self._refusal(clip) or "it was not listened to")

    def _listening(self, clip: content.Attachment) -> asyncio.Task[None]:
        if self._aside is not None and self._aside_of == clip.path and not self._aside.done():
            return self._aside
        return asyncio.create_task(self._listen(clip), name="hearing")

    async def _listen(self, clip: content.Attachment) -> None:
        """Its end is on disk when it returns."""
        voice, tried = self._settings.voice, int(self._kept(clip).get("begun", 0)) + 1
        self._keep(clip, {"begun": tried, "failed": "the program that writes it down did not come to an end"})
        command = (*voice.command, str(self._settings.folder.inbound_files / clip.path))
        try:
            ended = await program.run(command, self._settings.workspace, limit=voice.timeout)
        except program.ProgramError as error:
            log.warning("The voice message %s was not written down: the program %s", clip.path, error)
            self._keep(clip, {"begun": tried, "failed": "the program that writes it down was stopped"})
            return
        if ended.code:
            said = (ended.errors.strip() or ended.out.strip()).splitlines()[-1:]
            log.warning(
                "The voice message %s was not written down: status %d %s", clip.path, ended.code, said
            )
            self._keep(clip, {"begun": tried, "failed": "the program that writes it down failed"})
        else:
            self._keep(clip, {"words": ended.out.strip()[:LONGEST_WORDS]})

    async def _unless_ended(self, begun: Turn, listening: asyncio.Task[None]) -> None:
        """Where people end the turn first the program is gone."""
        try:
            while not listening.done():
                await asyncio.wait({listening}, timeout=LOOK_EVERY)
                if not listening.done() and self._is_ended(begun):
                    return
            listening.result()
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    def _is_ended(self, begun: Turn) -> bool:
        try:
            return self._ends(begun)
        except Unavailable:  # the host is at it: the next look comes soon
            return False

    def _refusal(self, clip: content.Attachment) -> str:
        """Why no program is run for it."""
        voice = self._settings.voice
        if not voice.command:
            return DEAF
        if self._settings.folder.root != CONTAINER:
            return "the program that writes voice messages down runs only in containers"
        return f"it has more than {voice.largest:,} bytes" if clip.bytes > voice.largest else ""

    def _show(self, begun: Turn) -> None:
        """To people what goes on, and to the host that something does."""
        self._outbound.phase("working")
        told = Progress(self._settings.incarnation, begun.answers, "listening to the voice message…", "")
        try:
            told.write(self._settings.folder.progress)
        except OSError as error:  # as `showing` has it
            log.debug("Progress not written: %s", error.strerror)
        self._ring()

    def _kept(self, clip: content.Attachment) -> dict[str, Any]:
        kept = json.loads(self._outbound.state(HEARD + clip.path) or "{}")
        return kept if isinstance(kept, dict) else {}

    def _keep(self, clip: content.Attachment, what: dict[str, Any]) -> None:
        self._outbound.set_state(HEARD + clip.path, json.dumps(what))


def _with(message: PromptMessage, clip: content.Attachment, words: str, why: str) -> PromptMessage:
    body = message.content
    if why or not isinstance(
        body, content.Chat
    ):  # a file that is no message of its own is a file all the same
        return replace(message, unheard=message.unheard or why) if clip.voice else message
    part = content.Part("transcript", words, title=clip.name)
    return replace(message, content=replace(body, parts=(*body.parts, part)))
