
CREATE TABLE IF NOT EXISTS {table} (
    owner text NOT NULL,
    generation bigint NOT NULL,
    message_id uuid NOT NULL,
    thread uuid NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    clear text NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (owner, generation, message_id)
);

ALTER TABLE {table} ALTER COLUMN sealed SET STORAGE EXTERNAL;

CREATE INDEX IF NOT EXISTS {table}_order ON {table} (owner, generation, epoch, sequence);

CREATE INDEX IF NOT EXISTS {table}_thread ON {table} (owner, generation, thread, epoch, sequence);
