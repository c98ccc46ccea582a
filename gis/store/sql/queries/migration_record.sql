-- part of the migration's own transaction: recorded exactly when it took effect
INSERT INTO onemap.migration (number, name, digest) VALUES (%(number)s, %(name)s, %(digest)s)
