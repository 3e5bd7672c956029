-- The store's tables (docs/format.md). `stored_events` is the library's layout.

CREATE TABLE IF NOT EXISTS store (
    one integer PRIMARY KEY CHECK (one = 1),
    store_id bytea NOT NULL CHECK (length(store_id) = 16),
    schema_version integer NOT NULL,
    epoch bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigserial NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
) WITH (autovacuum_vacuum_scale_factor = 0.5, autovacuum_analyze_scale_factor = 0.01);

-- Sealed bytes do not compress; trying costs time.
ALTER TABLE stored_events ALTER COLUMN state SET STORAGE EXTERNAL;

CREATE UNIQUE INDEX IF NOT EXISTS stored_events_notification_id_idx ON stored_events (notification_id);

CREATE TABLE IF NOT EXISTS keys (
    key_id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('active', 'destroyed')),
    epoch integer NOT NULL,
    wrapped bytea,
    CHECK ((state = 'active') = (wrapped IS NOT NULL))
);

CREATE TABLE IF NOT EXISTS grants (
    grant_id uuid PRIMARY KEY,
    recipient text NOT NULL,
    state text NOT NULL CHECK (state IN ('living', 'ended')),
    ends_at timestamptz,
    epoch integer NOT NULL,
    wrapped bytea,
    CHECK ((state = 'living') = (wrapped IS NOT NULL))
);

-- A recipient's sequence goes on from its last message of the epoch: no message is ever deleted.
CREATE TABLE IF NOT EXISTS messages (
    number bigserial PRIMARY KEY,
    recipient text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    message_id uuid NOT NULL UNIQUE,
    position bigint NOT NULL,
    sealed bytea NOT NULL,
    control boolean NOT NULL,
    UNIQUE (recipient, epoch, sequence)
);

ALTER TABLE messages ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE TABLE IF NOT EXISTS message_wraps (
    message_id uuid NOT NULL,
    grant_id uuid NOT NULL,
    wraps bytea NOT NULL,
    PRIMARY KEY (message_id, grant_id)
);

CREATE TABLE IF NOT EXISTS idempotency (
    key bytea PRIMARY KEY,
    body_mac bytea NOT NULL,
    position bigint NOT NULL,
    ids text NOT NULL
);

CREATE TABLE IF NOT EXISTS blind_index (
    blind bytea NOT NULL,
    case_id uuid NOT NULL,
    PRIMARY KEY (blind, case_id)
);

CREATE TABLE IF NOT EXISTS timers (
    due timestamptz NOT NULL,
    case_id uuid NOT NULL,
    PRIMARY KEY (due, case_id)
);

CREATE TABLE IF NOT EXISTS partners (
    slug text PRIMARY KEY,
    kind text NOT NULL,
    active boolean NOT NULL,
    sealing_key bytea NOT NULL,
    signing_key bytea NOT NULL
);

-- `case_id` is a case, or an organisation's stream: then the person is stopped there. `person` is a login,
-- `<organisation>:<subject>`.
CREATE TABLE IF NOT EXISTS block_list (
    case_id uuid NOT NULL,
    person text NOT NULL,
    PRIMARY KEY (case_id, person)
);

CREATE INDEX IF NOT EXISTS block_list_person ON block_list (person);

CREATE TABLE IF NOT EXISTS positions (
    name text PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS view_positions (
    view text NOT NULL,
    owner text NOT NULL,
    generation bigint NOT NULL,
    living boolean NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (view, owner, generation)
) WITH (fillfactor = 50);

CREATE UNIQUE INDEX IF NOT EXISTS view_positions_living ON view_positions (view, owner, living);
