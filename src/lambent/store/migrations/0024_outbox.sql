-- What a write causes elsewhere: rows of its own transaction, until the target has taken them.
CREATE TABLE outbox (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    target_arn  TEXT NOT NULL,
    source_arn  TEXT NOT NULL,   -- of what sends: a bucket, a rule, a topic …
    principal   TEXT NOT NULL,   -- the service that sends, e.g. s3.amazonaws.com
    body        TEXT NOT NULL,
    attributes  TEXT NOT NULL,   -- JSON: message attributes as SQS and SNS have them; bytes in base64
    group_id    TEXT,            -- of messages for FIFO queues and topics, as the next
    dedup_id    TEXT,
    trace       TEXT NOT NULL,
    dead_letter_arn TEXT NOT NULL, -- '' where there is none
    created_s   REAL NOT NULL,
    due_s       REAL NOT NULL,
    until_s     REAL NOT NULL,   -- given up then
    tries       INTEGER NOT NULL,
    tries_max   INTEGER NOT NULL
) STRICT;
