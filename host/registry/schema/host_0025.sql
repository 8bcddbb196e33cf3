-- Whose data folder has the files of a conversation (docs/adr/0034).
ALTER TABLE sessions ADD COLUMN node TEXT NOT NULL DEFAULT '';       -- nodes.id; '' on a single machine
