-- Which half of a split is to be done: copy or validate. Before this there was one.
ALTER TABLE splits ADD COLUMN half text NOT NULL DEFAULT 'copy' CHECK (half IN ('copy', 'validate'));

-- Whether the halves are done by different workers; NULL before the conductor said so.
ALTER TABLE jobs ADD COLUMN separate bigint;

UPDATE jobs SET separate = 0 WHERE shared IS NOT NULL;
