"""What host and runner have agreed on about an agent's settings."""

DEFAULT_MODEL = "claude-sonnet-5-5"  # of an agent that names none
