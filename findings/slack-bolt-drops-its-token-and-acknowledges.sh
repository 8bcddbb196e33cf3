#!/usr/bin/env bash
# slack-bolt 1.30.0 (slack-sdk 3.47.0), seen with Python 3.11: an app that is given its bot's token hears nothing once
# SLACK_CLIENT_ID and SLACK_CLIENT_SECRET are in its environment, and Slack is told that all is well.
#
# A single-workspace app has no use for the two, but its neighbour may ("Sign in with Slack", another process's settings in the same
# .env). Bolt then turns into an app that many workspaces install: the token of the constructor is ignored, installations are looked
# for in a folder below $HOME, and of a properly signed event of its own workspace no listener hears. The event is answered 200,
# so that Slack does not deliver it again.
#
# Output seen:
#   without the two variables: answered 200, heard: 1
#   with them: answered 200, heard: 0, the app's token: None, installations are kept by FileInstallationStore
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    'slack-bolt==1.30.0' 'slack-sdk==3.47.0' 'aiohttp==3.14.5' 2>/dev/null
cat >"$work/try.py" <<'PY'
import asyncio
import hashlib
import hmac
import json
import os
import time

from aiohttp import web
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

SECRET = "s3cret"
EVENT = {
    "type": "event_callback",
    "team_id": "T1",
    "event_id": "Ev1",
    "authorizations": [{"team_id": "T1", "user_id": "UB", "is_bot": True}],
    "event": {"type": "message", "user": "U1", "channel": "C1", "text": "hello", "ts": "1.1"},
}


def signed():
    body, at = json.dumps(EVENT), str(int(time.time()))
    digest = hmac.new(SECRET.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "content-type": ["application/json"],
        "x-slack-signature": [f"v0={digest}"],
        "x-slack-request-timestamp": [at],
    }
    return AsyncBoltRequest(body=body, headers=headers)


async def once(slack):
    app = AsyncApp(signing_secret=SECRET, token="xoxb-1", client=AsyncWebClient("xoxb-1", base_url=slack))
    heard = asyncio.Event()

    @app.event("message")
    async def listener(event):
        heard.set()

    answer = await app.async_dispatch(signed())
    try:
        await asyncio.wait_for(heard.wait(), 3)
    except TimeoutError:
        pass
    return app, answer.status, int(heard.is_set())


async def main():
    async def who(request):
        return web.json_response(
            {"ok": True, "url": "https://x", "team": "t", "user": "b", "team_id": "T1", "user_id": "UB", "bot_id": "B1"}
        )

    served = web.Application()
    served.router.add_post("/api/auth.test", who)
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    _, status, heard = await once(slack)
    print(f"without the two variables: answered {status}, heard: {heard}")
    os.environ |= {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "c"}
    app, status, heard = await once(slack)
    store = type(app.installation_store).__name__
    print(f"with them: answered {status}, heard: {heard}, the app's token: {app._token}, installations are kept by {store}")
    await runner.cleanup()


asyncio.run(main())
PY
env -u http_proxy -u https_proxy -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY -u SLACK_CLIENT_ID \
    -u SLACK_CLIENT_SECRET HOME="$work" timeout 100 "$work/venv/bin/python" "$work/try.py" 2>/dev/null | tee "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "this has changed"; exit 1; }
without the two variables: answered 200, heard: 1
with them: answered 200, heard: 0, the app's token: None, installations are kept by FileInstallationStore
SEEN
