"""Live messages: one for each address at which a long turn is under way, and none that outlives its turn (law 6)."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from host.governance.languages import Languages
from host.live.message import LiveMessage
from host.mailbox.open import Records
from host.ports.bot import Bots, shows_live
from host.registry.sessions import Session
from host.runners.lives import Lives
from sessiondb import Address, MessageIn, SessionError
from sessiondb.signals import Progress

log = logging.getLogger(__name__)

CLOSE_WITHIN = 5.0  # s for taking down what is shown when the host stops; the next life finds the rest


class LiveMessages:
    """`lives`: claims of a runner that does not live are no work."""

    def __init__(
        self,
        records: Records,
        bots: Bots,
        now: Callable[[], int],
        lives: Lives,
        languages: Languages,
    ) -> None:
        self._languages = languages
        self._records = records
        self._mailboxes = records.mailboxes
        self._bots = bots
        self._now = now
        self._lives = lives
        self._shown: dict[tuple[str, Address], LiveMessage] = {}
        self._tasks: dict[tuple[str, Address], asyncio.Task[None]] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._loaded: dict[
            str, int
        ] = {}  # sessions of which this process knows what is left, by their file's making

    def claimed(self, session: Session, messages: Sequence[MessageIn]) -> None:
        """The pending messages that the session's runner has claimed, by its file."""
        here: defaultdict[Address, list[MessageIn]] = defaultdict(list)
        for message in messages:
            here[message.address].append(message)
        for key, shown in list(self._shown.items()):
            if key[0] == session.id and key[1] not in here:
                shown.claimed(())
        for address, found in here.items():
            if shows_live(self._bots.get(address.channel_type)):
                self._at(session, address).claimed(found)

    def news(self, session: Session, address: Address, progress: Progress) -> None:
        """What people may see of the turn under way there."""
        shown = self._shown.get((session.id, address))
        if shown is not None:
            shown.news(progress)

    def look(self, session: Session) -> None:
        """Something may have changed: a message was settled, an answer arrived, a runner ended."""
        for (session_id, _), shown in list(self._shown.items()):
            if session_id == session.id:
                shown.look()
        if not self._knows(session) and session.id not in self._loading:
            task = asyncio.create_task(self._load(session), name=f"live:{session.id}")
            self._loading[session.id] = task
            task.add_done_callback(lambda _: self._loading.pop(session.id, None))

    def is_at(self, session: Session) -> bool:
        """Whether something of it is shown, or looked for."""
        return session.id in self._loading or any(id_ == session.id for id_, _ in self._shown)

    def let_go(self, session: Session) -> None:
        """Another node may go on with it."""
        self._loaded.pop(session.id, None)

    async def stop(self) -> None:
        """Takes down what is shown, as far as the platforms do so soon."""
        for shown in self._shown.values():
            shown.close()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=CLOSE_WITHIN)
        await self.close()

    async def close(self) -> None:
        tasks = [*self._loading.values(), *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _knows(self, session: Session) -> bool:
        return self._loaded.get(session.id) == session.made

    async def _load(self, session: Session) -> None:
        made = session.made
        try:
            rows = await self._mailboxes.use(session, lambda writer: writer.open_live())
        except SessionError as error:
            log.debug("No look at live messages: %s", error)
            return
        for row in rows:
            self._at(session, row.address)
        self._loaded[session.id] = made  # from here on whatever is shown there is known

    def _at(self, session: Session, address: Address) -> LiveMessage:
        key = (session.id, address)
        shown = self._shown.get(key)
        if shown is None:
            bot = self._bots.get(address.channel_type)
            shown = LiveMessage(
                session,
                address,
                bot,
                self._records,
                self._now,
                self._lives.has,
                self._languages,
                clean=self._knows(session),
            )
            self._shown[key] = shown
            self._tasks[key] = asyncio.create_task(self._run(key, shown), name=f"live:{session.id}")
        return shown

    async def _run(self, key: tuple[str, Address], shown: LiveMessage) -> None:
        try:
            await shown.run()
        except Exception:  # one that breaks takes nothing else down; its row is found at the next start
            log.exception("A live message broke", extra={"action": "live_broke", "session": key[0]})
        finally:  # at once: whatever is heard from now on is for another
            del self._shown[key], self._tasks[key]
