-- What stands on a platform while a turn is under way: a lost inbound.db must not leave it there. One of an address at most.
CREATE TABLE live_copies (
    id           INTEGER PRIMARY KEY,
    session_id   TEXT NOT NULL,
    address      TEXT NOT NULL,                       -- JSON, four strings
    live         TEXT NOT NULL,                       -- JSON, as host.mailbox.remaking wrote it
    opened_at    INTEGER NOT NULL,                    -- ms UTC
    UNIQUE (session_id, address)
);
CREATE INDEX live_copies_opened ON live_copies (opened_at);
