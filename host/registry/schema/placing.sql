-- By what nodes that serve at a time share places out (registry/placing.py).
ALTER TABLE serving_until ADD COLUMN IF NOT EXISTS labels text COLLATE "C" NOT NULL DEFAULT '[]';  -- of its node, a list, JSON
ALTER TABLE serving_until ADD COLUMN IF NOT EXISTS places bigint NOT NULL DEFAULT 0;               -- channels that it held with the latest beat

ALTER TABLE placements ADD COLUMN IF NOT EXISTS last text COLLATE "C" NOT NULL DEFAULT '';         -- whose it was before it was given back (node = '')

-- Of nodes that take places.
CREATE VIEW loads AS
    SELECT node, name, labels, works, places FROM serving JOIN serving_until USING (node)
    WHERE live = 1 AND until > ms_now() AND NOT EXISTS (SELECT FROM drained WHERE drained.node = serving.node);

CREATE OR REPLACE VIEW nodes_seen AS
    SELECT nodes.name, nodes.id, nodes.since, ms_now() - nodes.beat_at AS silent, nodes.version,
        ((lease.node = nodes.id AND lease.until > ms_now()) OR own.node IS NOT NULL)::int AS serves,
        EXISTS (SELECT FROM drained WHERE drained.node = nodes.id)::int AS drained,
        CASE WHEN own.node IS NULL THEN 0
            ELSE (SELECT count(*) FROM placements WHERE placements.node = nodes.id AND channel_type <> '') END AS places,
        coalesce(own.works, 0) AS works,
        (own.node IS NOT NULL)::int AS together,
        coalesce(own.labels, '[]') AS labels
    FROM nodes CROSS JOIN lease LEFT JOIN (
        SELECT node, works, labels FROM serving JOIN serving_until USING (node) WHERE live = 1 AND serving_until.until > ms_now()
    ) AS own ON own.node = nodes.id;
