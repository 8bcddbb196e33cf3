#!/usr/bin/env bash
# anthropic 2.12.0, seen with Python 3.11: a streamed answer whose connection ends early, in good order, is returned as a whole one.
#
# A proxy or a server that is stopped may close a stream between two events. The stream's events then simply end; no exception is
# raised, and `get_final_message()` returns what had come: half a sentence, or a tool's call whose input lacks the arguments that
# were still to come (here the one that narrows it). Only two things tell: no `message_stop` came, and `stop_reason` is None.
# `tool_runner` does not run such a call.
#
# Output seen:
#   a text that was cut: 'Delete it, but not', stop_reason None, no exception
#   a call that was cut: input {'folder': '/srv/data'}, stop_reason None, no exception
#   tool_runner ran the tool: no
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'anthropic==2.12.0' 2>/dev/null
cat >"$work/try.py" <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic

USAGE = {"input_tokens": 1, "output_tokens": 1}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": USAGE,
}
TEXT = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Delete it, but not"}},
]
TOOL = [
    {"type": "message_start", "message": MESSAGE},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "tidy", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": '{"folder": "/srv/data", "only": "ol'},
    },
]
ENDED = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
    {"type": "message_stop"},
]
answers = []


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in answers.pop(0)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = anthropic.Anthropic(api_key="k", base_url=f"http://127.0.0.1:{server.server_port}", max_retries=0)
asked = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "tidy up"}]}

answers[:] = [TEXT]
with client.messages.stream(**asked) as stream:
    message = stream.get_final_message()
print(f"a text that was cut: {message.content[0].text!r}, stop_reason {message.stop_reason}, no exception")

answers[:] = [TOOL]
with client.messages.stream(**asked) as stream:
    message = stream.get_final_message()
print(f"a call that was cut: input {message.content[0].input}, stop_reason {message.stop_reason}, no exception")

ran = []


@anthropic.beta_tool
def tidy(folder: str, only: str = "all") -> str:
    """Removes what lies in a folder.

    Args:
        folder: which
        only: what of it
    """
    ran.append(f"folder={folder} only={only}")
    return "done"


answers[:] = [TOOL, ENDED]
runner = client.beta.messages.tool_runner(**asked, tools=[tidy], stream=True, thread=False)
for stream in runner:
    for event in stream:
        pass
print(f"tool_runner ran the tool: {'yes' if ran else 'no'}{', with ' + repr(ran[0]) if ran else ''}")
PY
env -u http_proxy -u https_proxy -u all_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY timeout 100 \
    "$work/venv/bin/python" "$work/try.py" 2>/dev/null | tee "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "this has changed"; exit 1; }
a text that was cut: 'Delete it, but not', stop_reason None, no exception
a call that was cut: input {'folder': '/srv/data'}, stop_reason None, no exception
tool_runner ran the tool: no
SEEN
