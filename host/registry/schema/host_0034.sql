-- What is this node's to do, where several serve at a time (docs/adr/0042); elsewhere all there is.
CREATE VIEW sessions_here AS SELECT * FROM sessions;
CREATE VIEW notices_here AS SELECT * FROM notices;
