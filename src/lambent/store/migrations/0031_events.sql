-- EventBridge: buses, rules, archives and replays as JSON documents; archived events as rows.

CREATE TABLE events_resources (
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    kind        TEXT NOT NULL,  -- Bus, Rule, Archive, Replay
    key         TEXT NOT NULL,
    document    TEXT NOT NULL,  -- JSON: the fields of services.events.model
    PRIMARY KEY (account_id, region, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE events_archived (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    archive     INTEGER NOT NULL, -- the archive's own number
    time_s      REAL NOT NULL,    -- the event's time
    stored_s    REAL NOT NULL,    -- its retention begins then
    event       TEXT NOT NULL     -- JSON
) STRICT;
CREATE INDEX events_archived_by_time ON events_archived (archive, time_s, number);
CREATE INDEX events_archived_by_age ON events_archived (archive, stored_s);
