-- The store's tables (docs/format.md). UUIDs are 16 bytes, times microseconds since 1970 in UTC.
-- `stored_events` is the library's layout but for the number, which a VACUUM must not change.

CREATE TABLE IF NOT EXISTS store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store_id BLOB NOT NULL,
    schema_version INTEGER NOT NULL,
    epoch INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS stored_events (
    notification_id INTEGER PRIMARY KEY AUTOINCREMENT,
    originator_id TEXT NOT NULL,
    originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    state BLOB NOT NULL,
    UNIQUE (originator_id, originator_version)
);

CREATE TABLE IF NOT EXISTS keys (
    key_id BLOB PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('active', 'destroyed')),
    epoch INTEGER NOT NULL,
    wrapped BLOB,
    CHECK ((state = 'active') = (wrapped IS NOT NULL))
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS grants (
    grant_id BLOB PRIMARY KEY,
    recipient TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('living', 'ended')),
    ends_at INTEGER,
    epoch INTEGER NOT NULL,
    wrapped BLOB,
    CHECK ((state = 'living') = (wrapped IS NOT NULL))
) WITHOUT ROWID;

-- A recipient's sequence goes on from its last message of the epoch: no message is ever deleted.
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    message_id BLOB NOT NULL UNIQUE,
    position INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    control INTEGER NOT NULL,
    UNIQUE (recipient, epoch, sequence)
);

CREATE TABLE IF NOT EXISTS message_wraps (
    message_id BLOB NOT NULL,
    grant_id BLOB NOT NULL,
    wraps BLOB NOT NULL,
    PRIMARY KEY (message_id, grant_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS idempotency (
    key BLOB PRIMARY KEY,
    body_mac BLOB NOT NULL,
    position INTEGER NOT NULL,
    ids TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS blind_index (
    blind BLOB NOT NULL,
    case_id BLOB NOT NULL,
    PRIMARY KEY (blind, case_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS timers (
    due INTEGER NOT NULL,
    case_id BLOB NOT NULL,
    PRIMARY KEY (due, case_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS partners (
    slug TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    active INTEGER NOT NULL,
    sealing_key BLOB NOT NULL,
    signing_key BLOB NOT NULL
) WITHOUT ROWID;

-- `case_id` is a case, or an organisation's stream: then the person is stopped there. `person` is a login,
-- `<organisation>:<subject>`.
CREATE TABLE IF NOT EXISTS block_list (
    case_id BLOB NOT NULL,
    person TEXT NOT NULL,
    PRIMARY KEY (case_id, person)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS block_list_person ON block_list (person);

CREATE TABLE IF NOT EXISTS positions (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS view_positions (
    view TEXT NOT NULL,
    owner TEXT NOT NULL,
    generation INTEGER NOT NULL,
    living INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (view, owner, generation)
) WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS view_positions_living ON view_positions (view, owner, living)
