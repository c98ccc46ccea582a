-- whether this database has ever been initialised
SELECT to_regclass('onemap.migration') IS NOT NULL
