-- In which language the host speaks (docs/adr/0035).
ALTER TABLE channel_rules ADD COLUMN language TEXT NOT NULL DEFAULT '';  -- '' = as configured
ALTER TABLE users ADD COLUMN locale TEXT NOT NULL DEFAULT '';            -- as the platform calls it, such as de-DE; '' = it does not say
ALTER TABLE notices ADD COLUMN words TEXT NOT NULL DEFAULT '';           -- JSON: what text and decision are made of, until they are told in the language of their place
