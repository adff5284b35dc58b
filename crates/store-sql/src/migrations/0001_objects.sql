-- Lists are in the order of seq: that in which rows were stored. A row that is deleted keeps its place in them, for cursors, until it
-- is purged; its data is emptied at once. created_at is in seconds since 1970, for whoever looks inside.

CREATE TABLE assistants (
  seq {sequence},
  id TEXT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  deleted BIGINT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX assistants_of_project ON assistants (project, seq) WHERE deleted = 0;
CREATE INDEX assistants_deleted ON assistants (seq) WHERE deleted = 1;

-- active_run: the run at work on the thread. Whoever sets it, where it is null, has the thread for itself.
CREATE TABLE threads (
  seq {sequence},
  id TEXT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  version BIGINT NOT NULL,
  deleted BIGINT NOT NULL,
  active_run TEXT,
  data TEXT NOT NULL
);
CREATE INDEX threads_of_project ON threads (project, seq) WHERE deleted = 0;
CREATE INDEX threads_deleted ON threads (seq) WHERE deleted = 1;

-- What is in a thread is gone with it: messages, runs and steps are there only while their thread is.
CREATE TABLE messages (
  seq {sequence},
  id TEXT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  thread_id TEXT NOT NULL,
  run_id TEXT,
  version BIGINT NOT NULL,
  deleted BIGINT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX messages_of_thread ON messages (thread_id, seq) WHERE deleted = 0;
CREATE INDEX messages_of_run ON messages (thread_id, run_id, seq) WHERE run_id IS NOT NULL AND deleted = 0;
CREATE INDEX messages_deleted ON messages (seq) WHERE deleted = 1;

-- attend_at: when the run may be claimed, in milliseconds since 1970; null once it has ended.
-- expires_at: in seconds since 1970.
CREATE TABLE runs (
  seq {sequence},
  id TEXT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  thread_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  token BIGINT NOT NULL,
  owner TEXT,
  attend_at BIGINT,
  expires_at BIGINT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX runs_of_thread ON runs (thread_id, seq);
CREATE INDEX runs_to_attend ON runs (attend_at, expires_at) WHERE attend_at IS NOT NULL;
CREATE INDEX runs_leased ON runs (owner) WHERE owner IS NOT NULL;

CREATE TABLE steps (
  seq {sequence},
  id TEXT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  thread_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  status TEXT NOT NULL,
  message_id TEXT,
  deleted BIGINT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX steps_of_run ON steps (run_id, seq) WHERE deleted = 0;
CREATE INDEX steps_in_progress ON steps (run_id, seq) WHERE status = 'in_progress' AND deleted = 0;
CREATE INDEX steps_deleted ON steps (seq) WHERE deleted = 1;

CREATE TABLE files (
  seq {sequence},
  id TEXT NOT NULL UNIQUE,
  project TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  purpose TEXT NOT NULL,
  expires_at BIGINT,
  deleted BIGINT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX files_of_project ON files (project, seq) WHERE deleted = 0;
CREATE INDEX files_of_purpose ON files (project, purpose, seq) WHERE deleted = 0;
CREATE INDEX files_to_expire ON files (expires_at) WHERE expires_at IS NOT NULL AND deleted = 0;
CREATE INDEX files_deleted ON files (seq) WHERE deleted = 1;

-- One row, written to see whether writing works.
CREATE TABLE probe (
  id BIGINT PRIMARY KEY,
  beat BIGINT NOT NULL
);
INSERT INTO probe (id, beat) VALUES (1, 0);
