-- What a channel, a person and a task did cost, by whose budget it counts: 'channel ADDRESS', 'person PLATFORM:ID', 'task ID'.
CREATE TABLE spent_of (
    budget       TEXT NOT NULL,
    day          INTEGER NOT NULL,                    -- 20261231, in the host's zone
    cost         INTEGER NOT NULL,                    -- millionths of a US dollar
    PRIMARY KEY (budget, day)
) WITHOUT ROWID;
CREATE INDEX spent_of_day ON spent_of (day, budget, cost);

INSERT INTO spent_of SELECT 'channel ' || channel_type || '/' || workspace_id || '/' || platform_id || '/', day, sum(cost)
    FROM spent_by_session GROUP BY 1, 2;
INSERT INTO spent_of SELECT 'person ' || channel_type || ':' || user_id, day, sum(cost)
    FROM usage JOIN sessions ON sessions.id = session_id WHERE user_id <> '' GROUP BY 1, 2;
INSERT INTO spent_of SELECT 'task ' || task_id, day, sum(cost) FROM usage WHERE task_id <> '' GROUP BY 1, 2;
