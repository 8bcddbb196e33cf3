#!/usr/bin/env bash
# anthropic 2.12.0, seen with Python 3.11: `timeout` bounds neither the call nor the wait that a Retry-After asks for; the wait is
# slept inside the call, however long the server says.
#
# A client with a timeout of 2 s and one retry asks a server that answers 429 with "Retry-After: 12", then answers well. The call
# returns its message after 12 s: six times its timeout, without an exception and without a word to the caller meanwhile.
# Whoever must tell people why they wait needs `max_retries=0` and a wait of their own.
#
# Output seen:
#   timeout 2 s, Retry-After 12 s: answered "hello", within the timeout: no, after the wait asked for: yes, requests: 2
#   the same without retries: RateLimitError, within the timeout: yes, requests: 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'anthropic==2.12.0' 2>/dev/null
cat >"$work/try.py" <<'PY'
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anthropic

TIMEOUT, WAIT = 2, 12
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
LIMITED = {"type": "error", "error": {"type": "rate_limit_error", "message": "later"}}
asked = 0


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        global asked
        asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(LIMITED if asked == 1 else ANSWER).encode()
        self.send_response(429 if asked == 1 else 200)
        if asked == 1:
            self.send_header("Retry-After", str(WAIT))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def once(server, retries):
    global asked
    asked = 0
    url = f"http://127.0.0.1:{server.server_port}"
    client = anthropic.Anthropic(api_key="k", base_url=url, timeout=TIMEOUT, max_retries=retries)
    began = time.monotonic()
    try:
        said = client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}])
        end = f'answered "{said.content[0].text}"'
    except anthropic.APIError as error:
        end = type(error).__name__
    return end, time.monotonic() - began


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()


def word(fact):
    return "yes" if fact else "no"


end, took = once(server, 1)
print(
    f"timeout {TIMEOUT} s, Retry-After {WAIT} s: {end}, within the timeout: {word(took < TIMEOUT)},"
    f" after the wait asked for: {word(took >= WAIT - 0.1)}, requests: {asked}"
)
end, took = once(server, 0)
print(f"the same without retries: {end}, within the timeout: {word(took < TIMEOUT)}, requests: {asked}")
PY
env -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY -u ALL_PROXY timeout 100 \
    "$work/venv/bin/python" "$work/try.py" 2>/dev/null | tee "$work/seen"
diff - "$work/seen" <<'SEEN' || { echo "this has changed"; exit 1; }
timeout 2 s, Retry-After 12 s: answered "hello", within the timeout: no, after the wait asked for: yes, requests: 2
the same without retries: RateLimitError, within the timeout: yes, requests: 1
SEEN
