-- IAM: roles with their policies. Kept as given; enforcing them comes with a later step.
CREATE TABLE iam_roles (
    account_id           TEXT NOT NULL,
    name                 TEXT NOT NULL COLLATE NOCASE, -- unique without regard to case, as on AWS
    path                 TEXT NOT NULL,
    role_id              TEXT NOT NULL UNIQUE,
    created_s            INTEGER NOT NULL,
    trust_policy         TEXT NOT NULL,
    description          TEXT,
    session_s_max        INTEGER NOT NULL,
    permissions_boundary TEXT,
    tags                 TEXT NOT NULL, -- JSON object
    PRIMARY KEY (account_id, name)
) STRICT;

CREATE TABLE iam_role_policies (
    account_id TEXT NOT NULL,
    role       TEXT NOT NULL,
    name       TEXT NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (account_id, role, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE iam_attachments (
    account_id TEXT NOT NULL,
    role       TEXT NOT NULL,
    policy_arn TEXT NOT NULL,
    PRIMARY KEY (account_id, role, policy_arn)
) STRICT, WITHOUT ROWID;
CREATE INDEX iam_attachments_by_policy ON iam_attachments (account_id, policy_arn);

CREATE TABLE iam_policies (
    account_id      TEXT NOT NULL,
    arn             TEXT NOT NULL,
    name            TEXT NOT NULL COLLATE NOCASE,
    path            TEXT NOT NULL,
    policy_id       TEXT NOT NULL UNIQUE,
    created_s       INTEGER NOT NULL,
    updated_s       INTEGER NOT NULL,
    description     TEXT,
    tags            TEXT NOT NULL, -- JSON object
    default_version INTEGER NOT NULL,
    last_version    INTEGER NOT NULL,
    PRIMARY KEY (account_id, arn),
    UNIQUE (account_id, name)
) STRICT;

CREATE TABLE iam_policy_versions (
    account_id TEXT NOT NULL,
    arn        TEXT NOT NULL,
    version    INTEGER NOT NULL,
    created_s  INTEGER NOT NULL,
    document   TEXT NOT NULL,
    PRIMARY KEY (account_id, arn, version)
) STRICT, WITHOUT ROWID;
