"""What Discord refuses by size or shape, as error 50035 with one entry per field.

Sources: Discord docs, "Resources: Message" (Create Message, Embed Limits), "Components: Reference",
"Resources: Channel" (Start Thread), "Interactions: Application Commands". FACTS: 2000 characters, 10 files.
"""

import re
from collections.abc import Iterator, Sequence

from tests.fakes.discord import errors
from tests.fakes.discord.errors import FormErrors
from tests.fakes.discord.model import Json, MessageFlag

CONTENT = 2000  # characters
NONCE = 25  # characters
FILES = 10  # per message
UPLOAD = 10 * 1024 * 1024  # bytes per file, unless the guild is boosted
EMBEDS = 10
EMBED_TOTAL = 6000  # characters over all embeds of a message
EMBED_FIELDS = 25
ROWS = 5
ROW_WIDTH = 5
CUSTOM_ID = 100
BUTTON_LABEL = 80
SELECT_OPTIONS = 25
OPTION_TEXT = 100
V2_COMPONENTS = 40
V2_TEXT = 4000  # characters over all text displays of a message
THREAD_NAME = 100
ARCHIVE_MINUTES = (60, 1440, 4320, 10080)
FORUM_TAGS = 5
MODAL_TITLE = 45
LABEL_TEXT = 45  # "Label"
LABEL_DESCRIPTION = 100  # "Label"
COMMANDS = 100
COMMAND_OPTIONS = 25
DISTINCT_REACTIONS = 20

ACTION_ROW, BUTTON, STRING_SELECT, TEXT_DISPLAY, LABEL = 1, 2, 3, 10, 18
SELECTS = frozenset({STRING_SELECT, 5, 6, 7, 8})
LINK_STYLES = frozenset({5, 6})  # link and premium buttons carry no custom_id
COMMAND_NAME = re.compile(r"[-_'\w]{1,32}")

Path = tuple[str | int, ...]


def check_message(body: Json, *, file_count: int, path: Path = ()) -> None:
    """The limits of one message body; `path` is where it sits in the form (`data`, `message`)."""
    found = FormErrors()
    if len(body.get("content") or "") > CONTENT:
        found.too_long((*path, "content"), CONTENT)
    if len(str(body.get("nonce") or "")) > NONCE:
        found.too_long((*path, "nonce"), NONCE)
    listed = len(body.get("attachments") or ())
    if max(file_count, listed) > FILES:
        found.too_long((*path, "attachments"), FILES)
    _check_embeds(found, body.get("embeds") or [], (*path, "embeds"))
    components = body.get("components") or []
    if int(body.get("flags") or 0) & MessageFlag.IS_COMPONENTS_V2:
        _check_v2(found, body, components, path)
    else:
        _check_rows(found, components, (*path, "components"))
    _check_custom_ids(found, components, (*path, "components"))
    found.raise_if_any()


def check_not_empty(body: Json, *, file_count: int) -> None:
    parts = ("embeds", "components", "sticker_ids", "poll")
    if not (body.get("content") or "").strip() and not file_count and not any(body.get(p) for p in parts):
        raise errors.empty_message()


def check_files(sizes: Sequence[int], most: int) -> None:
    """Docs, "Reference: Uploading Files": the limit applies to each file in a request."""
    if any(size > most for size in sizes):
        raise errors.too_large()


def check_thread(body: Json) -> None:
    found = FormErrors()
    if not 1 <= len(body.get("name") or "") <= THREAD_NAME:
        found.bad_length(("name",), 1, THREAD_NAME)
    minutes = body.get("auto_archive_duration")
    if minutes is not None and minutes not in ARCHIVE_MINUTES:
        found.add(
            ("auto_archive_duration",),
            "BASE_TYPE_CHOICES",
            "Value must be one of {60, 1440, 4320, 10080}.",
        )
    if len(body.get("applied_tags") or ()) > FORUM_TAGS:
        found.too_long(("applied_tags",), FORUM_TAGS)
    found.raise_if_any()


def check_modal(data: Json) -> None:
    found = FormErrors()
    if not 1 <= len(data.get("title") or "") <= MODAL_TITLE:
        found.bad_length(("data", "title"), 1, MODAL_TITLE)
    if not 1 <= len(data.get("custom_id") or "") <= CUSTOM_ID:
        found.bad_length(("data", "custom_id"), 1, CUSTOM_ID)
    if not 1 <= len(data.get("components") or ()) <= ROWS:
        found.bad_length(("data", "components"), 1, ROWS)
    _check_custom_ids(found, data.get("components") or [], ("data", "components"))
    for where, component in walk(data.get("components") or [], ("data", "components")):
        _check_menu(found, component, where)
    found.raise_if_any()


def _check_menu(found: FormErrors, component: Json, path: Path) -> None:
    """Docs, "String Select" and "User Select": 25 values at most, and no more shown as chosen than may be."""
    if component.get("type") == LABEL and not 1 <= len(component.get("label") or "") <= LABEL_TEXT:
        found.bad_length((*path, "label"), 1, LABEL_TEXT)
    if component.get("type") == LABEL and len(component.get("description") or "") > LABEL_DESCRIPTION:
        found.too_long((*path, "description"), LABEL_DESCRIPTION)
    if component.get("type") not in SELECTS:
        return
    most = component.get("max_values", 1)
    options = component.get("options") or []
    if not 1 <= most <= (len(options) if component["type"] == STRING_SELECT else SELECT_OPTIONS):
        found.bad_length((*path, "max_values"), 1, SELECT_OPTIONS)
    shown = [o for o in options if o.get("default")] + list(component.get("default_values") or [])
    if len(shown) > most:
        found.bad_length((*path, "default_values"), 0, most)


