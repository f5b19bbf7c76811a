-- Functions, layers and which stored packages they keep alive.

CREATE TABLE functions (
    account_id    TEXT NOT NULL,
    region        TEXT NOT NULL,
    name          TEXT NOT NULL,
    configuration TEXT NOT NULL,  -- JSON of $LATEST, see store/rows.py
    tags          TEXT NOT NULL,  -- JSON object
    PRIMARY KEY (account_id, region, name)
) STRICT, WITHOUT ROWID;

-- Outlives the versions of a layer: a version number is never given out twice.
CREATE TABLE layers (
    account_id   TEXT NOT NULL,
    region       TEXT NOT NULL,
    name         TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    PRIMARY KEY (account_id, region, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE layer_versions (
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    content    TEXT NOT NULL,     -- JSON, see store/rows.py
    PRIMARY KEY (account_id, region, name, version)
) STRICT, WITHOUT ROWID;

-- Who (an ARN) needs which folder of the code store; a folder without a row is garbage.
CREATE TABLE package_references (
    owner  TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (owner, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX package_references_by_digest ON package_references (digest);

-- Secrets of this server, e.g. the key that signs download addresses.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
