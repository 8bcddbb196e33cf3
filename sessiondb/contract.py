"""The version of what host and runner have agreed on: both schemas and the folder layout."""

CONTRACT = 1
