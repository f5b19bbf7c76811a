-- IAM: users with their access keys and policies. A key's secret is kept as it is, because verifying
-- a signature takes the secret itself; the folder that holds this file is its owner's alone.
CREATE TABLE iam_users (
    account_id           TEXT NOT NULL,
    name                 TEXT NOT NULL COLLATE NOCASE, -- unique without regard to case, as on AWS
    path                 TEXT NOT NULL,
    user_id              TEXT NOT NULL UNIQUE,
    created_s            INTEGER NOT NULL,
    permissions_boundary TEXT,
    tags                 TEXT NOT NULL, -- JSON object
    PRIMARY KEY (account_id, name)
) STRICT;

CREATE TABLE iam_access_keys (
    key_id       TEXT NOT NULL PRIMARY KEY,
    account_id   TEXT NOT NULL,
    user         TEXT NOT NULL,
    secret       TEXT NOT NULL,
    status       TEXT NOT NULL, -- Active | Inactive
    created_s    INTEGER NOT NULL,
    used_s       INTEGER, -- last use; all three are set together
    used_service TEXT,
    used_region  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX iam_access_keys_by_user ON iam_access_keys (account_id, user);

CREATE TABLE iam_user_policies (
    account_id TEXT NOT NULL,
    user       TEXT NOT NULL,
    name       TEXT NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (account_id, user, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE iam_user_attachments (
    account_id TEXT NOT NULL,
    user       TEXT NOT NULL,
    policy_arn TEXT NOT NULL,
    PRIMARY KEY (account_id, user, policy_arn)
) STRICT, WITHOUT ROWID;
CREATE INDEX iam_user_attachments_by_policy ON iam_user_attachments (account_id, policy_arn);
