-- whether the embedded cluster already holds the database
SELECT EXISTS (SELECT FROM pg_database WHERE datname = %(name)s)
