-- Whoever is named by `platform:id` is named with their workspace, `slack:workspace/id`, where another may give the same id to somebody else.
UPDATE audit SET user = 'slack:' || workspace_id || '/' || substr(user, 7)
WHERE channel_type = 'slack' AND workspace_id <> '' AND user >= 'slack:' AND user < 'slack;' AND instr(user, '/') = 0;
UPDATE channel_versions SET user = 'slack:' || workspace_id || '/' || substr(user, 7)
WHERE channel_type = 'slack' AND workspace_id <> '' AND user >= 'slack:' AND user < 'slack;' AND instr(user, '/') = 0;
UPDATE grants SET user = 'slack:' || workspace_id || '/' || substr(user, 7)
WHERE channel_type = 'slack' AND workspace_id <> '' AND user >= 'slack:' AND user < 'slack;' AND instr(user, '/') = 0;
UPDATE judgements SET user = 'slack:' || (SELECT workspace_id FROM sessions WHERE id = judgements.session_id) || '/' || substr(user, 7)
WHERE user >= 'slack:' AND user < 'slack;' AND instr(user, '/') = 0 AND EXISTS (
    SELECT 1 FROM sessions WHERE id = judgements.session_id AND workspace_id <> ''
);
UPDATE votes SET user = 'slack:' || (SELECT workspace_id FROM asked WHERE asked.key = votes.key) || '/' || substr(user, 7)
WHERE user >= 'slack:' AND user < 'slack;' AND instr(user, '/') = 0 AND EXISTS (
    SELECT 1 FROM asked WHERE asked.key = votes.key AND workspace_id <> ''
);
