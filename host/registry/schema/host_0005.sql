-- Intents and receipts of what sessions send: commits are shared, and a lost inbound.db takes none of them with it.
-- inbound.db's `delivered` is a projection of this, with what was read and is not on its way yet.
CREATE TABLE ledger (
    session_id          TEXT NOT NULL,
    seq                 INTEGER NOT NULL,              -- of the row in messages_out: it names one for ever
    chunk               INTEGER NOT NULL,
    message_out_id      TEXT NOT NULL,
    key                 TEXT NOT NULL,                 -- what the platform is asked for
    state               TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'unknown', 'sent', 'failed')),
    platform_message_id TEXT NOT NULL,
    attempts            INTEGER NOT NULL,
    lookups             INTEGER NOT NULL,
    next_attempt_at     INTEGER NOT NULL,
    first_attempt_at    INTEGER NOT NULL,
    error               TEXT NOT NULL,
    channel_type        TEXT NOT NULL,
    workspace_id        TEXT NOT NULL,
    platform_id         TEXT NOT NULL,
    thread_id           TEXT NOT NULL,
    in_reply_to         TEXT NOT NULL,
    payload             TEXT NOT NULL,                 -- what is sent; emptied by the receipt
    updated_at          INTEGER NOT NULL,
    PRIMARY KEY (session_id, seq, chunk)
) WITHOUT ROWID;
CREATE INDEX ledger_row ON ledger (session_id, message_out_id);
CREATE INDEX ledger_answer ON ledger (in_reply_to) WHERE in_reply_to <> '';
CREATE INDEX ledger_failed ON ledger (session_id, seq) WHERE state = 'failed';
CREATE INDEX ledger_platform ON ledger (platform_message_id) WHERE platform_message_id <> '';

-- 0 = its inbound.db is older than the ledger, and is read into it when it is next opened.
ALTER TABLE sessions ADD COLUMN in_ledger INTEGER NOT NULL DEFAULT 1;
UPDATE sessions SET in_ledger = 0;
