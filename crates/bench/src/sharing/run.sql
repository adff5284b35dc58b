SELECT 'raw_' || gen_random_uuid() AS id \gset
BEGIN;
INSERT INTO threads (id, project, created_at, version, deleted, active_run, data)
VALUES (:'id', 'default', 1795000000, 1, 0, :'id', repeat('x', 100));
INSERT INTO messages (id, project, created_at, thread_id, run_id, version, deleted, data)
VALUES (:'id' || 'u', 'default', 1795000000, :'id', NULL, 1, 0, repeat('x', 350));
INSERT INTO runs (id, project, created_at, thread_id, version, token, owner, attend_at, expires_at, data)
VALUES (:'id', 'default', 1795000000, :'id', 1, 1, 'raw', 9000000000000, 9000000000, repeat('x', 900));
COMMIT;
BEGIN;
SELECT 1 FROM threads WHERE id = :'id' FOR NO KEY UPDATE;
UPDATE runs SET data = repeat('y', 950), version = version + 1, owner = NULL, attend_at = NULL
WHERE id = :'id' AND thread_id = :'id' AND version = 1 AND token = 1
AND EXISTS (SELECT 1 FROM threads WHERE id = :'id' AND project = 'default' AND deleted = 0);
INSERT INTO steps (id, project, created_at, thread_id, run_id, status, message_id, deleted, data)
VALUES (:'id' || 's', 'default', 1795000000, :'id', :'id', 'completed', :'id' || 'a', 0, repeat('x', 600));
INSERT INTO messages (id, project, created_at, thread_id, run_id, version, deleted, data)
VALUES (:'id' || 'a', 'default', 1795000000, :'id', :'id', 1, 0, repeat('x', 1000));
UPDATE threads SET active_run = NULL WHERE id = :'id' AND active_run = :'id';
COMMIT;
