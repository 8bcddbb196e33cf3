"""Files, both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, Fault
from tests.support.slack_app import clear_proxies, connected, make_bot, web_client


@pytest.fixture
async def slack(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSlack]:
    clear_proxies(monkeypatch)
    async with FakeSlack(ack_timeout=60) as fake:
        yield fake


@pytest.fixture
def client(slack: FakeSlack) -> AsyncWebClient:
    return web_client(slack)


async def fetch(url: str, token: str | None) -> tuple[str, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.content_type, await answer.read()


async def test_an_uploaded_file_is_shared_in_its_thread(
    slack: FakeSlack, client: AsyncWebClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PAYLOADS", "full")  # where a file is shared is optional
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    root = slack.say(ada, general, "the report?")
    answer = await client.files_upload_v2(
        channel=general.id,
        thread_ts=root.ts,
        filename="report.csv",
        content="a,b\n1,2\n",
        initial_comment="Here",
    )
    message = slack.messages(general, root.ts)[-1]
    assert (message.text, message.subtype) == ("Here", "file_share")
    assert [file.content for file in message.files] == [b"a,b\n1,2\n"]
    assert "shares" not in answer["file"]
    info = await client.files_info(file=answer["file"]["id"])
    assert info["file"]["shares"] == {"public": {general.id: [{"ts": message.ts}]}}
    await client.files_delete(file=answer["file"]["id"])
    with pytest.raises(SlackApiError) as gone:
        await client.files_info(file=answer["file"]["id"])
    assert gone.value.response["error"] == "file_deleted"


async def test_several_files_are_one_message(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    uploads = [{"filename": f"{name}.txt", "content": name} for name in ("one", "two")]
    await client.files_upload_v2(channel=general.id, file_uploads=uploads)
    (message,) = slack.messages(general)
    assert [file.name for file in message.files] == ["one.txt", "two.txt"]


async def test_a_persons_file_is_downloaded_with_the_bots_token_only(slack: FakeSlack) -> None:
    ada = slack.add_user("ada")
    general = slack.add_channel("general", members=[ada])
    async with connected(slack, make_bot(slack)) as bot:
        slack.say(ada, general, "look", files=[("photo.png", b"\x89PNG")])
        (heard,) = await bot.hear()
        assert heard.event["subtype"] == "file_share"
        (file,) = heard.event["files"]
        assert (file["mimetype"], file["size"]) == ("image/png", 4)
        assert (await fetch(file["url_private"], slack.bot_token))[1] == b"\x89PNG"
        kind, page = await fetch(file["url_private"], None)
        assert kind == "text/html"
        assert b"Sign in" in page


async def test_an_upload_of_another_size_fails(slack: FakeSlack, client: AsyncWebClient) -> None:
    ticket = await client.files_getUploadURLExternal(filename="a.txt", length=5)
    async with aiohttp.ClientSession() as session, session.post(ticket["upload_url"], data=b"four") as answer:
        assert answer.status == 400
    with pytest.raises(SlackApiError) as refused:
        await client.files_completeUploadExternal(files=[{"id": ticket["file_id"], "title": "a"}])
    assert refused.value.response["error"] == "file_not_found"


async def test_an_upload_or_download_can_fail_on_its_own(slack: FakeSlack, client: AsyncWebClient) -> None:
    general = slack.add_channel("general")
    slack.faults.next("files:upload", Fault.http_error(500))
    with pytest.raises(SlackRequestError):
        await client.files_upload_v2(channel=general.id, filename="a.txt", content="hello")
    assert slack.messages(general) == []
    slack.faults.next("files:download", Fault.drop(), times=2)  # aiohttp repeats a GET once by itself
    answer = await client.files_upload_v2(channel=general.id, filename="a.txt", content="hello")
    with pytest.raises(aiohttp.ClientError):
        await fetch(answer["file"]["url_private"], slack.bot_token)
    assert (await fetch(answer["file"]["url_private"], slack.bot_token))[1] == b"hello"
