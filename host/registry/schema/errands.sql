-- What one node has another do, where several serve at a time: about a channel that the other holds, or that concerns every node. Nobody but these reads it.
CREATE TABLE errands (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node         text COLLATE "C" NOT NULL,           -- who is to do it
    asker        text COLLATE "C" NOT NULL,           -- who waits for the answer; '' = nobody
    kind         text COLLATE "C" NOT NULL,
    body         text NOT NULL,                       -- JSON
    asked_at     bigint NOT NULL,                     -- ms UTC, as all times here
    begun_at     bigint NOT NULL DEFAULT 0,           -- 0 = not yet; begun once at most
    answer       text                                 -- JSON, once there is one
);
CREATE INDEX errands_node ON errands (node, id);
