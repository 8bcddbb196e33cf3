-- Which hosts share this database, and which of them serves. Times are ms UTC by the database's clock.
CREATE TABLE nodes (
    id           text COLLATE "C" PRIMARY KEY,        -- of its data folder
    name         text COLLATE "C" NOT NULL,           -- of its machine
    version      text COLLATE "C" NOT NULL,           -- of Dovecote
    since        bigint NOT NULL,                     -- when it was first heard of, since it was last away
    beat_at      bigint NOT NULL
);

CREATE TABLE lease (
    node         text COLLATE "C" NOT NULL,           -- who has it, or had
    name         text COLLATE "C" NOT NULL,
    epoch        bigint NOT NULL,                     -- of the leader's, when it was taken
    until        bigint NOT NULL                      -- 0 = given back
);
INSERT INTO lease VALUES ('', '', 0, 0);

CREATE FUNCTION ms_now() RETURNS bigint LANGUAGE sql VOLATILE
    RETURN (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

CREATE VIEW nodes_seen AS
    SELECT nodes.name, nodes.id, nodes.since, ms_now() - nodes.beat_at AS silent, nodes.version,
        (lease.node = nodes.id AND lease.until > ms_now())::int AS serves
    FROM nodes CROSS JOIN lease;
