"""Finding what was said: an index per privacy scope, and what feeds it."""
