-- Nodes that somebody took out of those that may serve. A row outlasts restarts: only a person takes it away.
CREATE TABLE drained (
    node         text COLLATE "C" PRIMARY KEY,        -- its id
    at           bigint NOT NULL                      -- ms UTC
);

-- Of hosts, as their tables are numbered, that may serve from these tables.
ALTER TABLE leader ADD COLUMN oldest bigint NOT NULL DEFAULT 0;

CREATE OR REPLACE VIEW nodes_seen AS
    SELECT nodes.name, nodes.id, nodes.since, ms_now() - nodes.beat_at AS silent, nodes.version,
        (lease.node = nodes.id AND lease.until > ms_now())::int AS serves,
        EXISTS (SELECT FROM drained WHERE drained.node = nodes.id)::int AS drained
    FROM nodes CROSS JOIN lease;
