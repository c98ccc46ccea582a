-- findings of one check
INSERT INTO found (code, n, other, key, a, b, c, geom)
{findings}
