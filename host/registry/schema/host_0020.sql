-- Workspaces that gave a platform's app a token of their own. One that ended keeps its row, without the token, so that it can be said.
CREATE TABLE installs (
    channel_type TEXT NOT NULL,
    holder       TEXT NOT NULL,                       -- a workspace, or an organisation whose workspaces share one token
    name         TEXT NOT NULL,                       -- as the platform told it
    sealed       BLOB NOT NULL,                       -- the token; its key lies elsewhere. Empty once it ended
    changed_at   INTEGER NOT NULL,                    -- ms UTC
    ended        TEXT NOT NULL DEFAULT '',            -- why; '' while it counts
    PRIMARY KEY (channel_type, holder)
) WITHOUT ROWID;
-- Installations under way, by a hash: whoever reads this can end none of them.
CREATE TABLE install_states (
    hash         TEXT PRIMARY KEY,
    ends_at      INTEGER NOT NULL                     -- ms UTC
) WITHOUT ROWID;
CREATE INDEX install_states_end ON install_states (ends_at);
