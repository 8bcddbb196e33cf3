-- Tasks that wait for something to happen in a channel: an index over the sessions' files, made again by every look at one.
CREATE TABLE awaited (
    task_id      TEXT PRIMARY KEY,
    session_id   TEXT NOT NULL,                       -- whose inbound.db has the task
    channel_type TEXT NOT NULL,                       -- where it is waited for
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    kind         TEXT NOT NULL,                       -- reaction, file, words
    what         TEXT NOT NULL,
    since        INTEGER NOT NULL,                    -- ms UTC: what happened before does not count
    people       TEXT NOT NULL,                       -- JSON: who may begin it; [] = whoever may ask the agent there
    counted_from INTEGER NOT NULL DEFAULT 0,          -- ms UTC: since when its runs are counted
    begun        INTEGER NOT NULL DEFAULT 0,          -- so many began since
    passed       INTEGER NOT NULL DEFAULT 0           -- so many were let pass since, for there were too many
) WITHOUT ROWID;
CREATE INDEX awaited_place ON awaited (channel_type, workspace_id, platform_id);
CREATE INDEX awaited_session ON awaited (session_id);
