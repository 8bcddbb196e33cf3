"""agents.sessions.* and assistant.threads.*: what the app says about its work ("Agent sessions")."""

from __future__ import annotations

from ..core import Core
from ..errors import ApiError
from ..records import AgentSession, AssistantThread, Json
from .registry import Args, method, warned

STATUSES = frozenset({"active", "processing", "suspended", "closed"})
MOST_PROMPTS = 4  # "assistant.threads.setSuggestedPrompts"


def set_session_status(core: Core, channel_id: str, thread_ts: str | None, status: str) -> AgentSession:
    if status not in STATUSES:
        raise ApiError("invalid_arguments")
    key = (channel_id, thread_ts)
    session = core.workspace.sessions.setdefault(key, AgentSession(channel_id, thread_ts, status))
    session.status = status
    session.statuses.append(status)
    return session


@method("agents.sessions.setStatus", "chat:write")
def set_status(core: Core, args: Args) -> Json:
    """Creates the session on first use; title and initiator count only then."""
    channel = core.workspace.member_channel(args.required("channel_id"))
    title = args.text("title")
    if len(title or "") > core.limits.session_title:
        raise ApiError("invalid_arguments")
    thread_ts = args.required("thread_ts")
    fresh = (channel.id, thread_ts) not in core.workspace.sessions
    session = set_session_status(core, channel.id, thread_ts, args.required("status"))
    if fresh:
        session.title, session.initiator = title, args.text("initiator_user_id")
    stoppable = "agent_session_stopped" in core.events.subscriptions
    warnings = [] if stoppable else ["missing_agent_session_stopped_event_subscription"]
    return warned(
        {"status": session.status, "agent_status": session.status, "title": session.title}, warnings
    )


@method("agents.sessions.rename", "chat:write")
def rename(core: Core, args: Args) -> Json:
    session = core.workspace.sessions.get((args.required("channel_id"), args.text("thread_ts")))
    if session is None:
        raise ApiError("session_not_found")
    session.title = args.required("title")
    return {"title": session.title}


def _thread(core: Core, args: Args) -> AssistantThread:
    channel = core.workspace.member_channel(args.required("channel_id"))
    return core.workspace.assistant_thread(channel.id, args.required("thread_ts"))


def _prompted(core: Core, args: Args) -> AssistantThread:
    """Without a thread: the conversation itself ("assistant.threads.setSuggestedPrompts": agent apps)."""
    if "thread_ts" in args:
        return _thread(core, args)
    channel = core.workspace.member_channel(args.required("channel_id"))
    return core.workspace.assistant_thread(channel.id, "")


@method("assistant.threads.setStatus", "chat:write", "assistant:write")
def set_thread_status(core: Core, args: Args) -> Json:
    """An empty status clears it; so does the app's next message in the thread."""
    thread = _thread(core, args)
    thread.status = args.text("status") or ""
    thread.statuses.append(thread.status)
    return {}


@method("assistant.threads.setTitle", "assistant:write")
def set_title(core: Core, args: Args) -> Json:
    _thread(core, args).title = args.required("title")
    return {}


@method("assistant.threads.setSuggestedPrompts", "assistant:write")
def set_suggested_prompts(core: Core, args: Args) -> Json:
    prompts = args.structure("prompts")
    shaped = isinstance(prompts, list) and all({"title", "message"} <= set(prompt) for prompt in prompts)
    if not shaped or not 0 < len(prompts) <= MOST_PROMPTS:
        raise ApiError("invalid_arguments")
    _prompted(core, args).prompts = prompts
    return {}
