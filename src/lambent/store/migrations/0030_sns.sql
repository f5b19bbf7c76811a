-- SNS: topics, what is subscribed to them, what deduplication remembers. What is on its way to a
-- subscriber is in the outbox.

CREATE TABLE sns_topics (
    topic_id    INTEGER PRIMARY KEY,
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    attributes  TEXT NOT NULL,  -- JSON object: those that were set
    tags        TEXT NOT NULL,  -- JSON object
    UNIQUE (account_id, region, name)
) STRICT;

CREATE TABLE sns_subscriptions (
    key         TEXT PRIMARY KEY,  -- the end of its ARN
    topic_id    INTEGER NOT NULL REFERENCES sns_topics (topic_id) ON DELETE CASCADE,
    protocol    TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    state       TEXT NOT NULL,     -- pending, confirmed, deleted
    token       TEXT NOT NULL,     -- confirms it, or brings it back
    authenticated INTEGER NOT NULL, -- whether its confirmation was signed
    strict      INTEGER NOT NULL,  -- AuthenticateOnUnsubscribe
    principal   TEXT NOT NULL,     -- the ARN of who subscribed
    base_url    TEXT NOT NULL,     -- the server as who subscribed named it
    changed_s   REAL NOT NULL,     -- when it came into its state
    attributes  TEXT NOT NULL      -- JSON object: those that were set
) STRICT;
CREATE INDEX sns_subscriptions_by_topic ON sns_subscriptions (topic_id);

CREATE TABLE sns_published (
    topic_id    INTEGER NOT NULL REFERENCES sns_topics (topic_id) ON DELETE CASCADE,
    dedup_key   TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    number      INTEGER NOT NULL,  -- the sequence number
    until_ms    INTEGER NOT NULL,
    PRIMARY KEY (topic_id, dedup_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX sns_published_by_end ON sns_published (until_ms);
