"""Sign in with Discord against a Discord that documents it: who comes back, who does not, and what they may read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from host.ports.bot import DeliveryError, Offline
from host.ports.people import Attempt, SignInError
from sessiondb import Address
from tests.fakes.discord import FakeDiscord, Permission
from tests.support.discording import online, place
from tests.support.signing_in import came_back

BACK = "https://dovecote.example.com/signin/discord/back"
NOWHERE = Address("discord", "", "")  # people are the same in all servers
ATTEMPT = Attempt(BACK, "the-state", "the-nonce", "v" * 43)


async def test_whoever_discord_says_came_back_is_signed_in_once_and_others_are_refused_in_words(
    tmp_path: Path,
) -> None:
    async with FakeDiscord() as server:
        server.oauth.redirects.append(BACK)
        guild = server.add_guild()
        server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        nobody = server.add_user("nobody")
        async with online(server, tmp_path) as (without, _):
            assert without.sign_in_at(ATTEMPT) == ""  # there is no secret
        async with online(server, tmp_path, secret=server.oauth.client_secret) as (bot, _):
            server.oauth.person = ada
            back = await came_back(bot, ATTEMPT)
            asked = server.oauth.asked[0]
            assert back["state"] == "the-state"
            assert (asked["scope"], asked["code_challenge_method"]) == ("identify", "S256")
            viewer = await bot.who(back["code"], ATTEMPT)
            assert (viewer.author.id, viewer.author.name) == (str(ada.id), "Ada")
            assert (viewer.address, viewer.privacy) == (Address("discord", "", ""), "dm")
            for code in (back["code"], "", "\0", "x" * 3_000):
                with pytest.raises(SignInError, match="used up"):
                    await bot.who(code, ATTEMPT)
            code = (await came_back(bot, ATTEMPT))["code"]
            with pytest.raises(SignInError, match="used up"):  # begun by another browser
                await bot.who(code, replace(ATTEMPT, verifier="w" * 43))
            server.oauth.person = nobody
            with pytest.raises(SignInError, match="none of the servers"):
                await bot.who((await came_back(bot, ATTEMPT))["code"], ATTEMPT)
            server.oauth.client_secret = "changed"
            with pytest.raises(SignInError, match="client secret"):
                await bot.who((await came_back(bot, ATTEMPT))["code"], ATTEMPT)
            server.oauth.person = None
            assert (await came_back(bot, ATTEMPT))["error"] == "access_denied"
        with pytest.raises(SignInError, match="not connected"):
            await bot.who("x", ATTEMPT)


async def test_what_people_may_read_is_asked_of_discord_at_that_moment(tmp_path: Path) -> None:
    hidden = Permission.VIEW_CHANNEL
    async with FakeDiscord() as server:
        guild, other = server.add_guild(), server.add_guild()
        public, private = server.add_text_channel(guild, "public"), server.add_text_channel(guild, "private")
        elsewhere = server.add_text_channel(other, "elsewhere")
        ada, bob = server.add_user("ada", guild), server.add_user("bob", guild)
        server.add_user("cleo", other)
        server.set_overwrite(private, server.everyone(guild), deny=hidden)
        role = server.add_role(guild, "team", Permission(0), ada)
        server.set_overwrite(private, role, allow=hidden)
        asked = [place(one) for one in (public, private, elsewhere)]
        asked += [Address("discord", str(guild.id), "1"), Address("discord", "no number", "x")]
        async with online(server, tmp_path) as (bot, notebook):
            await notebook.until(lambda: place(private) in notebook.became)

            async def reads(user: int) -> set[str]:
                return {one.platform_id for one in await bot.readable_now(NOWHERE, str(user), asked)}

            assert await reads(ada.id) == {str(public.id), str(private.id)}
            assert await reads(bob.id) == {str(public.id)}
            server.set_roles(guild, ada, [])
            assert await reads(ada.id) == {str(public.id)}
            assert await bot.readable_now(NOWHERE, str(ada.id), []) == frozenset()
            for gone in ("1", str(server.add_user("gone").id)):
                with pytest.raises(DeliveryError):
                    await bot.readable_now(NOWHERE, gone, asked)
        with pytest.raises(Offline):
            await bot.readable_now(NOWHERE, str(ada.id), asked)
