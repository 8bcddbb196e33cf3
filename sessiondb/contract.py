"""The version of what host and runner agree on: folder layout, the two schemas, the meaning of their columns."""

CONTRACT = 1  # raised with every change that an older host or runner would misread; also the image's label
