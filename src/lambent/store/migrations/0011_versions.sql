-- Published versions, and whatever hangs on a function or on the account by a key.

CREATE TABLE function_versions (
    account_id    TEXT NOT NULL,
    region        TEXT NOT NULL,
    name          TEXT NOT NULL,
    version       INTEGER NOT NULL,
    configuration TEXT NOT NULL,  -- JSON, see store/rows.py
    PRIMARY KEY (account_id, region, name, version)
) STRICT, WITHOUT ROWID;

-- Outlives the function: a version number is never given out twice for one name.
CREATE TABLE version_numbers (
    account_id   TEXT NOT NULL,
    region       TEXT NOT NULL,
    name         TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    PRIMARY KEY (account_id, region, name)
) STRICT, WITHOUT ROWID;

-- Aliases, policies, URLs, concurrency …: one row each. They go with the function that owns them.
CREATE TABLE resources (
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    owner      TEXT NOT NULL,     -- name of the function; '' for the account's own
    key        TEXT NOT NULL,     -- qualifier, id or name
    content    TEXT NOT NULL,     -- JSON, see store/resources.py
    PRIMARY KEY (account_id, region, kind, owner, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX resources_by_owner ON resources (account_id, region, owner);
