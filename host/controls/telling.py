"""What people are answered, in the language of the place they ask from and without secrets: the controls as bots have them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from host.controls.service import Service
from host.governance.languages import Languages
from host.ports.commands import Grammar
from host.ports.controls import (
    CallShown,
    ChannelRules,
    Forbidden,
    Judged,
    Later,
    Offer,
    Overview,
    Spent,
    Story,
    Suggestion,
    TaskList,
    TaskOrder,
)
from host.ports.events import Viewer
from host.ports.whole import border
from host.words import told
from sessiondb.records import Address

T = TypeVar("T")


@contextmanager
def telling(language: str, shown: Callable[[str], str]) -> Iterator[None]:
    """A refusal goes on in the language."""
    try:
        yield
    except Forbidden as error:
        error.args = tuple(shown(told(one, language)) for one in error.args)
        raise


@border
class Telling:
    """The `host.ports.controls.Controls` of a running host over its `Service`."""

    def __init__(self, service: Service, languages: Languages) -> None:
        self._service = service
        self._languages = languages

    async def language(self, viewer: Viewer) -> str:
        return await self._languages.of_viewer(viewer)

    async def _told(self, viewer: Viewer, asked: Awaitable[T]) -> T:
        language = await self.language(viewer)
        with telling(language, self._service.shown):
            return self._service.shown(told(await asked, language))

    @property
    def grammar(self) -> Grammar:
        return self._service.grammar

    async def help(self, viewer: Viewer) -> str:
        return await self._told(viewer, self._service.help(viewer))

    async def suggestions(self, place: Address) -> Sequence[Suggestion]:
        return told(await self._service.greeting.suggestions(place), await self._languages.of(place))

    async def overview(self, viewer: Viewer) -> Overview:
        return await self._told(viewer, self._service.overview(await self._service.zoned(viewer)))

    async def tasks(self, viewer: Viewer) -> TaskList:
        return await self._told(viewer, self._service.tasks(await self._service.zoned(viewer)))

    async def order(self, viewer: Viewer, task_id: str, order: TaskOrder) -> str:
        return await self._told(viewer, self._service.order(viewer, task_id, order))

    async def stop(self, viewer: Viewer, session_id: str) -> str:
        return await self._told(viewer, self._service.stop(viewer, session_id))

    async def usage(self, viewer: Viewer) -> Spent:
        return await self._told(viewer, self._service.usage(viewer))

    async def why(self, viewer: Viewer, message: str) -> Story:
        return await self._told(viewer, self._service.why(viewer, message))

    async def call(self, viewer: Viewer, question: str) -> CallShown:
        """Masked as its agent is."""
        language = await self.language(viewer)
        with telling(language, self._service.shown):
            return told(await self._service.call(viewer, question), language)

    async def grants(self, viewer: Viewer, text: str) -> str:
        return await self._told(viewer, self._service.grants(viewer, text))

    async def judge(self, viewer: Viewer, said: Judged) -> str:
        return await self._told(viewer, self._service.judge(viewer, said))

    async def models_for(self, answer: str) -> Sequence[str]:
        return await self._service.models_for(answer)

    async def again(self, viewer: Viewer, answer: str, model: str = "") -> str:
        return await self._told(viewer, self._service.again(viewer, answer, model))

    async def again_here(self, viewer: Viewer, model: str) -> str:
        return await self._told(viewer, self._service.again_here(viewer, model))

    async def hand_over(self, viewer: Viewer, text: str) -> str:
        return await self._told(viewer, self._service.hand_over(viewer, text))

    async def memory(self, viewer: Viewer, text: str) -> str:
        return await self._told(viewer, self._service.memory(viewer, text))

    async def offer(self, viewer: Viewer, wanted: Later) -> Offer:
        return await self._told(viewer, self._service.offer(await self._service.zoned(viewer), wanted))

    def is_owner(self, viewer: Viewer) -> bool:
        return self._service.is_owner(viewer)

    def agents(self) -> Sequence[str]:
        return self._service.agents()

    def models(self) -> Sequence[str]:
        return self._service.models()

    async def rules(self, viewer: Viewer) -> ChannelRules:
        """As it is, instructions too: an owner is shown them to change them."""
        with telling(await self.language(viewer), self._service.shown):
            return await self._service.rules(viewer)

    async def tools(self, viewer: Viewer) -> Sequence[str]:
        with telling(await self.language(viewer), self._service.shown):
            return await self._service.tools(viewer)

    async def configure(self, viewer: Viewer, text: str) -> str:
        return await self._told(viewer, self._service.configure(viewer, text))

    async def set_rules(self, viewer: Viewer, rules: ChannelRules) -> str:
        """In the language that holds once it is set."""
        language = await self.language(viewer)
        with telling(language, self._service.shown):
            done = await self._service.set_rules(viewer, rules)
        return self._service.shown(told(done, await self.language(viewer)))

    async def revert(self, viewer: Viewer, channel: Address, number: int) -> str:
        return await self._told(viewer, self._service.revert(viewer, channel, number))

    async def decide(self, viewer: Viewer, request: str, choice: str) -> str:
        return await self._told(viewer, self._service.decide(viewer, request, choice))
