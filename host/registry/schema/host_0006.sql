-- Sign-ins at MCP servers on the web: one per agent and server of the configuration.
CREATE TABLE mcp_logins (
    agent        TEXT NOT NULL,
    server       TEXT NOT NULL,
    sealed       BLOB NOT NULL,                       -- address, tokens and registration; its key lies elsewhere
    changed_at   INTEGER NOT NULL,                    -- ms UTC
    PRIMARY KEY (agent, server)
) WITHOUT ROWID;
