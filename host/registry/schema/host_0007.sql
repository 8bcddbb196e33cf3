-- What people call a channel, for lists: as its platform last told.
CREATE TABLE places (
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    name         TEXT NOT NULL,
    PRIMARY KEY (channel_type, workspace_id, platform_id)
) WITHOUT ROWID;
