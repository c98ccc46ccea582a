-- waiting for another delivery ends with a clear message instead of never
SELECT set_config('lock_timeout', %(longest)s, true)
