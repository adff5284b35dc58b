-- What several processes share. A turn is taken by one of them; next_at: when it may be taken again, in milliseconds since 1970.
CREATE TABLE turns (
  name TEXT PRIMARY KEY,
  next_at BIGINT NOT NULL
);

-- How many requests a client address has used of its window, which ends at ends_at, in milliseconds since 1970; granted: how many
-- of them by the last statement.
CREATE {unlogged}TABLE rate_windows (
  client TEXT PRIMARY KEY,
  ends_at BIGINT NOT NULL,
  used BIGINT NOT NULL,
  granted BIGINT NOT NULL
);
