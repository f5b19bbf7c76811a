-- Asynchronous invocations: accepted events until their outcome, and what could not be delivered.

CREATE TABLE async_events (
    request_id     TEXT PRIMARY KEY,
    account_id     TEXT NOT NULL,
    region         TEXT NOT NULL,
    function_name  TEXT NOT NULL,
    qualifier      TEXT,
    payload        BLOB NOT NULL,
    trace_id       BLOB NOT NULL,
    client_context BLOB NOT NULL,
    tenant_id      BLOB NOT NULL,
    accepted_s     REAL NOT NULL,  -- seconds since the epoch
    due_s          REAL NOT NULL,
    attempts       INTEGER NOT NULL,  -- invocations that ended in the function's error
    back_offs      INTEGER NOT NULL   -- throttles and faults in a row
) STRICT, WITHOUT ROWID;

-- Every discard that no destination took: nothing leaves `async_events` without a trace.
CREATE TABLE async_discards (
    number        INTEGER PRIMARY KEY,
    account_id    TEXT NOT NULL,
    region        TEXT NOT NULL,
    function_name TEXT NOT NULL,
    target_arn    TEXT NOT NULL,   -- the destination that could not take it; '' where there is none
    record        TEXT NOT NULL,   -- JSON, as a destination would get it
    discarded_s   REAL NOT NULL
) STRICT;
