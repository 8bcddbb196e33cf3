-- Other orders than to stop a runner and about tasks.
CREATE TABLE given (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT NOT NULL CHECK (kind IN ('stop', 'task', 'reload', 'pause', 'resume', 'forget')),
    session_id   TEXT NOT NULL,                       -- '' where the body says what it is about
    body         TEXT NOT NULL DEFAULT '',
    outcome      TEXT NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL
);
INSERT INTO given SELECT id, kind, session_id, body, outcome, created_at FROM orders;
DROP TABLE orders;
ALTER TABLE given RENAME TO orders;
CREATE INDEX orders_waiting ON orders (id) WHERE outcome = '';
CREATE INDEX orders_over ON orders (created_at) WHERE outcome <> '';

-- Agents that begin no turn until somebody says so; what is written to them waits.
CREATE TABLE paused (
    agent        TEXT PRIMARY KEY,                    -- '' = all of them
    since        INTEGER NOT NULL                     -- ms UTC
) WITHOUT ROWID;

-- Whom this installation was told to forget, without saying who it was: a mark is made of the id and the installation's own.
CREATE TABLE forgotten (
    mark         TEXT PRIMARY KEY,
    at           INTEGER NOT NULL                     -- ms UTC, of the latest time it was ordered
) WITHOUT ROWID;
