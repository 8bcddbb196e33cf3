-- What was counted for a person of Slack counts in the workspace in which they were heard last: another may give the same id to somebody else.
UPDATE spent_of SET budget = 'person slack:' || (
    SELECT workspace_id FROM users WHERE channel_type = 'slack' AND workspace_id <> '' AND user_id = substr(budget, 14)
    ORDER BY seen_at DESC LIMIT 1
) || '/' || substr(budget, 14) WHERE budget >= 'person slack:' AND budget < 'person slack;' AND instr(budget, '/') = 0 AND EXISTS (
    SELECT 1 FROM users WHERE channel_type = 'slack' AND workspace_id <> '' AND user_id = substr(budget, 14)
);
UPDATE raises SET budget = 'person slack:' || (
    SELECT workspace_id FROM users WHERE channel_type = 'slack' AND workspace_id <> '' AND user_id = substr(budget, 14)
    ORDER BY seen_at DESC LIMIT 1
) || '/' || substr(budget, 14) WHERE budget >= 'person slack:' AND budget < 'person slack;' AND instr(budget, '/') = 0 AND EXISTS (
    SELECT 1 FROM users WHERE channel_type = 'slack' AND workspace_id <> '' AND user_id = substr(budget, 14)
);
