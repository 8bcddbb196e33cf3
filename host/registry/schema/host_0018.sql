-- Where nothing can be said at present: a whole workspace has no platform_id, a whole channel no thread_id.
CREATE TABLE closed (
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    thread_id    TEXT NOT NULL,
    why          TEXT NOT NULL CHECK (why IN ('archived', 'gone', 'removed', 'locked')),
    since        INTEGER NOT NULL,                    -- ms UTC
    PRIMARY KEY (channel_type, workspace_id, platform_id, thread_id)
) WITHOUT ROWID;
-- Since when the platform says that nobody is behind the account any more, ms UTC; 0 while somebody is.
ALTER TABLE users ADD COLUMN gone_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_gone ON users (channel_type, workspace_id) WHERE gone_at > 0;
