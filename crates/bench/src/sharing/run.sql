\set n random(1, 9000000000000000)
BEGIN;
INSERT INTO threads (id, project, created_at, version, deleted, active_run, data)
VALUES ('raw_' || :n::text, 'default', 1795000000, 1, 0, 'raw_' || :n::text, repeat('x', 100));
INSERT INTO messages (id, project, created_at, thread_id, run_id, version, deleted, data)
VALUES ('raw_u' || :n::text, 'default', 1795000000, 'raw_' || :n::text, NULL, 1, 0, repeat('x', 350));
INSERT INTO runs (id, project, created_at, thread_id, version, token, owner, attend_at, expires_at, data)
VALUES ('raw_' || :n::text, 'default', 1795000000, 'raw_' || :n::text, 1, 1, 'raw', 9000000000000, 9000000000, repeat('x', 900));
COMMIT;
BEGIN;
SELECT 1 FROM threads WHERE id = 'raw_' || :n::text FOR NO KEY UPDATE;
UPDATE runs SET data = repeat('y', 950), version = version + 1, owner = NULL, attend_at = NULL
WHERE id = 'raw_' || :n::text AND thread_id = 'raw_' || :n::text AND version = 1 AND token = 1
AND EXISTS (SELECT 1 FROM threads WHERE id = 'raw_' || :n::text AND project = 'default' AND deleted = 0);
INSERT INTO steps (id, project, created_at, thread_id, run_id, status, message_id, deleted, data)
VALUES ('raw_s' || :n::text, 'default', 1795000000, 'raw_' || :n::text, 'raw_' || :n::text, 'completed', 'raw_a' || :n::text, 0, repeat('x', 600));
INSERT INTO messages (id, project, created_at, thread_id, run_id, version, deleted, data)
VALUES ('raw_a' || :n::text, 'default', 1795000000, 'raw_' || :n::text, 'raw_' || :n::text, 1, 0, repeat('x', 1000));
UPDATE threads SET active_run = NULL WHERE id = 'raw_' || :n::text AND active_run = 'raw_' || :n::text;
COMMIT;
