-- business keys of refused rows: their features stay as they were, whatever the mode
CREATE TEMP TABLE kept ({columns}) ON COMMIT DROP
