-- What owners did about messages that ended without an answer: asked again, or taken off the list.
CREATE TABLE dealt_with (
    message_id   TEXT PRIMARY KEY,
    outcome      TEXT NOT NULL CHECK (outcome IN ('retried', 'discarded')),
    at           INTEGER NOT NULL                     -- ms UTC
) WITHOUT ROWID;
CREATE INDEX dealt_with_at ON dealt_with (at);
