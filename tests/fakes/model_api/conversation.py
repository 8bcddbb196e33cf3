"""What the Messages API refuses in `messages`: roles, blocks, tool results that do not answer their calls."""

from tests.fakes.model_api.answers import signature_of
from tests.fakes.model_api.cache import as_blocks
from tests.fakes.model_api.errors import JSON, invalid
from tests.fakes.model_api.media import check_media

SERVER_RESULTS = frozenset(
    {
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
    }
)
USER_BLOCKS = frozenset({"text", "image", "document", "search_result", "tool_result", "container_upload"})
ASSISTANT_BLOCKS = SERVER_RESULTS | {
    "text",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "server_tool_use",
    "mcp_tool_use",
    "mcp_tool_result",
    "compaction",
}
SYSTEM_BLOCKS = frozenset({"text", "tool_addition", "tool_removal"})
BLOCKS_BY_ROLE = {"user": USER_BLOCKS, "assistant": ASSISTANT_BLOCKS, "system": SYSTEM_BLOCKS}

# The keys a block may carry; blocks not listed here are passed as they are.
BLOCK_KEYS = {
    "text": frozenset({"text", "citations"}),
    "thinking": frozenset({"thinking", "signature"}),
    "redacted_thinking": frozenset({"data"}),
    "tool_use": frozenset({"id", "name", "input", "caller", "toolset_name"}),
    "server_tool_use": frozenset({"id", "name", "input", "caller"}),
    "tool_result": frozenset({"tool_use_id", "content", "is_error"}),
    "compaction": frozenset({"content", "encrypted_content", "signature", "tool_changes"}),
    "image": frozenset({"source"}),
    "document": frozenset({"source", "title", "context", "citations"}),
}
REQUIRED_KEYS = {
    "text": ("text",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
    "server_tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id",),
    "image": ("source",),
    "document": ("source",),
}
SYSTEM_MESSAGE_KEYS = frozenset({"clear_at", "output_config"})


def check_messages(body: JSON, betas: frozenset[str]) -> None:
    messages = body.get("messages")
    if messages is None:
        raise invalid("messages: Field required")
    if not isinstance(messages, list):
        raise invalid("messages: Input should be a valid list")
    if not messages:
        raise invalid("messages: at least one message is required")
    for at, message in enumerate(messages):
        _check_message(at, message)
        for index, block in enumerate(as_blocks(message["content"])):
            _check_block(f"messages.{at}.content.{index}", message["role"], block, betas)
    check_media(messages)
    _check_tool_pairs(messages)
    _check_ends(messages)


def _check_message(at: int, message: object) -> None:
    if not isinstance(message, dict):
        raise invalid(f"messages.{at}: Input should be a valid dictionary")
    role = message.get("role")
    if role not in BLOCKS_BY_ROLE:
        raise invalid(f"messages.{at}.role: Input should be 'user', 'assistant' or 'system'")
    allowed = {"role", "content"} | (SYSTEM_MESSAGE_KEYS if role == "system" else set())
    for key in message:
        if key not in allowed:
            raise invalid(f"messages.{at}.{key}: Extra inputs are not permitted")
    content = message.get("content")
    if content is None:
        raise invalid(f"messages.{at}.content: Field required")
    if not isinstance(content, str | list):
        raise invalid(f"messages.{at}.content: Input should be a valid string or list")
    if not content:
        raise invalid(f"messages.{at}: all messages must have non-empty content")


