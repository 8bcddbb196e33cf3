"""Budgets: money is set aside durably before a call and accounted for after it, so that no crash makes a call free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from host.config.settings import Settings
from host.gateway import limits
from host.gateway.limits import Whose
from host.gateway.prices import Usage
from host.governance import access, requests
from host.governance.requests import Shortage
from host.registry import notices
from host.registry.holding import Place
from host.registry.notices import Notice
from host.registry.port import Registry, Statements
from host.registry.sessions import room, scope_name
from host.words import dollars, say
from sessiondb.records import Address

HOUR = 3_600_000  # ms


class OverBudget(Exception):
    """The text is one line for people. `told`: the host itself says it, to this person once an hour."""

    def __init__(self, shortage: Shortage, *, asked: bool = False, told: bool = False) -> None:
        text = say(
            "the budget of {whose} ({limit}) does not allow another request",
            whose=shortage.words,
            limit=dollars(shortage.limit),
        )
        if asked:
            text = say("{refused}; an owner has been asked for more", refused=text)
        super().__init__(text)
        self.text = text
        self.shortage = shortage
        self.told = told


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks for which model, and what it may cost at most (millionths of a dollar). `place` and `answers` are of the
    message that it is for, None and '' where that is not known."""

    session_id: str
    agent: str
    user_id: str
    task_id: str
    model: str
    cost: int
    place: Address | None = None
    answers: str = ""  # platform id
    message_id: str = ""  # of the message that it is for

    @property
    def whose(self) -> Whose:
        return Whose(self.agent, self.session_id, self.user_id, self.task_id)


class Budgets:
    """`say` is called when owners have been asked for more."""

    def __init__(
        self, settings: Settings, db: Registry, now: Callable[[], int], say: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._db = db
        self._now = now
        self._zone = ZoneInfo(settings.config.host.zone)
        self._say = say

    async def charge_unsettled(self) -> int:
        """At boot: calls of an earlier life whose end nobody saw count as made. Returns how many."""
        self._db.holding.when_taken.append(_charge_at)
        return await self._db.write(_charge_all)

    async def reserve(self, call: Call) -> int:
        """Returns the reservation's id. Raises `OverBudget`."""
        now = self._now()
        day = self._day(now)

        def job(connection: Statements) -> int:
            self._check(connection, call, day)
            row = connection.execute(
                "INSERT INTO reservations (session_id, agent, user_id, task_id, model, day, made_at, cost,"
                " message_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (
                    call.session_id,
                    call.agent,
                    call.user_id,
                    call.task_id,
                    call.model,
                    day,
                    now,
                    call.cost,
                    call.message_id,
                ),
            ).fetchone()
            return int(row[0])  # type: ignore[index]  # RETURNING yields a row

        try:
            return await self._db.write(job)
        except OverBudget as over:
            shortage = over.shortage
        # Apart from the check, whose transaction is undone. A crash in between asks at the next request.
        refusal = await self._db.write(lambda connection: self._told(connection, call, shortage))
        self._say()
        raise refusal

    def _told(self, connection: Statements, call: Call, shortage: Shortage) -> OverBudget:
        """Owners are asked, and the person hears of it: one line an hour, however many messages and conversations."""
        asked = self._ask_owners(connection, call, shortage)
        if call.place is None or not call.user_id or call.task_id:
            return OverBudget(shortage, asked=asked)
        over, now = OverBudget(shortage, asked=asked, told=True), self._now()
        who = f"{access.person(call.place, call.user_id)}:{now // HOUR}"
        told = Notice(
            f"over-budget:{who}",
            call.place,
            say("⚠️ I cannot go on: {reason}.", reason=over.text),
            answers=call.answers,
        )
        notices.add(connection, told, now)
        return over

    def _ask_owners(self, connection: Statements, call: Call, shortage: Shortage) -> bool:
        row = connection.execute(
            "SELECT scope, channel_type, workspace_id, platform_id, thread_id FROM sessions WHERE id = ?",
            (call.session_id,),
        ).fetchone()
        if row is None:
            return False
        address = room(Address(*map(str, row[1:])))
        place = address if str(row[0]) == scope_name("public", address, "") else None
        return requests.ask_raise(
            connection, self._settings.config.access, shortage, address, place, self._now()
        )

    async def settle(self, reservation: int, usage: Usage, cost: int, *, estimated: bool) -> None:
        """Replaces the reservation by what the call did cost. Once: a second settlement changes nothing."""

        def job(connection: Statements) -> None:
            _charge(connection, reservation, usage, cost, estimated)

        await self._db.write(job)

    async def release(self, reservation: int) -> None:
        """The call was not made, or the API refused it: nothing is to be paid."""

        def job(connection: Statements) -> None:
            connection.execute("DELETE FROM reservations WHERE id = ?", (reservation,))

        await self._db.write(job)

    async def charge_in_full(self, reservation: int) -> None:
        """The call may have been made, and what it cost will never be known."""
        await self._db.write(lambda connection: _charge(connection, reservation, Usage(), None, True))

    def _check(self, connection: Statements, call: Call, day: int) -> None:
        """Raises `OverBudget` for the first limit that the call would pass."""
        for limit in limits.of_call(connection, self._settings.config, call.whose, day):
            beyond = limits.used(connection, limit, day) + call.cost - limit.most
            if beyond > 0:
                words = limits.told(connection, self._settings.config, limit)
                raise OverBudget(Shortage(limit.budget, limit.since, words, limit.most, beyond))

    def _day(self, at: int) -> int:
        return day_of(at, self._zone)


