-- Which of its agent's models people may choose in a channel, one a line; '' = all of them.
ALTER TABLE channel_rules ADD COLUMN models TEXT NOT NULL DEFAULT '';
