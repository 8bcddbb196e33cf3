-- What an owner decided about somebody of Slack counts in the workspaces in which they were heard: another may give the same id to
-- somebody else. Of whom nothing was ever heard it goes on counting in all of them.
UPDATE users SET standing = (
    SELECT d.standing FROM users d WHERE d.channel_type = 'slack' AND d.workspace_id = '' AND d.user_id = users.user_id
) WHERE channel_type = 'slack' AND workspace_id <> '' AND standing = '' AND EXISTS (
    SELECT 1 FROM users d WHERE d.channel_type = 'slack' AND d.workspace_id = '' AND d.user_id = users.user_id AND d.standing <> ''
);
UPDATE users SET standing = '' WHERE channel_type = 'slack' AND workspace_id = '' AND standing <> '' AND EXISTS (
    SELECT 1 FROM users k WHERE k.channel_type = 'slack' AND k.workspace_id <> '' AND k.user_id = users.user_id
);
