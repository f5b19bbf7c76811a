-- EventBridge Scheduler: groups and schedules as JSON documents.
CREATE TABLE scheduler_resources (
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    kind        TEXT NOT NULL,  -- Group, Schedule
    key         TEXT NOT NULL,
    document    TEXT NOT NULL,  -- JSON: the fields of services.scheduler.model
    PRIMARY KEY (account_id, region, kind, key)
) STRICT, WITHOUT ROWID;
