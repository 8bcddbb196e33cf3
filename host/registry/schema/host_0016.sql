-- What a channel allows of what its agent may do, and whom. Lists have a name a line; '' leaves a thing as the file has it.
ALTER TABLE channel_rules ADD COLUMN effort TEXT NOT NULL DEFAULT '';
ALTER TABLE channel_rules ADD COLUMN tools TEXT NOT NULL DEFAULT '';
ALTER TABLE channel_rules ADD COLUMN askers TEXT NOT NULL DEFAULT '';
ALTER TABLE channel_rules ADD COLUMN keepers TEXT NOT NULL DEFAULT '';
