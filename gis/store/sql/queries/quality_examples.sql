-- the first refused rows of each reason, as they came
SELECT row, code, field, zh, en, raw FROM (
    SELECT source_row AS row, code, field, zh, en, raw,
        row_number() OVER (PARTITION BY code ORDER BY source_row, id) AS nth
    FROM onemap.quarantine WHERE delivery = %(delivery)s
) AS refused
WHERE nth <= %(most)s
ORDER BY row
