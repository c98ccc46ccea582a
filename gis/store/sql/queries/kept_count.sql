-- features a full delivery would have ended, had it not held a row of theirs that was refused
SELECT count(*) FROM {table} AS old
WHERE upper_inf(old.valid)
    AND EXISTS (SELECT FROM kept AS k WHERE ROW({kept_key}) = ROW({old_key}))
    AND NOT EXISTS (SELECT FROM batch AS b WHERE ROW({batch_key}) = ROW({old_key}))
