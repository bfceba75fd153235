CREATE TABLE leader (
    id bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    term bigint NOT NULL,
    holder text NOT NULL,
    address text NOT NULL,
    renewed_at bigint NOT NULL
);

INSERT INTO leader (id, term, holder, address, renewed_at) VALUES (1, 0, '', '', 0);

CREATE TABLE jobs (
    id text NOT NULL PRIMARY KEY,
    name text NOT NULL,
    plan text NOT NULL,
    plan_sha256 text NOT NULL,
    submitted_by text NOT NULL,
    submitted_at bigint NOT NULL,
    state text NOT NULL,
    wish text NOT NULL,
    attempt bigint NOT NULL,
    failures bigint NOT NULL,
    not_before bigint NOT NULL,
    conductor text,
    started_at bigint,
    ended_at bigint,
    exit_code bigint,
    report_json text,
    why text NOT NULL,
    -- What the conductor told; NULL in all of them before that.
    brief_json {bytes},
    shared bigint,
    source_connections bigint,
    target_connections bigint,
    complete bigint,
    closed bigint
);

CREATE TABLE splits (
    job text NOT NULL REFERENCES jobs (id),
    split bigint NOT NULL,
    bytes bigint NOT NULL,
    recheck bigint NOT NULL,
    grant_json {bytes} NOT NULL,
    standing text NOT NULL CHECK (standing IN ('pending', 'leased', 'reported')),
    lease bigint,
    worker text,
    lost bigint,
    outcome_json {bytes},
    PRIMARY KEY (job, split)
);

-- The job is empty where an event is of the pool.
CREATE TABLE events (
    number bigint NOT NULL PRIMARY KEY,
    at bigint NOT NULL,
    job text NOT NULL,
    kind text NOT NULL,
    text text NOT NULL
);

CREATE INDEX events_by_job ON events (job, number);

CREATE TABLE audit (
    seq bigint NOT NULL PRIMARY KEY,
    entry text NOT NULL,
    previous_sha256 text NOT NULL,
    sha256 text NOT NULL
);

CREATE TABLE tokens (
    name text NOT NULL PRIMARY KEY,
    role text NOT NULL,
    sha256 text NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    revoked_at bigint
);
