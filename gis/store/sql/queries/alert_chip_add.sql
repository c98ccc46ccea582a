-- a picture of the evidence; the same picture is kept once
WITH kept AS (
    INSERT INTO onemap.alert_chip (digest, png) VALUES (%(digest)s, %(png)s)
    ON CONFLICT (digest) DO NOTHING
)
INSERT INTO onemap.alert_evidence_chip (evidence, name, digest)
VALUES (%(evidence)s, %(name)s, %(digest)s)
