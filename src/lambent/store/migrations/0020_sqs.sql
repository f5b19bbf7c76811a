-- SQS: queues, their messages, what was received, what deduplication remembers, move tasks.

CREATE TABLE sqs_queues (
    queue_id    INTEGER PRIMARY KEY,  -- never reused
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    bin         INTEGER NOT NULL UNIQUE, -- whose messages are this queue's; a purge gives a new one
    created_s   INTEGER NOT NULL,
    modified_s  INTEGER NOT NULL,
    attributes  TEXT NOT NULL,  -- JSON object: those that were set
    tags        TEXT NOT NULL,  -- JSON object
    UNIQUE (account_id, region, name)
) STRICT;

-- Written once; what changes about a message is in sqs_receives. Messages of a bin that no queue
-- has are garbage, which is swept.
CREATE TABLE sqs_messages (
    number      INTEGER PRIMARY KEY,  -- grows with every send of the server
    bin         INTEGER NOT NULL,
    message_id  TEXT NOT NULL,
    sender_id   TEXT NOT NULL,
    sent_ms     INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,     -- when its delay ends
    group_id    TEXT,
    dedup_id    TEXT,
    trace       TEXT,                 -- AWSTraceHeader
    source_arn  TEXT,                 -- the queue that it is a dead letter of
    attributes  TEXT,                 -- JSON, as on the wire
    body        TEXT NOT NULL
) STRICT;

CREATE TABLE sqs_receives (
    number      INTEGER PRIMARY KEY,
    count       INTEGER NOT NULL,
    first_ms    INTEGER NOT NULL,
    visible_ms  INTEGER NOT NULL      -- when it can be received again
) STRICT;

CREATE TABLE sqs_sent (
    bin         INTEGER NOT NULL,
    dedup_key   TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    number      INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL,
    PRIMARY KEY (bin, dedup_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX sqs_sent_by_end ON sqs_sent (until_ms);

CREATE TABLE sqs_moves (
    task_id         TEXT PRIMARY KEY,
    source_arn      TEXT NOT NULL,
    destination_arn TEXT,
    per_s_max       INTEGER,
    status          TEXT NOT NULL,
    to_move         INTEGER NOT NULL,
    moved           INTEGER NOT NULL,
    failure         TEXT,
    started_ms      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
