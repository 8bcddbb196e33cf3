"""What an agent is asked for that draws in its container, and has a table to show."""

from __future__ import annotations

import base64

DRAW = """\
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\\0" + bytes(255 if x > y else 0 for x in range(32)) for y in range(32))
head = struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)
parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
open("plot.png", "wb").write(b"\\x89PNG\\r\\n\\x1a\\n" + parts)
"""
DRAWN = base64.b64encode(DRAW.encode()).decode()
ORDER = "\n".join(
    (
        f'@@call bash {{"command": "echo {DRAWN} | base64 -d | python3 -"}}',
        '@@call send_file {"path": "plot.png", "comment": "Birds by loft"}',
    )
)
TOOLS = 'options = { tools = ["bash", "send_file"] }'
LOFTS = "| Loft | Birds |\n| --- | --- |\n| North | 12 |\n| South | 3 |"
