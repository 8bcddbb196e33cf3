-- Optional fields of a request that the model's address refused: runners leave them out until they are tried again.
CREATE TABLE model_fields (
    base_url     TEXT NOT NULL,
    field        TEXT NOT NULL,                       -- as in sessiondb.model_fields
    refused_at   INTEGER NOT NULL,                    -- ms UTC
    PRIMARY KEY (base_url, field)
) WITHOUT ROWID;

-- Whose question it is that stands on a platform: an answer names its key and nothing else counts.
CREATE TABLE asked (
    key          TEXT PRIMARY KEY,
    session_id   TEXT NOT NULL,
    channel_type TEXT NOT NULL,                       -- where it stands
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    thread_id    TEXT NOT NULL
) WITHOUT ROWID;

-- Turns that other bots began in a conversation since a person last wrote there.
CREATE TABLE bots_in_a_row (
    session_id   TEXT PRIMARY KEY,
    turns        INTEGER NOT NULL
) WITHOUT ROWID;
