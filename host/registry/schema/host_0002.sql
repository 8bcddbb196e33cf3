-- Optional fields of a request that the model's address refused: runners leave them out until they are tried again.
CREATE TABLE model_fields (
    base_url     TEXT NOT NULL,
    field        TEXT NOT NULL,                       -- as in sessiondb.model_fields
    refused_at   INTEGER NOT NULL,                    -- ms UTC
    PRIMARY KEY (base_url, field)
) WITHOUT ROWID;
