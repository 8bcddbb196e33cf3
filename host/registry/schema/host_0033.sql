-- Folders of which one node's is the latest, where several nodes share a registry and no folder: workspaces, working folders, files that
-- came and files that are to go. Who goes on with one unpacks these (docs/adr/0041).
CREATE TABLE packed (
    place        TEXT PRIMARY KEY,                    -- the folder, by its path below the data folder
    session_id   TEXT NOT NULL,                       -- whose it is alone; '' for a scope's
    node         TEXT NOT NULL,                       -- whose folder is the latest
    serial       TEXT NOT NULL DEFAULT '',            -- of the pack that is whole; '' for none yet
    digest       TEXT NOT NULL DEFAULT '',            -- SHA-256 of what was packed, before it was compressed
    size         INTEGER NOT NULL DEFAULT 0,          -- bytes of the files in it
    taken_at     INTEGER NOT NULL DEFAULT 0,          -- ms UTC, before the folder was read
    at_rest      INTEGER NOT NULL DEFAULT 0,          -- nobody has written to the folder since
    left_out     TEXT NOT NULL DEFAULT ''             -- why there is none, or not all of it, in words; '' where nothing is missing
) WITHOUT ROWID;
CREATE INDEX packed_by_session ON packed (session_id);
CREATE INDEX packed_unsettled ON packed (node) WHERE at_rest = 0;
CREATE INDEX packed_in_part ON packed (place) WHERE left_out <> '';

-- A pack's bytes. Its serial is named above once all of them are here.
CREATE TABLE packed_portions (
    place        TEXT NOT NULL,
    serial       TEXT NOT NULL,
    number       INTEGER NOT NULL,
    content      BLOB NOT NULL,
    PRIMARY KEY (place, serial, number)
) WITHOUT ROWID;
