-- what follows is over all rows at once
SELECT set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)
