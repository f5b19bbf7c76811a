-- What each function has used: the bill. Totals, written about once a second.
CREATE TABLE usage (
    function_name TEXT PRIMARY KEY,
    invocations INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    throttles INTEGER NOT NULL,
    billed_ms INTEGER NOT NULL,
    gb_s REAL NOT NULL,
    usd REAL NOT NULL
) STRICT;
