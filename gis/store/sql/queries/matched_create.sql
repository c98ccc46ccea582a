-- staged rows that are not as they are stored: new (no version_id) or different
CREATE TEMP TABLE matched (
    line bigint NOT NULL,
    version_id bigint,
    key bigint,
    same_attributes boolean NOT NULL
) ON COMMIT DROP
