-- Whose sign-in it is: of a workspace whose own owners signed in, in which the agent then acts as they; '' = the operator's, for all.
CREATE TABLE logins_by_workspace (
    agent        TEXT NOT NULL,
    server       TEXT NOT NULL,
    workspace    TEXT NOT NULL,
    sealed       BLOB NOT NULL,                       -- address, tokens and registration; its key lies elsewhere
    changed_at   INTEGER NOT NULL,                    -- ms UTC
    PRIMARY KEY (agent, server, workspace)
) WITHOUT ROWID;
INSERT INTO logins_by_workspace SELECT agent, server, '', sealed, changed_at FROM mcp_logins;
DROP TABLE mcp_logins;
ALTER TABLE logins_by_workspace RENAME TO mcp_logins;
