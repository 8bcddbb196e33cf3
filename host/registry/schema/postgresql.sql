-- What SQLite brings with it and the registry's statements ask for.

CREATE FUNCTION instr(said text, part text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN strpos(said, part);

-- A value within a JSON text, by its path. PostgreSQL reads no text that has a NUL or half of a pair in it, even escaped.
CREATE FUNCTION json_at(said text, path text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    steps text[] := string_to_array(replace(replace(ltrim(path, '$.'), '[', '.'), ']', ''), '.');
BEGIN
    RETURN said::json #>> steps;
EXCEPTION WHEN untranslatable_character OR invalid_text_representation THEN
    RETURN regexp_replace(said, '\\u(0000|d[89a-f][0-9a-f]{2})', '\ufffd', 'gi')::json #>> steps;
END $$;
CREATE OPERATOR ->> (LEFTARG = text, RIGHTARG = text, FUNCTION = json_at);

CREATE FUNCTION json_each(said text, OUT value text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT json_array_elements_text(said::json) $$;

CREATE FUNCTION json_within(said text, path text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (said::json #> string_to_array(replace(replace(ltrim(path, '$.'), '[', '.'), ']', ''), '.'))::text;
CREATE OPERATOR -> (LEFTARG = text, RIGHTARG = text, FUNCTION = json_within);

CREATE FUNCTION max(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN greatest($1, $2);
CREATE FUNCTION min(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN least($1, $2);
CREATE FUNCTION hex(bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN upper(encode($1, 'hex'));
CREATE FUNCTION randomblob(integer) RETURNS bytea LANGUAGE sql VOLATILE
    RETURN substr(uuid_send(gen_random_uuid()), 1, $1);

-- Who serves from here: whoever begins to raises the epoch, and every transaction of a host's finds its own.
CREATE TABLE leader (
    epoch        bigint NOT NULL,
    version      bigint NOT NULL                      -- of the tables, as the migrations are numbered
);
INSERT INTO leader VALUES (0, 0);

CREATE FUNCTION json_valid(said text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    PERFORM said::json;
    RETURN true;
EXCEPTION WHEN invalid_text_representation THEN
    RETURN false;
END $$;
