-- The log file: groups, streams, and chunks of events (one chunk = one flush of one stream).
-- Its own file, apart from the control plane's, because it is written NORMAL and may be dropped.
CREATE TABLE IF NOT EXISTS log_groups (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,
    created_ms  INTEGER NOT NULL,
    disk_bytes  INTEGER NOT NULL DEFAULT 0,
    tags        TEXT NOT NULL DEFAULT '{}',
    retention_days INTEGER
) STRICT;

-- AUTOINCREMENT: an id is never used twice, so an event's (stream_id, ordinal) names it for ever.
CREATE TABLE IF NOT EXISTS log_streams (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id         INTEGER NOT NULL,
    name             TEXT NOT NULL,
    created_ms       INTEGER NOT NULL,
    first_ts         INTEGER,
    last_ts          INTEGER,
    last_ingested_ms INTEGER,
    next_ordinal     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (group_id, name)
) STRICT;
CREATE INDEX IF NOT EXISTS log_streams_by_time ON log_streams (group_id, last_ts, name);

CREATE TABLE IF NOT EXISTS log_chunks (
    group_id       INTEGER NOT NULL,
    stream_id      INTEGER NOT NULL,
    first_ordinal  INTEGER NOT NULL,
    count          INTEGER NOT NULL,
    first_ts       INTEGER NOT NULL,
    last_ts        INTEGER NOT NULL,
    disk_bytes     INTEGER NOT NULL,
    blob           BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS log_chunks_by_group ON log_chunks (group_id, first_ts, last_ts);
CREATE INDEX IF NOT EXISTS log_chunks_by_stream ON log_chunks (stream_id, first_ts, last_ts);
