"""A socket of a host that does not serve: what Slack brings there is kept for the one that does, and acknowledged."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client.errors import TRANSIENT
from bots.slack.client.transport import CONNECT, PING_INTERVAL
from host.ports.bot import HostBusy, Keep, Payload

log = logging.getLogger(__name__)

PAUSE = 5.0  # s until a socket that could not be opened is tried again
# Interactions whose person sees what we acknowledge with.
TOLD_BY_THE_ACK = ("view_submission", "block_suggestion")


async def take_in(api_url: str, app_token: str, keep: Keep) -> None:
    """Until cancelled. The library opens a socket anew that was closed."""
    while True:
        web = AsyncWebClient(base_url=api_url, retry_handlers=[])
        client = SocketModeClient(app_token, web_client=web, ping_interval=PING_INTERVAL)

        async def heard(to: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
            try:
                answer = await keep(payload_of(request))
            except HostBusy as error:
                log.info("Not acknowledged: %s", error, extra={"action": "not_kept"})
                return
            response = SocketModeResponse(request.envelope_id, dict(answer) or None)
            await to.send_socket_mode_response(response)

        client.socket_mode_request_listeners.append(heard)
        try:
            async with asyncio.timeout(CONNECT):
                await client.connect()  # type: ignore[no-untyped-call]
            await asyncio.Event().wait()
        except (*TRANSIENT, TimeoutError) as error:
            log.warning("No socket while standing by: %s", error, extra={"action": "stand_in_deaf"})
        finally:
            await client.close()  # type: ignore[no-untyped-call]
        await asyncio.sleep(PAUSE)


def payload_of(request: SocketModeRequest) -> Payload:
    """Events are known by their ids. Interactions and commands are brought once, whatever becomes of them."""
    again = request.type == "events_api"
    waits = request.type == "slash_commands" or (
        request.type == "interactive" and request.payload.get("type") in TOLD_BY_THE_ACK
    )
    return Payload(request.type, request.payload, again=again, waits=waits)


async def deal_with(app: AsyncApp, payload: Payload) -> Mapping[str, Any] | None:
    """As the library does with what comes by a socket of our own. It was acknowledged: it is no repetition, and proves nothing
    about our own sockets."""
    response = await app.async_dispatch(
        AsyncBoltRequest(mode="socket_mode", body=dict(payload.body), headers={})
    )
    if response.status != 200:
        return None
    if not response.body:
        return {}
    if "application/json" in response.headers.get("content-type", [""])[0]:
        found: Mapping[str, Any] = json.loads(response.body)
        return found
    return {"text": response.body}
