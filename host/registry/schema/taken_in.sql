-- What a node that stands by took in from a platform, until the one that serves has dealt with it. Nobody but these two reads it.
CREATE TABLE taken_in (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    platform     text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,           -- of payload, in the platform's words
    payload      text NOT NULL,                       -- JSON
    again        bigint NOT NULL,                     -- 1: it is known by its id where it comes a second time; 0: it is dealt with once at most
    waits        bigint NOT NULL,                     -- 1: the node that took it in waits for the answer
    taken_at     bigint NOT NULL,                     -- ms UTC, as all times here
    begun_at     bigint NOT NULL DEFAULT 0,           -- 0 = not yet
    attempts     bigint NOT NULL DEFAULT 0,           -- that failed
    answer       text                                 -- JSON, once there is one
);
