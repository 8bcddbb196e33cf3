-- host.db: the host's own registry. WAL, synchronous=FULL, never mounted into a container.

CREATE TABLE meta (
    key          TEXT PRIMARY KEY,
    value        TEXT NOT NULL
) WITHOUT ROWID;

-- Every event is durable here first: that is the point at which the platform is told (law 4).
CREATE TABLE inbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of arrival
    key          TEXT NOT NULL UNIQUE,
    message_id   TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('routed', 'stored', 'declined')),
    session_id   TEXT NOT NULL DEFAULT '',
    event        TEXT NOT NULL,                       -- the InboundEvent as JSON; emptied of text by retention
    trigger_     INTEGER NOT NULL DEFAULT 1,
    reason       TEXT NOT NULL DEFAULT '',            -- of a declined one, for people
    received_at  INTEGER NOT NULL,
    stored_at    INTEGER NOT NULL DEFAULT 0,
    emptied      INTEGER NOT NULL DEFAULT 0           -- 1 = retention has taken the text; the key is kept longer
);
CREATE INDEX inbox_old ON inbox (emptied, received_at);
CREATE INDEX inbox_unstored ON inbox (session_id, id) WHERE state = 'routed';
CREATE INDEX inbox_message ON inbox (message_id);
CREATE INDEX inbox_platform ON inbox (event ->> '$.event.platform_message_id');

CREATE TABLE sessions (
    id             TEXT PRIMARY KEY,
    agent          TEXT NOT NULL,
    channel_type   TEXT NOT NULL,
    workspace_id   TEXT NOT NULL,
    platform_id    TEXT NOT NULL,
    thread_id      TEXT NOT NULL,
    scope          TEXT NOT NULL,                     -- privacy scope: whose workspace folder it shares
    created_at     INTEGER NOT NULL,
    active_at      INTEGER NOT NULL,
    busy           INTEGER NOT NULL DEFAULT 1,        -- 0 = proven to have nothing to do; set before any work is written
    work           INTEGER NOT NULL DEFAULT 1,        -- counts what came in, so that resting cannot overlook it
    start_failures INTEGER NOT NULL DEFAULT 0,        -- starts in a row that died without a claim
    start_error    TEXT NOT NULL DEFAULT '',          -- of the last of them
    next_start_at  INTEGER NOT NULL DEFAULT 0,
    seq_high_water INTEGER NOT NULL DEFAULT 0,        -- survives the loss of inbound.db
    pruned_at      INTEGER NOT NULL DEFAULT 0,        -- when retention last looked at its files
    UNIQUE (agent, channel_type, workspace_id, platform_id, thread_id)
) WITHOUT ROWID;
CREATE INDEX sessions_busy ON sessions (id) WHERE busy = 1;
CREATE INDEX sessions_place ON sessions (channel_type, workspace_id, platform_id, thread_id);

-- Threads in which an agent takes part without being mentioned: an explicit flag, never inferred.
CREATE TABLE engaged (
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    thread_id    TEXT NOT NULL,
    agent        TEXT NOT NULL,
    since        INTEGER NOT NULL,                    -- ms UTC by the platform's clock: of the message that engaged it
    session_id   TEXT NOT NULL DEFAULT '',            -- the session it continues; '' = the one its address names
    PRIMARY KEY (channel_type, workspace_id, platform_id, thread_id)
) WITHOUT ROWID;

-- Up to where a platform's history was taken in, per address: what came later is read at the next connect.
CREATE TABLE watermarks (
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    thread_id    TEXT NOT NULL,
    natural_id   TEXT NOT NULL,
    PRIMARY KEY (channel_type, workspace_id, platform_id, thread_id)
) WITHOUT ROWID;

CREATE TABLE users (
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    name         TEXT NOT NULL DEFAULT '',
    zone         TEXT NOT NULL DEFAULT '',
    standing     TEXT NOT NULL DEFAULT ''             -- what an owner decided; in the row of workspace '', for all of them
                 CHECK (standing IN ('', 'allowed', 'denied')),
    seen_at      INTEGER NOT NULL,
    PRIMARY KEY (channel_type, workspace_id, user_id)
) WITHOUT ROWID;

-- What an operator ordered from another process; the running host carries it out and notes how it went.
CREATE TABLE orders (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT NOT NULL CHECK (kind IN ('stop', 'task')),
    session_id   TEXT NOT NULL,                       -- '' where the body says what it is about
    body         TEXT NOT NULL DEFAULT '',            -- JSON
    outcome      TEXT NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL
);
CREATE INDEX orders_waiting ON orders (id) WHERE outcome = '';

-- Every task there is, by when its session must be looked at: a lower bound, written before the task (law 12).
CREATE TABLE due (
    task_id      TEXT PRIMARY KEY,
    session_id   TEXT NOT NULL,                       -- whose inbound.db has the task
    made_in      TEXT NOT NULL,                       -- the session it was asked for in; '' = by no agent
    at           INTEGER NOT NULL                     -- ms UTC
) WITHOUT ROWID;
CREATE INDEX due_at ON due (at, session_id);
CREATE INDEX due_session ON due (session_id);
CREATE INDEX due_made_in ON due (made_in);

