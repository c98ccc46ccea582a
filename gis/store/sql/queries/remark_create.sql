-- what the checks of single rows remarked on; joined with the rows once it is known which stay
CREATE TEMP TABLE remark (n bigint NOT NULL, code text NOT NULL, zh text NOT NULL, en text NOT NULL, field text)
ON COMMIT DROP
