"""PDFs as the model takes them: readable without a password, with no more pages than it reads."""

from __future__ import annotations

import io

from pypdf import PdfReader, PdfWriter

from runner.providers.pictures import Unusable
from sessiondb.frozen import frozen

MOST_PAGES = 100  # of all PDFs of a request together, for models with a window of 200,000 tokens
LARGEST = 10_000_000  # bytes
HEAD = b"%PDF-"
HEAD_WITHIN = 1_024  # bytes: readers look for the head there


@frozen
class Paper:
    data: bytes
    pages: int


def is_paper(data: bytes) -> bool:
    return HEAD in data[:HEAD_WITHIN]


def paper(data: bytes) -> Paper:
    """Raises `Unusable`, and of a broken one whatever the reader raises."""
    if len(data) > LARGEST:
        raise Unusable(f"is a PDF of {len(data):,} bytes; at most {LARGEST:,} are shown")
    found = _paper(data)
    if not found.pages:
        raise Unusable("is a PDF without pages")
    if found.pages > MOST_PAGES:
        raise Unusable(f"is a PDF of {found.pages} pages; at most {MOST_PAGES} are shown")
    return found


def _paper(data: bytes) -> Paper:
    reader = PdfReader(io.BytesIO(data))
    if not reader.is_encrypted:
        return Paper(data, len(reader.pages))
    if not reader.decrypt(""):
        raise Unusable("is a PDF behind a password")
    # Anybody may open it, only printing or copying is forbidden: the API takes it without that lock.
    open_one = io.BytesIO()
    PdfWriter(clone_from=reader).write(open_one)
    return Paper(open_one.getvalue(), len(reader.pages))
