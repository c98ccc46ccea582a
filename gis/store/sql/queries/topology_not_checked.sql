-- a check that could not be made says so
SELECT 'not_checked', NULL::bigint, NULL::bigint, NULL::jsonb, %(check)s, %(layer)s, NULL, NULL::geometry
