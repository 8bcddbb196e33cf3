"""The version of what host and runner agree on: the folder layout, the two schemas, their meaning."""

CONTRACT = 1  # raised with every change that an older host or runner would misread; also the image's label
