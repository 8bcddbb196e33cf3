"""The whole fake, as tests hold it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from . import previews
from .acts import Acts
from .core import Call
from .delivery import Delivery
from .gestures import Gestures
from .http_mode import HttpMode
from .organisations import Organisation
from .records import Channel, Ephemeral, Message, User
from .server import Server
from .sockets import Socket

T = TypeVar("T")


class FakeSlack(Acts, Gestures):
    """A Slack on loopback for the unmodified SDK.

    `async with FakeSlack() as slack`, then `AsyncWebClient(slack.bot_token, base_url=slack.api_url)` and
    `AsyncSocketModeHandler(app, slack.app_token)`. `ack_timeout` and `retry_delays` are seconds; the
    documented values are the default, and tests that wait for a retry give short ones. `now` is the clock of
    rate limits, trigger ids and streams.
    """

    def __init__(
        self,
        *,
        ack_timeout: float = 3.0,
        retry_delays: tuple[float, ...] = (0.0, 60.0, 300.0),
        now: Callable[[], float] = time.monotonic,
        beside: FakeSlack | None = None,
    ) -> None:
        super().__init__(now, beside)
        self._http: HttpMode | None = None
        self._server: Server
        if beside is not None:
            self._server = beside._server
            return
        self.courier.ack_timeout = ack_timeout
        self.courier.retry_delays = retry_delays
        self._server = Server(self)

    async def __aenter__(self) -> Self:
        self.origin = await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.courier.close()
        if self._http is not None:
            await self._http.close()
        await self._server.stop()

    @property
    def api_url(self) -> str:
        return f"{self.origin}/api/"

    def add_workspace(self, name: str) -> FakeSlack:
        """Another on the same server, with the same ids for its people, channels and messages."""
        found = FakeSlack(now=self.now, beside=self)
        found.workspace.name, found.workspace.domain = name, name.lower()
        return found

    def add_to_organisation(self, name: str, organisation: Organisation) -> FakeSlack:
        """One more workspace, of an organisation: without the app, until that is granted."""
        found = self.add_workspace(name)
        first = next((core for core in self.cores if core.organisation is organisation), None)
        found.workspace.join_organisation(organisation.id, None if first is None else first.workspace)
        found.organisation, found.bot_token = organisation, "xoxb-fake-nobody"
        return found

    def uninstall(self, *, revoked: bool = False) -> None:
        """The app is removed here, or its token alone revoked: Slack tells of the token, and maybe first, of the app as well."""
        self.refuses = "token_revoked" if revoked else "account_inactive"
        if not revoked:
            self.events.gone("app_uninstalled")
        self.events.gone("tokens_revoked", tokens={"bot": [self.bot_user_id]})

    # Who and what there is.

    def add_user(
        self,
        name: str,
        *,
        tz: str = "Europe/Berlin",
        locale: str = "en-US",
        external: bool = False,
        guest: str = "",
        is_bot: bool = False,
    ) -> User:
        """`guest` is "multi" or "single", of channels."""
        return self.workspace.add_user(
            name, tz=tz, locale=locale, external=external, guest=guest, is_bot=is_bot
        )

    def add_channel(
        self, name: str, *, private: bool = False, members: Iterable[User | str] = (), with_bot: bool = True
    ) -> Channel:
        """The bot is a member unless told otherwise."""
        people = [self.user_of(member).id for member in members]
        bot = [self.bot_user_id] if with_bot else []
        return self.workspace.add_channel(name, "group" if private else "channel", [*people, *bot])

    def add_usergroup(self, *members: User | str) -> str:
        """Its id ("usergroups.create")."""
        group = self.workspace.ids.mint("S")
        self.workspace.usergroups[group] = [self.user_of(member).id for member in members]
        return group

    def open_dm(self, *users: User | str) -> Channel:
        """The bot's IM with one person, or the MPIM with several."""
        return self.workspace.direct(self.user_of(user).id for user in users)

    # How the app is reached.

    @property
    def sockets(self) -> list[Socket]:
        """The app's open sockets, oldest first."""
        return list(self.socket_mode.sockets)

    async def use_http(self, url: str) -> None:
        """From now on signed requests go to `url`; raises ChallengeError if it does not verify."""
        http = HttpMode(url, self.signing_secret, self.courier, self._server.spawn)
        self._http = http
        await http.verify()
        self.courier.transport = http

    # What can be seen.

    def messages(self, channel: Channel | str, thread_ts: str | None = None) -> list[Message]:
        """A thread with its root, or what the channel itself shows; oldest first."""
        place = self.channel_of(channel)
        if thread_ts is not None:
            return place.thread(thread_ts)
        return [message for message in place.messages.values() if message.in_history]

    def ephemerals(self, user: User | str) -> list[Ephemeral]:
        return [each for each in self.workspace.ephemerals if each.user == self.user_of(user).id]

    def calls(self, method: str | None = None) -> list[Call]:
        """Requests to the Web API in order of arrival, refused and unknown ones included."""
        return [call for call in self.recorded if method in (None, call.method)]

    @property
    def fetches(self) -> list[str]:
        """The addresses that were fetched for previews of what the app said."""
        calls = [call for call in self.recorded if call.method in previews.SAYING]
        found = [address for call in calls for address in previews.fetched(call.args, _parsed(call.args))]
        streams = [message.text for message in self.workspace.all_messages() if message.stream is not None]
        answers = [delivery.response for delivery in self.deliveries()]  # to commands and clicks
        return [*found, *previews.fetched({}, [*streams, *answers, *self.interactions.responded])]

    def deliveries(self, event_type: str | None = None) -> list[Delivery]:
        """Everything sent to the app: events by type, interactions by theirs, commands by name."""
        return [each for each in self.courier.deliveries if event_type in (None, each.event_type)]

    async def wait_for(self, predicate: Callable[[Message], bool], timeout: float = 10.0) -> Message:
        """The first message, anywhere, of which it is true; TimeoutError otherwise."""

        def look() -> Message | None:
            return next((message for message in self.workspace.all_messages() if predicate(message)), None)

        found = await self.changes.until(look, timeout)
        assert found is not None
        return found

    async def wait_until(self, look: Callable[[], T], timeout: float = 10.0) -> T:
        """The first truthy value of `look`, called again after every change; TimeoutError otherwise."""
        return await self.changes.until(look, timeout)

    async def connected(self, sockets: int = 1, timeout: float = 20.0) -> None:
        """Waits until the app has exactly this many sockets that take events."""
        await self.changes.until(lambda: len([s for s in self.sockets if not s.draining]) == sockets, timeout)


def _parsed(arguments: dict[str, Any]) -> dict[str, Any]:
    """With what is sent as JSON in a form."""
    return {
        name: json.loads(value)
        if name in ("blocks", "chunks", "attachments") and isinstance(value, str)
        else value
        for name, value in arguments.items()
    }
