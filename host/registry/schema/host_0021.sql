-- An entry that may be written twice, since it comes from a session's file, names what it is about: it counts once.
ALTER TABLE audit ADD COLUMN about TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX audit_about ON audit (about) WHERE about <> '';