def day_of(at: int, zone: ZoneInfo) -> int:
    """The day of a moment (ms UTC) as a number: 20261231."""
    local = datetime.fromtimestamp(at / 1000, zone)
    return local.year * 10_000 + local.month * 100 + local.day


_LEFT = "SELECT id FROM reservations WHERE EXISTS (SELECT 1 FROM sessions_here WHERE sessions_here.id = reservations.session_id)"


def _charge_all(connection: Statements) -> int:
    left = connection.execute(_LEFT).fetchall()
    for (reservation,) in left:
        _charge(connection, int(str(reservation)), Usage(), None, True)
    return len(left)


def _charge_at(connection: Statements, place: Place) -> None:
    """Those of the node that held it before."""
    for (reservation,) in connection.execute(_LEFT_AT, place).fetchall():
        _charge(connection, int(str(reservation)), Usage(), None, True)


_LEFT_AT = (
    "SELECT reservations.id FROM reservations JOIN sessions ON sessions.id = session_id"
    " WHERE sessions.channel_type = ? AND sessions.workspace_id = ? AND sessions.platform_id = ?"
)


def _charge(
    connection: Statements, reservation: int, usage: Usage, cost: int | None, estimated: bool
) -> None:
    """`cost` None is what had been set aside."""
    row = connection.execute(
        "DELETE FROM reservations WHERE id = ?"
        " RETURNING id, session_id, agent, user_id, task_id, model, day, made_at, message_id, cost",
        (reservation,),
    ).fetchone()
    if row is None:
        return
    *columns, message_id, set_aside = row
    charged = set_aside if cost is None else cost
    counts = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_write_tokens,
        usage.cache_read_tokens,
        usage.web_searches,
    )
    connection.execute(
        "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*columns, *counts, charged, int(estimated), message_id),
    )
    connection.execute(
        "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (agent, day) DO UPDATE SET cost = spent.cost + excluded.cost",
        (columns[2], columns[6], charged),
    )
    limits.charge(connection, Whose(columns[2], columns[1], columns[3], columns[4]), columns[6], charged)
    connection.execute(
        "INSERT INTO spent_by_session SELECT id, ?, agent, scope, channel_type, workspace_id, platform_id, ?, ?"
        " FROM sessions WHERE id = ?"
        " ON CONFLICT (session_id, day) DO UPDATE SET cost = spent_by_session.cost + excluded.cost,"
        " tokens = spent_by_session.tokens + excluded.tokens, scope = excluded.scope",
        (columns[6], charged, sum(counts[:4]), columns[1]),
    )
