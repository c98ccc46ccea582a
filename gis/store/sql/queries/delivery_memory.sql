-- room for sorting and for building indexes, this transaction only; and rows are matched through
-- the index of business keys, some thousand at a time, instead of reading the table each time
SELECT set_config('work_mem', '64MB', true), set_config('maintenance_work_mem', '256MB', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)
