\set n random(1, :threads)
INSERT INTO messages (id, project, created_at, thread_id, run_id, version, deleted, data)
SELECT 'raw_' || gen_random_uuid(), project, 1795000000, id, NULL, 1, 0, repeat('x', 350) FROM threads
WHERE id = 'thread_bench' || :n AND project = 'default' AND deleted = 0 AND active_run IS NULL FOR NO KEY UPDATE;