-- What the host itself has to say, delivered by the same machinery as answers (law 14).
CREATE TABLE notices (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    about               TEXT NOT NULL,                -- one notice per incident
    chunk               INTEGER NOT NULL DEFAULT 0,   -- which of its text's chunks this row sends; 0 makes the others
    key                 TEXT NOT NULL UNIQUE,
    private_to          TEXT NOT NULL DEFAULT '',     -- a user id: shown to them alone
    answers             TEXT NOT NULL DEFAULT '',     -- platform id of the message it is about
    text                TEXT NOT NULL,                -- of all its chunks
    decision            TEXT NOT NULL DEFAULT '',     -- what it asks an owner, as JSON
    otherwise           TEXT NOT NULL DEFAULT '',     -- the address where it is said if it is refused here, as JSON
    channel_type        TEXT NOT NULL,
    workspace_id        TEXT NOT NULL,
    platform_id         TEXT NOT NULL,                -- '' with private_to: a direct message
    thread_id           TEXT NOT NULL,
    state               TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'unknown', 'sent', 'failed')),
    platform_message_id TEXT NOT NULL DEFAULT '',
    attempts            INTEGER NOT NULL DEFAULT 0,
    lookups             INTEGER NOT NULL DEFAULT 0,
    next_attempt_at     INTEGER NOT NULL DEFAULT 0,
    first_attempt_at    INTEGER NOT NULL DEFAULT 0,
    error               TEXT NOT NULL DEFAULT '',
    created_at          INTEGER NOT NULL,
    UNIQUE (about, chunk)
);
CREATE INDEX notices_open ON notices (id) WHERE state IN ('pending', 'sending', 'unknown');

-- What model calls may cost, set aside before each of them; one that is still here at boot is charged in full.
CREATE TABLE reservations (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id   TEXT NOT NULL,
    agent        TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    task_id      TEXT NOT NULL,
    model        TEXT NOT NULL,
    day          INTEGER NOT NULL,                    -- 20261231, in the host's zone
    made_at      INTEGER NOT NULL,
    cost         INTEGER NOT NULL                     -- millionths of a US dollar, an upper bound
);

-- Every call that was paid for, or may have been.
CREATE TABLE usage (
    id           INTEGER PRIMARY KEY,                 -- the reservation's
    session_id   TEXT NOT NULL,
    agent        TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    task_id      TEXT NOT NULL,
    model        TEXT NOT NULL,
    day          INTEGER NOT NULL,
    made_at      INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    cache_read_tokens  INTEGER NOT NULL,
    web_searches       INTEGER NOT NULL,
    cost         INTEGER NOT NULL,
    estimated    INTEGER NOT NULL                     -- 1 = the answer was lost before it said what it cost
);
CREATE INDEX usage_day ON usage (day, agent);

-- The sums of usage that budgets are checked against.
CREATE TABLE spent (
    agent        TEXT NOT NULL,
    day          INTEGER NOT NULL,
    cost         INTEGER NOT NULL,
    PRIMARY KEY (agent, day)
) WITHOUT ROWID;

-- The same sums per conversation, with where it is: what channels' budgets are checked against, and what people may see.
CREATE TABLE spent_by_session (
    session_id   TEXT NOT NULL,
    day          INTEGER NOT NULL,
    agent        TEXT NOT NULL,
    scope        TEXT NOT NULL,
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    cost         INTEGER NOT NULL,
    tokens       INTEGER NOT NULL,
    PRIMARY KEY (session_id, day)
) WITHOUT ROWID;
CREATE INDEX spent_by_channel ON spent_by_session (channel_type, workspace_id, platform_id, day);
CREATE INDEX spent_by_day ON spent_by_session (day);
CREATE INDEX spent_by_scope ON spent_by_session (scope, day);

-- What an owner decided about a channel, over the configuration's routes; '' and -1 leave a thing as it is there.
CREATE TABLE channel_rules (
    channel_type TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    agent        TEXT NOT NULL DEFAULT '',
    engage       TEXT NOT NULL DEFAULT '' CHECK (engage IN ('', 'mention', 'always', 'off')),
    budget       INTEGER NOT NULL DEFAULT -1,         -- millionths of a US dollar per day
    PRIMARY KEY (channel_type, workspace_id, platform_id)
) WITHOUT ROWID;

-- Who changed what without an agent: rules, access, budgets. Written in the transaction that changes it.
CREATE TABLE audit (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    user         TEXT NOT NULL,                       -- platform:id
    name         TEXT NOT NULL,
    channel_type TEXT NOT NULL,                       -- where it was ordered
    workspace_id TEXT NOT NULL,
    platform_id  TEXT NOT NULL,
    thread_id    TEXT NOT NULL,
    action       TEXT NOT NULL,
    detail       TEXT NOT NULL
);

-- What owners are asked to decide; the first decision counts.
CREATE TABLE requests (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('access', 'budget')),
    subject      TEXT NOT NULL,                       -- JSON: what a yes means, and whom to tell
    choice       TEXT NOT NULL DEFAULT '',            -- '' = not decided
    decided_by   TEXT NOT NULL DEFAULT '',            -- their name
    decided_at   INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL
) WITHOUT ROWID;

-- What owners allowed beyond a budget of the configuration or of a channel.
CREATE TABLE raises (
    budget       TEXT NOT NULL,                       -- whose: 'all', 'agent NAME', 'channel ADDRESS'
    period       INTEGER NOT NULL,                    -- a day 20261231, or a month 20261200
    amount       INTEGER NOT NULL,                    -- millionths of a US dollar, in sum
    PRIMARY KEY (budget, period)
) WITHOUT ROWID;
