-- What people think of answers: the last choice of each person, since the platforms' buttons tell no state.
CREATE TABLE judgements (
    answer       TEXT NOT NULL,                       -- the key of the chunk that carried the buttons
    user         TEXT NOT NULL,                       -- platform:id
    session_id   TEXT NOT NULL,
    agent        TEXT NOT NULL,
    model        TEXT NOT NULL,
    choice       TEXT NOT NULL CHECK (choice IN ('good', 'bad')),
    reason       TEXT NOT NULL DEFAULT '',            -- of a 'bad', in the person's words
    day          INTEGER NOT NULL,                    -- of the answer, 20261231, in the host's zone
    at           INTEGER NOT NULL,                    -- ms UTC by the platform's clock: of two choices the later counts
    PRIMARY KEY (answer, user)
) WITHOUT ROWID;
CREATE INDEX judgements_day ON judgements (day, agent, model);
CREATE INDEX judgements_at ON judgements (at);

-- Whose answer a button is under, and which model had been asked for it.
CREATE INDEX ledger_key ON ledger (key);
CREATE INDEX usage_session ON usage (session_id, made_at);
