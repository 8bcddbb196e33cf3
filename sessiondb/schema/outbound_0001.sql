-- outbound.db: one writer, the runner. The host opens it read-only and trusts nothing in it.

CREATE TABLE messages_out (
    seq            INTEGER PRIMARY KEY CHECK (seq >= 1 AND seq % 2 = 1),
    id             TEXT NOT NULL UNIQUE,               -- derived from turn and call: emitting twice is one row
    in_reply_to    TEXT NOT NULL DEFAULT '',           -- a message of inbound.db: the host takes the address from it
    destination    TEXT NOT NULL DEFAULT '',           -- or a name from inbound.db's destinations
    kind           TEXT NOT NULL CHECK (kind IN ('chat', 'system')),
    created_at     INTEGER NOT NULL,
    deliver_after  INTEGER NOT NULL DEFAULT 0,
    content        TEXT NOT NULL
);

CREATE TABLE processing_ack (
    message_id     TEXT PRIMARY KEY,
    status         TEXT NOT NULL CHECK (status IN ('processing', 'completed', 'failed', 'retry')),
    incarnation    TEXT NOT NULL,
    attempt        INTEGER NOT NULL,
    turn           TEXT NOT NULL,                      -- the turn that claimed it: a crash resumes this one
    error          TEXT NOT NULL DEFAULT '',
    updated_at     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX processing_ack_open ON processing_ack (message_id) WHERE status IN ('processing', 'retry');

CREATE TABLE transcript (
    step           INTEGER PRIMARY KEY,
    turn           TEXT NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('user', 'assistant', 'tool_call', 'tool_result', 'final', 'note', 'summary')),
    tool_use_id    TEXT NOT NULL DEFAULT '',
    state          TEXT NOT NULL DEFAULT 'complete' CHECK (state IN ('started', 'complete')),
    content        TEXT NOT NULL,
    created_at     INTEGER NOT NULL
);
CREATE INDEX transcript_turn ON transcript (turn, step);
CREATE UNIQUE INDEX transcript_tool ON transcript (turn, tool_use_id, kind) WHERE tool_use_id <> '';

CREATE TABLE session_state (
    key            TEXT PRIMARY KEY,
    value          TEXT NOT NULL,
    updated_at     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE runner_state (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation    TEXT NOT NULL,
    phase          TEXT NOT NULL CHECK (phase IN ('starting', 'idle', 'working', 'stopping')),
    tool           TEXT NOT NULL DEFAULT '',
    tool_deadline  INTEGER NOT NULL DEFAULT 0,
    activity_at    INTEGER NOT NULL
);
