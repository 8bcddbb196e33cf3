-- What a channel's privacy is told of: whether anything of it is still of another scope.
CREATE INDEX sessions_scope ON sessions (channel_type, workspace_id, platform_id, scope);

-- Which row of its session a question is, so that its call is answered also when the session's file is lost.
ALTER TABLE asked ADD COLUMN row_id   TEXT NOT NULL DEFAULT '';             -- of messages_out
ALTER TABLE asked ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0;           -- ms UTC; 0 = before this was kept
CREATE INDEX asked_session ON asked (session_id);

-- Messages that looked like an order to the host and were none: kept until their author sends them as they are.
CREATE TABLE held (
    id           TEXT PRIMARY KEY,                    -- of the message it would be
    event        TEXT NOT NULL,                       -- the InboundEvent as JSON
    held_at      INTEGER NOT NULL                     -- ms UTC
) WITHOUT ROWID;
