-- Of a question: until when it waits, and of an approval what would run and how many people have to allow it.
ALTER TABLE asked ADD COLUMN ends_at INTEGER NOT NULL DEFAULT 0;   -- ms UTC; 0 = answered, or never: nothing is to be said
ALTER TABLE asked ADD COLUMN needed  INTEGER NOT NULL DEFAULT 0;   -- 0 = no approval
ALTER TABLE asked ADD COLUMN tool    TEXT NOT NULL DEFAULT '';
ALTER TABLE asked ADD COLUMN call    TEXT NOT NULL DEFAULT '';     -- as it was shown
CREATE INDEX asked_ends ON asked (ends_at) WHERE ends_at > 0;

-- Who has allowed a call that needs more than one yes. The answer is in the inbox once there are enough.
CREATE TABLE votes (
    key  TEXT NOT NULL,                                            -- of the question
    user TEXT NOT NULL,                                            -- platform:id
    name TEXT NOT NULL,
    at   INTEGER NOT NULL,                                         -- ms UTC
    PRIMARY KEY (key, user)
) WITHOUT ROWID;
CREATE INDEX votes_by_user ON votes (user);
