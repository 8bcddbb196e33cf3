-- Why a workspace that has the app cannot be served, and since when without a break: what is to be said there waits, and not for ever.
ALTER TABLE installs ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE installs ADD COLUMN since INTEGER NOT NULL DEFAULT 0;  -- ms UTC; 0 while it is served
