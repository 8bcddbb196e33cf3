-- What was read from end to end is found by an index.
CREATE INDEX sessions_active ON sessions (active_at);
CREATE INDEX sessions_pruned ON sessions (pruned_at);
CREATE INDEX users_decided ON users (channel_type, user_id) WHERE standing <> '';
CREATE INDEX requests_open ON requests (created_at) WHERE choice = '';
CREATE INDEX spent_day ON spent (day);
CREATE INDEX notices_over ON notices (created_at) WHERE state IN ('sent', 'failed');
CREATE INDEX orders_over ON orders (created_at) WHERE outcome <> '';
CREATE INDEX held_at ON held (held_at);
CREATE INDEX sessions_of_scope ON sessions (scope);
