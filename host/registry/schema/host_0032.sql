-- What a conversation's runner wrote, where several nodes share a registry: whichever goes on with it makes its outbound.db of this.
CREATE TABLE mailbox_copies (
    session_id   TEXT NOT NULL,
    part         TEXT NOT NULL,                       -- step, out, ack, done or state, as host.mailbox.copies has them
    number       INTEGER NOT NULL,                    -- of the step or the row; 0 for what has a name
    name         TEXT NOT NULL,                       -- '' for what has a number
    content      TEXT NOT NULL,                       -- JSON: its columns in outbound.db
    PRIMARY KEY (session_id, part, number, name)
) WITHOUT ROWID;
-- The node whose files the copies are of, once they were whole; '' until then.
ALTER TABLE sessions ADD COLUMN carried TEXT NOT NULL DEFAULT '';
