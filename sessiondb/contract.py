"""What host and runner have agreed on: the version of both schemas and the folder layout, and exit codes."""

CONTRACT = 1
EVERYTHING = 1 << 62  # ms: of a runner's care for its file, a time after which nothing is younger
NOT_SET_UP = 2  # a runner's exit code: its settings cannot work; `SessionFolder.refusal` says why
WAITED_IN_VAIN = (
    6  # a runner's exit code: the other side's file was busy for too long, which is no message's fault
)
DAMAGED = (
    7  # a runner's exit code: a file of its session is damaged, says the runner; the host looks for itself
)
LEASE_OVER = 8  # a runner's exit code: another machine may have its session, which is no message's fault
OUTBOUND_KNOWN = (
    "outbound_known"  # a key of inbound.db's session: the outbound.db that is to be there is not a new one
)
WAITS = "waits"  # a key of session_state: "<ms UTC> <turn>", until when that turn's next attempt is to wait
SAID_BY_HOST = (
    "(said by the host) "  # before a refusal that people hear from the host itself, and need not hear twice
)
ELSEWHERE = "/fallback"  # begins the path, at the gateway, of what is asked of an agent's other model at an address of its own
HEARD = "heard:"  # begins a key of session_state: what is known of a voice message, by its file's path
