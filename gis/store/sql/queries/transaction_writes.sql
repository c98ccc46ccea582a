-- the serving pool reads by default; what it keeps about its callers it writes
SET TRANSACTION READ WRITE
