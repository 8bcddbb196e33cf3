"""Transport compression: one context per socket, a flush per payload.

Discord docs, "Events: Gateway", Transport Compression. discord.py asks for `zstd-stream` where it finds a
zstd library (or Python has one), else for `zlib-stream`.
"""

import importlib
import zlib
from collections.abc import Callable

Compressor = Callable[[bytes], bytes]


def compressor(kind: str | None) -> Compressor | None:
    if kind == "zlib-stream":
        return _zlib()
    if kind == "zstd-stream":
        return _zstd()
    return None


def _zlib() -> Compressor:
    stream = zlib.compressobj()
    return lambda data: stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


def _zstd() -> Compressor:
    try:
        library = importlib.import_module("zstandard")
    except ImportError:
        library = importlib.import_module("compression.zstd")
        native = library.ZstdCompressor()
        return lambda data: bytes(native.compress(data, native.FLUSH_BLOCK))
    stream = library.ZstdCompressor().compressobj()
    return lambda data: bytes(stream.compress(data) + stream.flush(library.COMPRESSOBJ_FLUSH_BLOCK))
