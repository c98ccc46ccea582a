-- the fast way in
COPY remark (n, code, zh, en, field) FROM STDIN
