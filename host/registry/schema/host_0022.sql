-- What a channel shows beside its answers.
ALTER TABLE channel_rules ADD COLUMN work TEXT NOT NULL DEFAULT '';        -- '' = verbs | all | none
ALTER TABLE channel_rules ADD COLUMN bill INTEGER NOT NULL DEFAULT 0;      -- 1 = below each answer, how long it took and what it cost
-- For which message a call was made: the oldest under way. A turn's calls have the same one.
ALTER TABLE reservations ADD COLUMN message_id TEXT NOT NULL DEFAULT '';
ALTER TABLE usage ADD COLUMN message_id TEXT NOT NULL DEFAULT '';
CREATE INDEX usage_message ON usage (message_id) WHERE message_id <> '';
