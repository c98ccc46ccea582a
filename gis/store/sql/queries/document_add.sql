-- a file is on record once, whoever links it
INSERT INTO onemap.document (digest, media_type, bytes)
VALUES (%(digest)s, %(media_type)s, %(bytes)s)
ON CONFLICT (digest) DO NOTHING
