-- inbound.db: one writer, the host. The runner sees it through a read-only mount.
-- Times are integer milliseconds UTC; order is seq; '' means "none" in an address.

CREATE TABLE messages_in (
    seq                 INTEGER PRIMARY KEY CHECK (seq >= 2 AND seq % 2 = 0),
    id                  TEXT NOT NULL UNIQUE,          -- hash of the inbox key: inserting twice is one row
    kind                TEXT NOT NULL CHECK (kind IN ('chat', 'task', 'webhook', 'system', 'control')),
    status              TEXT NOT NULL DEFAULT 'pending'
                        CHECK (status IN ('pending', 'completed', 'failed', 'paused', 'cancelled')),
    "trigger"           INTEGER NOT NULL DEFAULT 1 CHECK ("trigger" IN (0, 1)),  -- 0 = context, wakes nobody
    created_at          INTEGER NOT NULL,              -- the platform's own timestamp
    not_before          INTEGER NOT NULL DEFAULT 0,
    attempts            INTEGER NOT NULL DEFAULT 0,    -- failed claims so far
    channel_type        TEXT NOT NULL,
    workspace_id        TEXT NOT NULL,
    platform_id         TEXT NOT NULL,
    thread_id           TEXT NOT NULL,
    platform_message_id TEXT NOT NULL DEFAULT '',
    author_id           TEXT NOT NULL DEFAULT '',
    task_id             TEXT NOT NULL DEFAULT '',
    occurrence_at       INTEGER NOT NULL DEFAULT 0,
    content             TEXT NOT NULL,
    error               TEXT NOT NULL DEFAULT '',      -- why it failed or was cancelled, in words
    settled_at          INTEGER NOT NULL DEFAULT 0     -- when it got its outcome, by the host's clock
);
CREATE INDEX messages_in_pending ON messages_in (seq) WHERE status = 'pending';
CREATE INDEX messages_in_platform ON messages_in (platform_message_id) WHERE platform_message_id <> '';
CREATE UNIQUE INDEX messages_in_occurrence ON messages_in (task_id, occurrence_at) WHERE task_id <> '';

-- One row per chunk of a row of messages_out: intent, then receipt.
CREATE TABLE delivered (
    message_out_id      TEXT NOT NULL,
    chunk               INTEGER NOT NULL,
    seq                 INTEGER NOT NULL,              -- of the row in messages_out
    key                 TEXT NOT NULL UNIQUE,          -- minted by the host, at most 20 characters
    state               TEXT NOT NULL
                        CHECK (state IN ('pending', 'sending', 'unknown', 'sent', 'applied', 'failed', 'quarantined')),
    platform_message_id TEXT NOT NULL DEFAULT '',
    attempts            INTEGER NOT NULL DEFAULT 0,
    lookups             INTEGER NOT NULL DEFAULT 0,    -- look-ups made since the last unknown outcome
    next_attempt_at     INTEGER NOT NULL DEFAULT 0,
    first_attempt_at    INTEGER NOT NULL DEFAULT 0,
    error               TEXT NOT NULL DEFAULT '',
    channel_type        TEXT NOT NULL,
    workspace_id        TEXT NOT NULL,
    platform_id         TEXT NOT NULL,
    thread_id           TEXT NOT NULL,
    in_reply_to         TEXT NOT NULL DEFAULT '',
    payload             TEXT NOT NULL DEFAULT '',      -- what is sent, copied before the intent; emptied by the receipt
    updated_at          INTEGER NOT NULL,
    PRIMARY KEY (message_out_id, chunk)
) WITHOUT ROWID;
CREATE INDEX delivered_open ON delivered (seq) WHERE state IN ('pending', 'sending', 'unknown');
CREATE INDEX delivered_platform ON delivered (platform_message_id) WHERE platform_message_id <> '';
CREATE INDEX delivered_answer ON delivered (in_reply_to) WHERE in_reply_to <> '';

