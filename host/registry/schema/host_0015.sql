-- A channel's settings: by which model its agent answers there, and what it is told besides.
ALTER TABLE channel_rules ADD COLUMN model TEXT NOT NULL DEFAULT '';
ALTER TABLE channel_rules ADD COLUMN instructions TEXT NOT NULL DEFAULT '';

-- Every change of them, the whole before and the whole after as JSON. A row is written once and stays as it is; of whom is
-- forgotten it loses the name.
CREATE TABLE channel_versions (
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    version      INTEGER NOT NULL CHECK (version > 0),
    at           INTEGER NOT NULL,                    -- ms UTC
    user         TEXT NOT NULL,                       -- platform:id
    name         TEXT NOT NULL,
    before       TEXT NOT NULL,
    after        TEXT NOT NULL,
    PRIMARY KEY (channel_type, workspace_id, platform_id, version)
) WITHOUT ROWID;
CREATE INDEX channel_versions_by_user ON channel_versions (user);
