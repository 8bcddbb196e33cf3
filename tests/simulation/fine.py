"""In fine weather, when everybody rests: a question at each place, and another as soon as it is answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from tests.simulation.load import PLACES, Said
from tests.simulation.outcome import Law

if TYPE_CHECKING:
    from tests.simulation.world import World

# What an answer of a runner that lives must take, for each step is what the next may rest on after a crash: host.db has the
# question, inbound.db has it, outbound.db says that it is claimed, outbound.db has the answer and its acknowledgement,
# inbound.db has the intent to send it. So each side commits once to take something over and once to pass it on.
OF_THE_RUNNER = 2
OF_THE_HOST = (
    2 + 2
)  # of inbound.db; and the receipt and the outcome of what was said there just before. Where syncs take time
# a live message is opened, too, whose commits come beside these.
SYNCS_WARM = (
    14  # one commit of host.db, which is a sync, and four others of three each; one is kept for the receipt
)
SYNCS_COLD = (
    14 + 15
)  # the assignment, the runner's file and its first words; where nobody was before, a folder
LOOKED = 0.25  # s until a runner that is begun looks
POSTED = 0.2  # s that the platform takes
LOOKS = 2  # who has looked for something so long looks next after as long again
REST = 1.0  # s for everything else
LONGEST = 200.0  # s
BRIEF = 10  # s
SETTLE = 90.0  # s until what was asked last is over, and who answered it has gone


async def ask_everybody(world: World) -> None:
    world.disk.restless = world.engine.busy = 0.0
    for channel, thread in PLACES:
        for warm in (False, True) if thread or channel == "D1" else (False,):
            said = world.people.asks(channel, thread)
            before, runners = world.commits.copy(), len(world.engine.runners)
            took = await _answered(world, said)
            warm = warm and _lived(world, runners)
            if warm:
                _count(world, said, world.commits - before)
            most = _allowed(world, warm=warm)
            world.say(f"answered after {took:.2f} s of {most:.2f}")
            if took > most and not await world.is_held(said.event.message_id):
                how = "a runner that lives" if warm else "one that is started for it"
                world.violated(
                    Law.TIME, f"message {said.number} waited {took:.2f} s for {how}, {most:.2f} s are enough"
                )
    await _ask_the_dying(world)


def _count(world: World, said: Said, commits: Counter[tuple[str, str]]) -> None:
    """No side commits more often for an answer than it must."""
    for (kind, path), count in commits.items():
        most = {"inbound.db": OF_THE_HOST, "outbound.db": OF_THE_RUNNER}.get(path.rpartition("/")[2], count)
        if count > most and (kind == "runner" or (kind == "host" and not _shows(world))):
            world.violated(
                Law.TIME, f"message {said.number} took {count} commits of a {kind} to {path[-40:]}"
            )


def _lived(world: World, runners: int) -> bool:
    """Whether one that lived could answer: where they go soon, it may have been on its way out."""
    return len(world.engine.runners) == runners or world.config.runner.idle_exit >= BRIEF


def _shows(world: World) -> bool:
    return world.disk.sync_takes > 0 or world.open_after < REST


async def _ask_the_dying(world: World) -> None:
    """A runner that ends with its answer: what it said waits for no other one, and for no sweep."""
    before = world.commits.copy()
    await _answered(world, world.people.asks("D1", ""))  # it has looked lately, so that it looks soon
    world.last_words, runners = True, len(world.engine.runners)
    silent = _silent(world, world.commits - before)
    said = world.people.asks("D1", "")
    took = await _answered(world, said)
    most = _allowed(world, warm=_lived(world, runners)) + silent
    world.last_words = False
    world.say(f"the last answer after {took:.2f} s of {most:.2f}")
    if took > most and not await world.is_held(said.event.message_id):
        world.violated(Law.TIME, f"the last answer waited {took:.2f} s, {most:.2f} s are enough")


def _silent(world: World, commits: Counter[tuple[str, str]]) -> float:
    """s since the runner that answered did so: it has looked so long for the next question, and looks again after as long at
    most. The host, of whom nobody had asked anything for long, may have heard of its answer seconds later."""
    spoke = [world.committed_at[of] for of in commits if of[0] == "runner" and of[1].endswith("outbound.db")]
    return world.loop.time() - min(spoke, default=world.loop.time())


def _allowed(world: World, *, warm: bool) -> float:
    return allowed(world.disk.sync_takes, warm=warm) + (0.0 if warm else LOOKS * world.engine.takes)


def allowed(sync: float, *, warm: bool) -> float:
    """Seconds from a question to its answer, without what the engine takes for a start."""
    syncs = SYNCS_WARM if warm else SYNCS_COLD
    return LOOKS * (syncs * sync + (0.0 if warm else LOOKED)) + POSTED + REST


async def _answered(world: World, said: Said) -> float:
    begun = world.loop.time()
    posts = world.platform.posts
    known = len(posts)
    world.platform.publish(said.event)
    while world.loop.time() < begun + LONGEST:
        if any(post.text.startswith(f"answer {said.number} ") for post in posts[known:]):
            break
        await asyncio.sleep(0.01)
    return world.loop.time() - begun