-- The "working…" message shown at an address while a message is being answered: intent, then receipt, then its removal.
CREATE TABLE live (
    message_id          TEXT PRIMARY KEY,              -- the message it will answer
    attempt             INTEGER NOT NULL,              -- of that message, at which it is shown
    state               TEXT NOT NULL CHECK (state IN ('intended', 'shown', 'removed', 'failed')),
    key                 TEXT NOT NULL UNIQUE,          -- minted by the host, at most 20 characters
    channel_type        TEXT NOT NULL,
    workspace_id        TEXT NOT NULL,
    platform_id         TEXT NOT NULL,
    thread_id           TEXT NOT NULL,
    answers             TEXT NOT NULL,                 -- platform id of the message it will answer
    asked_by            TEXT NOT NULL,
    platform_message_id TEXT NOT NULL DEFAULT '',
    opened_at           INTEGER NOT NULL,              -- of the intent
    updated_at          INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX live_open ON live (channel_type, workspace_id, platform_id, thread_id)
    WHERE state IN ('intended', 'shown');

-- Notices that an outcome recorded here calls for: written with it, deleted once host.db has them.
CREATE TABLE owed (
    about               TEXT PRIMARY KEY,              -- names the incident: in host.db it is one notice however often it comes
    notice              TEXT NOT NULL                  -- JSON
) WITHOUT ROWID;

-- Scheduled tasks of this session. The host alone reads and writes them.
CREATE TABLE tasks (
    id                  TEXT PRIMARY KEY,
    title               TEXT NOT NULL,
    prompt              TEXT NOT NULL,
    cron                TEXT NOT NULL,                 -- five fields; '' = once
    at                  INTEGER NOT NULL,              -- of a single time, ms UTC; 0 = cron
    zone                TEXT NOT NULL,                 -- IANA
    script              TEXT NOT NULL DEFAULT '',      -- decides in the container whether the agent is asked
    missed              TEXT NOT NULL CHECK (missed IN ('run_once', 'run_all', 'skip')),
    mentions            TEXT NOT NULL DEFAULT '[]',    -- user ids, JSON
    state               TEXT NOT NULL CHECK (state IN ('active', 'paused', 'done', 'cancelled')),
    next_at             INTEGER NOT NULL,              -- ms UTC, 0 = none
    last_occurrence     INTEGER NOT NULL DEFAULT 0,    -- never falls
    failures            INTEGER NOT NULL DEFAULT 0,    -- runs in a row that failed
    problem             TEXT NOT NULL DEFAULT '',      -- of the last run
    owner               TEXT NOT NULL,                 -- user id
    source              TEXT NOT NULL CHECK (source IN ('agent', 'person', 'file')),
    made_in             TEXT NOT NULL,                 -- the session it was asked for in
    channel_type        TEXT NOT NULL,                 -- where it posts
    workspace_id        TEXT NOT NULL,
    platform_id         TEXT NOT NULL,
    thread_id           TEXT NOT NULL,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX tasks_due ON tasks (next_at) WHERE state = 'active';

-- Due times that came, and what became of each: the run here, the posts in `delivered`.
CREATE TABLE occurrences (
    task_id             TEXT NOT NULL,
    due_at              INTEGER NOT NULL,              -- ms UTC
    message_id          TEXT NOT NULL DEFAULT '',      -- '' when it did not run
    stands_for          TEXT NOT NULL DEFAULT '',      -- due times it makes up for, in words
    fired_at            INTEGER NOT NULL,
    started_at          INTEGER NOT NULL DEFAULT 0,
    finished_at         INTEGER NOT NULL DEFAULT 0,
    outcome             TEXT NOT NULL DEFAULT ''
                        CHECK (outcome IN ('', 'completed', 'failed', 'cancelled', 'skipped')),
    error               TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (task_id, due_at)
) WITHOUT ROWID;

-- Orders about tasks that came from outside of this file, with what was answered: carried out once each.
CREATE TABLE orders_done (
    id                  TEXT PRIMARY KEY,
    ok                  INTEGER NOT NULL,
    text                TEXT NOT NULL,
    done_at             INTEGER NOT NULL
) WITHOUT ROWID;

-- Where the agent may write besides the place that asked.
CREATE TABLE destinations (
    name                TEXT PRIMARY KEY,
    description         TEXT NOT NULL DEFAULT '',
    channel_type        TEXT NOT NULL,
    workspace_id        TEXT NOT NULL,
    platform_id         TEXT NOT NULL,
    thread_id           TEXT NOT NULL
) WITHOUT ROWID;

-- What people were asked, and who may answer: by this the host decides whose click counts.
CREATE TABLE questions (
    message_out_id      TEXT PRIMARY KEY,
    key                 TEXT NOT NULL UNIQUE,          -- of its first chunk: what an answer refers to
    audience            TEXT NOT NULL,                 -- user ids as JSON; empty = whoever is let in
    expires_at          INTEGER NOT NULL DEFAULT 0,    -- 0 = never
    approval            INTEGER NOT NULL DEFAULT 0,    -- 1 = of a tool's call: nobody's yes counts but the audience's
    answered_by         TEXT NOT NULL DEFAULT ''       -- the message that is its answer
) WITHOUT ROWID;

-- incarnation, high-water marks, watermarks: see sessiondb.inbound.
CREATE TABLE session (
    key                 TEXT PRIMARY KEY,
    value               TEXT NOT NULL
) WITHOUT ROWID;
