-- S3: buckets, the versions of their objects, uploads in parts, and the bytes of small bodies.

CREATE TABLE s3_buckets (
    name          TEXT PRIMARY KEY,
    account_id    TEXT NOT NULL,
    region        TEXT NOT NULL,
    created_s     INTEGER NOT NULL,
    versioning    TEXT NOT NULL,  -- '' | Enabled | Suspended
    configuration TEXT NOT NULL   -- JSON object: what PutBucket… stored, by kind
) STRICT, WITHOUT ROWID;

CREATE TABLE s3_versions (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of writes
    bucket     TEXT NOT NULL,
    key        TEXT NOT NULL,
    version_id TEXT NOT NULL,     -- 'null' where the bucket had no versioning
    latest     INTEGER NOT NULL,  -- 1 for one version of each key
    marker     INTEGER NOT NULL,  -- 1 for a delete marker
    size       INTEGER NOT NULL,
    etag       TEXT NOT NULL,     -- without quotes
    modified_s INTEGER NOT NULL,
    about      TEXT NOT NULL,     -- JSON: headers, metadata, tags, checksum
    segments   TEXT NOT NULL      -- JSON: [[id of a body, bytes], …]
) STRICT;

CREATE UNIQUE INDEX s3_versions_by_id ON s3_versions (bucket, key, version_id);
CREATE INDEX s3_versions_by_key ON s3_versions (bucket, key, number DESC);
CREATE UNIQUE INDEX s3_objects ON s3_versions (bucket, key) WHERE latest = 1;

CREATE TABLE s3_bodies (
    id      TEXT PRIMARY KEY,
    content BLOB                  -- NULL: the body is a file
) STRICT;

CREATE TABLE s3_uploads (
    upload_id   TEXT PRIMARY KEY,
    bucket      TEXT NOT NULL,
    key         TEXT NOT NULL,
    initiated_s INTEGER NOT NULL,
    about       TEXT NOT NULL     -- JSON: as of the object that it becomes
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX s3_uploads_by_key ON s3_uploads (bucket, key, upload_id);

CREATE TABLE s3_parts (
    upload_id  TEXT NOT NULL,
    number     INTEGER NOT NULL,
    body_id    TEXT NOT NULL,
    size       INTEGER NOT NULL,
    etag       TEXT NOT NULL,
    checksum   TEXT NOT NULL,     -- base64; '' where there is none
    modified_s INTEGER NOT NULL,
    PRIMARY KEY (upload_id, number)
) STRICT, WITHOUT ROWID;
