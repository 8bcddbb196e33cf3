"""Several hosts on one database while nodes, the wires to it and the database itself fail: `make chaos`."""
