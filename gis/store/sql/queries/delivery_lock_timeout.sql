-- waiting for another delivery ends with a clear message instead of never
SET LOCAL lock_timeout = '120s'
