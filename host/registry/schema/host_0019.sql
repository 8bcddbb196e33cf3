-- A yes in advance: of one person, to one tool of an agent, in one conversation or in all of a workspace, until it ends.
CREATE TABLE grants (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    agent        TEXT NOT NULL,
    tool         TEXT NOT NULL,
    session_id   TEXT NOT NULL,                                    -- '' = every conversation of the agent there
    user         TEXT NOT NULL,                                    -- platform:id
    name         TEXT NOT NULL,
    ends_at      INTEGER NOT NULL,                                 -- ms UTC
    UNIQUE (channel_type, workspace_id, agent, tool, session_id, user)
);
CREATE INDEX grants_ends ON grants (ends_at);
CREATE INDEX grants_by_user ON grants (user);