def check_commands(commands: Sequence[Json]) -> None:
    found = FormErrors()
    if sum(command.get("type", 1) == 1 for command in commands) > COMMANDS:
        found.too_long((), COMMANDS)
    for index, command in enumerate(commands):
        _check_command(found, command, (index,))
    found.raise_if_any()


def walk(components: Sequence[Json], path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every component with its path, rows, sections, containers and labels included."""
    for index, component in enumerate(components):
        here = (*path, index)
        yield here, component
        yield from walk(component.get("components") or (), (*here, "components"))
        for key in ("accessory", "component"):
            if key in component:
                yield (*here, key), component[key]


def _check_embeds(found: FormErrors, embeds: Sequence[Json], path: Path) -> None:
    if len(embeds) > EMBEDS:
        found.too_long(path, EMBEDS)
    total = 0
    for index, embed in enumerate(embeds):
        here = (*path, index)
        fields = embed.get("fields") or []
        if len(fields) > EMBED_FIELDS:
            found.too_long((*here, "fields"), EMBED_FIELDS)
        texts: list[tuple[Path, str | None, int]] = [
            (("title",), embed.get("title"), 256),
            (("description",), embed.get("description"), 4096),
            (("footer", "text"), (embed.get("footer") or {}).get("text"), 2048),
            (("author", "name"), (embed.get("author") or {}).get("name"), 256),
        ]
        for number, item in enumerate(fields):
            for key, most in (("name", 256), ("value", 1024)):
                if not item.get(key):
                    found.required((*here, "fields", number, key))
                texts.append((("fields", number, key), item.get(key), most))
        for where, text, most in texts:
            total += len(text or "")
            if len(text or "") > most:
                found.too_long((*here, *where), most)
    if total > EMBED_TOTAL:
        found.add(path, "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TOTAL}")


def _check_rows(found: FormErrors, rows: Sequence[Json], path: Path) -> None:
    if len(rows) > ROWS:
        found.bad_length(path, 1, ROWS)
    for index, row in enumerate(rows):
        if row.get("type") != ACTION_ROW:
            found.add((*path, index, "type"), "UNION_TYPE_CHOICES", "Value of field must be one of (1,).")
            continue
        items = row.get("components") or []
        width = sum(ROW_WIDTH if item.get("type") in SELECTS else 1 for item in items)
        if not 1 <= width <= ROW_WIDTH:
            found.bad_length((*path, index, "components"), 1, ROW_WIDTH)


def _check_v2(found: FormErrors, body: Json, components: Sequence[Json], path: Path) -> None:
    """Components V2: no content, no embeds, 40 components, 4000 characters of text."""
    for key in ("content", "embeds"):
        if body.get(key):
            found.add(
                (*path, key),
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
            )
    everything = [component for _, component in walk(components)]
    if len(everything) > V2_COMPONENTS:
        found.bad_length((*path, "components"), 1, V2_COMPONENTS)
    if sum(len(c.get("content") or "") for c in everything if c.get("type") == TEXT_DISPLAY) > V2_TEXT:
        found.too_long((*path, "components"), V2_TEXT)


def _check_custom_ids(found: FormErrors, components: Sequence[Json], path: Path) -> None:
    seen: set[str] = set()
    for where, component in walk(components, path):
        kind = component.get("type")
        if kind == BUTTON and component.get("style") in LINK_STYLES:
            continue
        custom_id = component.get("custom_id")
        if custom_id is None:
            if kind == BUTTON or kind in SELECTS:
                found.required((*where, "custom_id"))
            continue
        if not 1 <= len(custom_id) <= CUSTOM_ID:
            found.bad_length((*where, "custom_id"), 1, CUSTOM_ID)
        if custom_id in seen:
            found.add(
                (*where, "custom_id"),
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                "Component custom id cannot be duplicated",
            )
        seen.add(custom_id)
        _check_texts(found, component, where)


def _check_texts(found: FormErrors, component: Json, path: Path) -> None:
    if component.get("type") == BUTTON and len(component.get("label") or "") > BUTTON_LABEL:
        found.too_long((*path, "label"), BUTTON_LABEL)
    if component.get("type") != STRING_SELECT:
        return
    options = component.get("options") or []
    if not 1 <= len(options) <= SELECT_OPTIONS:
        found.bad_length((*path, "options"), 1, SELECT_OPTIONS)
    for index, option in enumerate(options):
        for key in ("label", "value"):
            if not 1 <= len(option.get(key) or "") <= OPTION_TEXT:
                found.bad_length((*path, "options", index, key), 1, OPTION_TEXT)


def _check_command(found: FormErrors, command: Json, path: Path) -> None:
    name = command.get("name") or ""
    slash = command.get("type", 1) == 1
    if not 1 <= len(name) <= 32:
        found.bad_length((*path, "name"), 1, 32)
    elif slash and (not COMMAND_NAME.fullmatch(name) or name != name.lower()):
        found.add((*path, "name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if slash and not 1 <= len(command.get("description") or "") <= 100:
        found.bad_length((*path, "description"), 1, 100)
    options = command.get("options") or []
    if len(options) > COMMAND_OPTIONS:
        found.too_long((*path, "options"), COMMAND_OPTIONS)
    for index, option in enumerate(options):
        _check_command(found, {**option, "type": 1}, (*path, "options", index))
