
CREATE TABLE IF NOT EXISTS {table} (
    owner TEXT NOT NULL,
    generation INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    thread BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    clear TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (owner, generation, message_id)
);

CREATE INDEX IF NOT EXISTS {table}_order ON {table} (owner, generation, epoch, sequence);

CREATE INDEX IF NOT EXISTS {table}_thread ON {table} (owner, generation, thread, epoch, sequence)
