"""What the host tells a runner: a few environment variables, none of them secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from sessiondb import SessionFolder
from sessiondb.frozen import frozen
from sessiondb.options import Options, OptionsError


class SettingsError(Exception):
    """`.variable` is missing or wrong."""

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{variable}: {reason}")
        self.variable = variable
        self.reason = reason


@frozen
class Agent:
    """The persona, as `DOVECOTE_AGENT` carries it in JSON."""

    name: str
    provider: str = "mock"
    model: str = ""
    instructions: str = ""
    options: Options = field(default_factory=Options)
    channel: str = ""  # instructions for the channel of this conversation
    within: tuple[str, ...] | None = None  # of Dovecote's own tools those that its channel allows; None: all


@frozen
class Voice:
    """What writes voice messages down, as `DOVECOTE_VOICE` carries it in JSON: the file's path is the last argument."""

    command: tuple[str, ...] = ()  # () = nothing does
    timeout: float = 60.0  # s
    largest: int = 0  # bytes of a file that it is given


@frozen
class Settings:
    folder: SessionFolder
    workspace: Path  # the working folder, this conversation's own
    shared: Path  # what the conversations of its privacy scope keep together
    incarnation: str
    agent: Agent
    agent_folder: Path | None = None  # instructions and skills, read-only
    bells: bool = True
    stream_idle: float = 20.0  # s without an event and with nothing pending that end a provider's stream
    idle_exit: float = 300.0  # s without work after which the process exits
    title_model: str = ""  # by which threads are given titles, '' = they are not
    fallback_model: str = ""  # answers while the one that is asked is away, '' = none does
    fallback_elsewhere: bool = False  # it is at another address than the model
    egress: bool = False  # the host opens a way to some hosts of the internet
    without: frozenset[str] = frozenset()  # optional fields that the model's address is known to refuse
    voice: Voice = Voice()
    ahead: int | None = (
        None  # ms that the host's time was ahead of this machine's clock at the start; None: it goes by that one
    )
    poll_slowest: float = 0.0  # s between two looks at a quiet inbound.db; 0 = as bells allow

    @property
    def readable(self) -> tuple[Path, ...]:
        """Folders beside the workspace that tools may look into."""
        return (self.shared, self.folder.inbound_files, *((self.agent_folder,) if self.agent_folder else ()))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises `SettingsError`."""
        folder = SessionFolder(Path(_required(environment, "DOVECOTE_SESSION_DIR")))
        workspace = Path(environment.get("DOVECOTE_WORKSPACE") or folder.outbound_files)
        try:
            told = json.loads(_required(environment, "DOVECOTE_AGENT"))
            within = None if told.get("within") is None else tuple(told["within"])
            agent = Agent(**{**told, "options": Options.of(told.get("options", {})), "within": within})
        except OptionsError as error:
            raise SettingsError("DOVECOTE_AGENT", str(error)) from error
        except (ValueError, TypeError, AttributeError) as error:
            raise SettingsError("DOVECOTE_AGENT", f"not an agent's JSON: {error}") from error
        return cls(
            folder=folder,
            workspace=workspace,
            shared=Path(environment.get("DOVECOTE_SHARED") or workspace / "shared"),
            incarnation=_required(environment, "DOVECOTE_INCARNATION"),
            agent=agent,
            agent_folder=Path(found) if (found := environment.get("DOVECOTE_AGENT_DIR")) else None,
            bells=environment.get("DOVECOTE_BELLS", "1") == "1",
            stream_idle=_seconds(environment, "DOVECOTE_STREAM_IDLE", 20.0),
            idle_exit=_seconds(environment, "DOVECOTE_IDLE_EXIT", 300.0),
            without=frozenset(environment.get("DOVECOTE_MODEL_WITHOUT", "").split()),
            poll_slowest=_seconds(environment, "DOVECOTE_POLL_SLOWEST", 0.0),
            title_model=environment.get("DOVECOTE_TITLE_MODEL", ""),
            fallback_model=environment.get("DOVECOTE_FALLBACK_MODEL", ""),
            fallback_elsewhere=environment.get("DOVECOTE_FALLBACK_ELSEWHERE", "0") == "1",
            egress=environment.get("DOVECOTE_EGRESS", "0") == "1",
            voice=_voice(environment),
            ahead=int(_seconds(environment, "DOVECOTE_AHEAD", 0.0))
            if "DOVECOTE_AHEAD" in environment
            else None,
        )


def _required(environment: Mapping[str, str], variable: str) -> str:
    value = environment.get(variable, "")
    if not value:
        raise SettingsError(variable, "is not set; the host sets it when it starts a runner")
    return value


def _voice(environment: Mapping[str, str]) -> Voice:
    try:
        told = json.loads(environment.get("DOVECOTE_VOICE") or "{}")
        return Voice(**{**told, "command": tuple(told.get("command", ()))})
    except (ValueError, TypeError, AttributeError) as error:
        raise SettingsError("DOVECOTE_VOICE", f"not what writes voice messages down: {error}") from error


def _seconds(environment: Mapping[str, str], variable: str, default: float) -> float:
    try:
        return float(environment.get(variable) or default)
    except ValueError as error:
        raise SettingsError(variable, "is not a number of seconds") from error
