-- Whoever changes what hosts keep in memory tells those that serve beside it (registry/tidings.py). Made anew where one is missing, as
-- after a migration that makes a table anew. The arguments are columns that say what of it has changed.
CREATE OR REPLACE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found jsonb := CASE WHEN TG_OP = 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    about jsonb := '[]';
BEGIN
    FOR i IN 0 .. TG_NARGS - 1 LOOP
        about := about || jsonb_build_array(found ->> TG_ARGV[i]);
    END LOOP;
    PERFORM tell_nodes(TG_TABLE_NAME::text, about::text);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER tidings AFTER INSERT OR DELETE ON paused FOR EACH ROW EXECUTE FUNCTION told();

CREATE OR REPLACE TRIGGER tidings AFTER INSERT OR UPDATE OR DELETE ON closed FOR EACH ROW EXECUTE FUNCTION told();

CREATE OR REPLACE TRIGGER tidings AFTER UPDATE OF gone_at ON users FOR EACH ROW WHEN (OLD.gone_at IS DISTINCT FROM NEW.gone_at)
    EXECUTE FUNCTION told();

CREATE OR REPLACE TRIGGER tidings AFTER INSERT OR UPDATE OR DELETE ON channel_rules FOR EACH ROW
    EXECUTE FUNCTION told('channel_type', 'workspace_id', 'platform_id');

CREATE OR REPLACE TRIGGER tidings AFTER UPDATE OF scope ON sessions FOR EACH ROW WHEN (OLD.scope IS DISTINCT FROM NEW.scope)
    EXECUTE FUNCTION told('channel_type', 'workspace_id', 'platform_id');

CREATE OR REPLACE TRIGGER tidings AFTER INSERT OR UPDATE OF changed_at ON installs FOR EACH ROW
    EXECUTE FUNCTION told('channel_type', 'holder');
