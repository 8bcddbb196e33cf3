"""Pictures as the model takes them: of a format it reads, upright, one frame, no larger than it looks at.

What a picture is, its bytes say: the name and the type that came with it are somebody's claim.
"""

from __future__ import annotations

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from sessiondb.frozen import frozen

LONGEST_EDGE = 1568  # pixels: the API makes larger ones smaller itself, and refuses those beyond 8,000
HEAVIEST = 1_500_000  # bytes that pass as they are
MOST_PIXELS = 40_000_000  # of a picture that has to be decoded whole
MOST_PIXELS_DRAFTED = 150_000_000  # of a JPEG, which is decoded at an eighth of its size
QUALITY = 85  # of a JPEG
Image.MAX_IMAGE_PIXELS = MOST_PIXELS_DRAFTED  # what the library itself refuses beyond twice as many
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO", "PPM", "JPEG2000")
TAKEN = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
ORIENTATION = 0x0112  # EXIF: which way up

Image.init()  # or formats are not known by their names


class Unusable(Exception):
    """The file cannot be shown; the text says why and goes on behind its name."""


@frozen
class Picture:
    media_type: str
    data: bytes
    note: str = ""  # what was changed, where somebody would want to know


def is_picture(data: bytes) -> bool:
    """By its first bytes; it may still be broken."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS):
            return True
    except Image.DecompressionBombError:
        return True
    except UnidentifiedImageError:
        return False


def picture(data: bytes) -> Picture:
    """Raises `Unusable`, and of a broken one whatever its decoder raises."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _picture(image, data)
    except (Image.DecompressionBombError, MemoryError) as error:
        raise Unusable("is a picture with more pixels than can be looked at") from error


def _picture(image: Image.Image, data: bytes) -> Picture:
    width, height = image.size
    if not width or not height:
        raise Unusable("is a picture without pixels")
    frames = int(getattr(image, "n_frames", 1))
    lossy = image.format in ("JPEG", "MPO")
    if width * height > (MOST_PIXELS_DRAFTED if lossy else MOST_PIXELS):
        raise Unusable(f"is a picture of {width}×{height} pixels, more than can be looked at")
    turned = image.getexif().get(ORIENTATION, 1) != 1
    too_large = max(width, height) > LONGEST_EDGE
    plain = image.format in TAKEN and image.mode in PLAIN_MODES
    if plain and not turned and not too_large and frames == 1 and len(data) <= HEAVIEST:
        image.load()  # a broken one must not pass
        return Picture(TAKEN[str(image.format)], data)
    note = f"scaled down from {width}×{height} pixels" if too_large else ""
    if frames > 1 and not lossy:
        note = "; ".join(filter(None, (f"the first of {frames} frames", note)))
    return _made_anew(image, lossy=lossy, note=note)


def _made_anew(image: Image.Image, *, lossy: bool, note: str) -> Picture:
    if lossy:
        image.draft("RGB", (LONGEST_EDGE, LONGEST_EDGE))
    image.seek(0)
    upright = ImageOps.exif_transpose(_plain(image))
    upright.thumbnail((LONGEST_EDGE, LONGEST_EDGE), Image.Resampling.LANCZOS)
    if not lossy:
        made = io.BytesIO()
        upright.save(made, "PNG")
        if len(made.getvalue()) <= HEAVIEST:
            return Picture("image/png", made.getvalue(), note)
    made = io.BytesIO()
    _on_white(upright).save(made, "JPEG", quality=QUALITY)
    return Picture("image/jpeg", made.getvalue(), note)


def _plain(image: Image.Image) -> Image.Image:
    """In a mode that can be scaled and saved, with its transparency."""
    if image.mode in ("RGB", "RGBA", "L"):
        return image
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode == "1":
        return image.convert("L")
    transparent = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if transparent else "RGB")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper
