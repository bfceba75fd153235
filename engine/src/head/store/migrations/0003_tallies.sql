-- Splits of a job that are not in the table of splits any more: how many, their bytes, and of both what is done. Not in
-- the table of jobs: it changes with every split, and plans may be long.
CREATE TABLE tallies (
    job text NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    splits bigint NOT NULL,
    splits_done bigint NOT NULL,
    bytes bigint NOT NULL,
    bytes_done bigint NOT NULL
);
