-- Whether somebody sees less than what public channels share, as it was when they last wrote: 1 a guest or of another
-- organisation, 0 not, NULL where the platform does not tell.
ALTER TABLE users ADD COLUMN apart INTEGER CHECK (apart IN (0, 1));
