"""What somebody may read in Slack at this moment: where they are, and public channels unless they are guests."""

from __future__ import annotations

from collections.abc import Collection

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.client.directory import Directory
from bots.slack.client.errors import TRANSIENT, code_of
from host.ports.bot import Rejected, Unknown

KINDS = "public_channel,private_channel,mpim"
LISTED = 200  # conversations of one answer
MOST_PAGES = 50


async def readable(client: AsyncWebClient, people: Directory, user: str, ids: Collection[str]) -> set[str]:
    """Raises `DeliveryError`."""
    try:
        person = (await client.users_info(user=user))["user"]
        if person.get("deleted"):
            raise Rejected("this person's account is switched off")
        found = await _theirs(client, user) & set(ids) if ids else set()
        rest = set(ids) - found
        outside = any(person.get(f"is_{kind}") for kind in ("restricted", "ultra_restricted", "stranger"))
        if rest and not outside:
            found |= {place.id for place in await people.places_now(rest) if place.privacy == "public"}
    except SlackApiError as error:
        if code_of(error) == "user_not_found":
            raise Rejected("Slack knows no such person") from error
        raise Unknown(f"Slack does not tell what people may read ({code_of(error)})") from error
    except TRANSIENT as error:
        raise Unknown(f"Slack does not tell what people may read ({type(error).__name__})") from error
    return found


async def _theirs(client: AsyncWebClient, user: str) -> set[str]:
    """Of channels that are not public Slack names those in which the bot is, too: in no others did it hear anything."""
    found: set[str] = set()
    cursor = ""
    for _ in range(MOST_PAGES):
        answer = await client.users_conversations(user=user, types=KINDS, limit=LISTED, cursor=cursor or None)
        found |= {str(channel["id"]) for channel in answer.get("channels") or ()}
        cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            break
    return found
