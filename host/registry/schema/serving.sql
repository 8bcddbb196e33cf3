-- Nodes that serve at a time, each what it holds; none of them where one serves all (`lease`). Times are ms UTC by the database's clock.
CREATE TABLE serving (
    node         text COLLATE "C" PRIMARY KEY,        -- nodes.id
    name         text COLLATE "C" NOT NULL,           -- of its machine
    epoch        bigint NOT NULL,                     -- raised by whoever begins to serve, or finds that one is over
    live         bigint NOT NULL                      -- 0 = given back, or over
);
-- Apart, for every transaction reads the row above, and a beat changes none that it reads.
CREATE TABLE serving_until (
    node         text COLLATE "C" PRIMARY KEY,
    epoch        bigint NOT NULL,                     -- as above
    until        bigint NOT NULL,                     -- 0 = no more to be renewed
    works        bigint NOT NULL DEFAULT 0            -- conversations that were under way there with the latest beat
);

-- Which node has a channel with all that is said there. No time of its own: it is held for as long as its node serves.
CREATE TABLE placements (
    channel_type text COLLATE "C" NOT NULL,
    workspace_id text COLLATE "C" NOT NULL,
    platform_id  text COLLATE "C" NOT NULL,
    node         text COLLATE "C" NOT NULL,
    epoch        bigint NOT NULL,                     -- how many times it was taken
    taken_at     bigint NOT NULL,
    PRIMARY KEY (channel_type, workspace_id, platform_id)
);
CREATE INDEX placements_node ON placements (node, taken_at);

-- Whether whoever asks has the channel: a node that holds some has told its connection so, and everybody else sees all.
CREATE FUNCTION here(channel text, workspace text, platform text) RETURNS boolean LANGUAGE sql STABLE
    RETURN coalesce(current_setting('dovecote.node', true), '') = '' OR EXISTS (
        SELECT FROM placements WHERE channel_type = channel AND workspace_id = workspace AND platform_id = platform
            AND node = current_setting('dovecote.node', true)
    );

-- What hosts keep in memory of what they share and has changed lately (registry/tidings.py). Rows are only added: who tells at the
-- same time undoes nobody else's transaction.
CREATE TABLE tidings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    what         text COLLATE "C" NOT NULL,
    about        text COLLATE "C" NOT NULL,           -- a list, JSON
    node         text COLLATE "C" NOT NULL,           -- whose host changed it; '' = a command beside one
    at           bigint NOT NULL
);
CREATE INDEX tidings_at ON tidings (at);

CREATE FUNCTION tell_nodes(what text, about text) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO tidings (what, about, node, at)
        SELECT $1, $2, coalesce(current_setting('dovecote.node', true), ''), ms_now() WHERE EXISTS (SELECT FROM serving WHERE live = 1);
    SELECT pg_notify('dovecote_work_' || node, '') FROM serving
        WHERE live = 1 AND node <> coalesce(current_setting('dovecote.node', true), '');
$$;

-- Of whom something may lie on a node's disk that is to be forgotten: a row per node until it has done its part (registry/parting.py).
CREATE TABLE to_forget (
    mark         text COLLATE "C" NOT NULL,           -- of the person, as in `forgotten`
    node         text COLLATE "C" NOT NULL,
    person       text COLLATE "C" NOT NULL,           -- '' for a node that is away: nobody is to know it when it comes back
    sessions     text NOT NULL,                       -- what goes on one that was away: ids, and whether with the work, JSON
    done         bigint NOT NULL,
    said         text NOT NULL,                       -- what could not be taken away
    PRIMARY KEY (mark, node)
);
CREATE INDEX to_forget_node ON to_forget (node);

CREATE OR REPLACE VIEW nodes_seen AS
    SELECT nodes.name, nodes.id, nodes.since, ms_now() - nodes.beat_at AS silent, nodes.version,
        ((lease.node = nodes.id AND lease.until > ms_now()) OR own.node IS NOT NULL)::int AS serves,
        EXISTS (SELECT FROM drained WHERE drained.node = nodes.id)::int AS drained,
        CASE WHEN own.node IS NULL THEN 0
            ELSE (SELECT count(*) FROM placements WHERE placements.node = nodes.id AND channel_type <> '') END AS places,
        coalesce(own.works, 0) AS works,
        (own.node IS NOT NULL)::int AS together
    FROM nodes CROSS JOIN lease LEFT JOIN (
        SELECT node, works FROM serving JOIN serving_until USING (node) WHERE live = 1 AND serving_until.until > ms_now()
    ) AS own ON own.node = nodes.id;
