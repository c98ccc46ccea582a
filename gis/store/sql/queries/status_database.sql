-- what a failure may hang on
SELECT postgis_lib_version(), (SELECT max(number) FROM onemap.migration),
    pg_database_size(current_database())
