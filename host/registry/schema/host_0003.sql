-- What a session's inbound.db is made of again when it is damaged or lost.

-- Up to where everything of a session was over when it last rested: neither is taken up again.
ALTER TABLE sessions ADD COLUMN settled_inbox INTEGER NOT NULL DEFAULT 0;   -- inbox.id
ALTER TABLE sessions ADD COLUMN settled_out   INTEGER NOT NULL DEFAULT 0;   -- seq of messages_out
UPDATE sessions SET settled_inbox = (SELECT coalesce(max(id), 0) FROM inbox), settled_out = seq_high_water WHERE busy = 0;

-- Every task as the last look at its session found it.
CREATE TABLE task_copies (
    task_id      TEXT PRIMARY KEY,
    session_id   TEXT NOT NULL,
    task         TEXT NOT NULL                        -- its row, as JSON
) WITHOUT ROWID;
CREATE INDEX task_copies_session ON task_copies (session_id);
