-- refused rows, in the transaction of the delivery that brought them
COPY onemap.quarantine (delivery, source_row, code, zh, en, field, raw, wkt) FROM STDIN
