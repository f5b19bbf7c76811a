-- Subscription and metric filters of log groups, which are in a file of their own.
CREATE TABLE log_filters (
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    kind        TEXT NOT NULL,   -- 'subscription' or 'metric'
    log_group   TEXT NOT NULL,
    name        TEXT NOT NULL,
    pattern     TEXT NOT NULL,
    options     TEXT NOT NULL,   -- JSON: what else it was made with
    created_ms  INTEGER NOT NULL,
    cursor      INTEGER NOT NULL, -- a subscription has sent what came up to this chunk
    PRIMARY KEY (account_id, region, kind, log_group, name)
) STRICT, WITHOUT ROWID;