def _check_block(where: str, role: str, block: object, betas: frozenset[str]) -> None:
    if not isinstance(block, dict):
        raise invalid(f"{where}: Input should be a valid dictionary")
    kind = block.get("type")
    if kind not in BLOCKS_BY_ROLE[role]:
        raise invalid(
            f"{where}: Input tag '{kind}' found using 'type' does not match the tags of role '{role}'"
        )
    for key in REQUIRED_KEYS.get(kind, ()):
        if key not in block:
            raise invalid(f"{where}.{kind}.{key}: Field required")
    allowed = BLOCK_KEYS.get(kind)
    for key in block:
        if allowed is not None and key not in allowed | {"type", "cache_control"}:
            raise invalid(f"{where}.{kind}.{key}: Extra inputs are not permitted")
    if kind == "text" and not str(block["text"]).strip():
        raise invalid("messages: text content blocks must be non-empty")
    if kind in {"thinking", "redacted_thinking"} and block.get("cache_control"):
        raise invalid(f"{where}.{kind}.cache_control: Extra inputs are not permitted")
    if kind == "thinking" and block["signature"] != signature_of(block["thinking"]):
        raise invalid(f"{where}: Invalid `signature` in `thinking` block")
    if kind == "tool_result":
        _check_result_content(where, block)
    if kind == "compaction" and not any(beta.startswith("compact-") for beta in betas):
        raise invalid(f"{where}: compaction blocks need a `compact-` beta in the `anthropic-beta` header")


def _check_result_content(where: str, block: JSON) -> None:
    content = block.get("content")
    if content is None or isinstance(content, str):
        return
    for index, part in enumerate(content):
        if not isinstance(part, dict) or part.get("type") not in {
            "text",
            "image",
            "document",
            "search_result",
        }:
            raise invalid(f"{where}.tool_result.content.{index}: Input tag does not match the expected tags")


def _check_ends(messages: list[JSON]) -> None:
    """A conversation starts with the user or a summary, and ends where the model has something to answer."""
    spoken = [message for message in messages if message["role"] != "system"]
    if not spoken:
        raise invalid("messages: at least one user message is required")
    if spoken[0]["role"] != "user" and "compaction" not in _kinds(spoken[0]):
        raise invalid('messages: first message must use the "user" role')
    resumable = {"server_tool_use", "compaction"} | SERVER_RESULTS
    if spoken[-1]["role"] == "assistant" and not resumable & _kinds(spoken[-1]):
        raise invalid(
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )


def _check_tool_pairs(messages: list[JSON]) -> None:
    seen: set[str] = set()
    open_calls: list[str] = []
    for at, (role, blocks) in enumerate(_turns(messages)):
        if role == "user":
            results = _leading_results(blocks)
            missing = [call for call in open_calls if call not in results]
            if missing:
                raise invalid(_missing(at - 1, missing))
            _check_no_stray_results(at, blocks, open_calls)
            open_calls = []
            continue
        if open_calls:
            raise invalid(_missing(at - 1, open_calls))
        open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if len(set(open_calls)) < len(open_calls) or seen & set(open_calls):
            raise invalid("messages: `tool_use` ids must be unique")
        seen.update(open_calls)
    if open_calls:
        raise invalid(_missing(len(messages) - 1, open_calls))


def _turns(messages: list[JSON]) -> list[tuple[str, list[JSON]]]:
    """Neighbours of the same role are one turn; system messages between them do not count."""
    turns: list[tuple[str, list[JSON]]] = []
    for message in messages:
        if message["role"] == "system":
            continue
        blocks = as_blocks(message["content"])
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(blocks)
        else:
            turns.append((message["role"], list(blocks)))
    return turns


def _leading_results(blocks: list[JSON]) -> list[str]:
    """Results count only ahead of every other block, as the API demands."""
    results = []
    for block in blocks:
        if block["type"] != "tool_result":
            break
        results.append(block["tool_use_id"])
    return results


def _check_no_stray_results(at: int, blocks: list[JSON], open_calls: list[str]) -> None:
    answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    for call in answered:
        if call not in open_calls:
            raise invalid(
                f"messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks: {call}. "
                "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
    if len(set(answered)) < len(answered):
        raise invalid(f"messages.{at}.content: each tool_use must have a single result")


def _missing(at: int, calls: list[str]) -> str:
    return (
        f"messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(calls)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
        "next message."
    )


def _kinds(message: JSON) -> set[str]:
    return {str(block["type"]) for block in as_blocks(message["content"])}
