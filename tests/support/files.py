"""Files as people attach them."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image
from pypdf import PdfWriter


def picture(width: int = 8, height: int = 8, kind: str = "PNG", mode: str = "RGB", **more: Any) -> bytes:
    made = io.BytesIO()
    Image.new(mode, (width, height)).save(made, kind, **more)
    return made.getvalue()


def noise(width: int, height: int, kind: str = "PNG", seed: int = 0) -> bytes:
    """A photo, for all that a compressor can do about it."""
    made = io.BytesIO()
    Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(3 * width * height)).save(
        made, kind
    )
    return made.getvalue()


def animation(frames: int, kind: str) -> bytes:
    made = io.BytesIO()
    images = [Image.new("RGB", (8, 8), (40 * number, 0, 0)) for number in range(frames)]
    images[0].save(made, kind, save_all=True, append_images=images[1:])
    return made.getvalue()


def pdf(pages: int = 1, *, password: str | None = None) -> bytes:
    """`password` '' locks printing and copying, not opening."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    if password is not None:
        writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()
