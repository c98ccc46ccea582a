-- a database of the embedded cluster; UTF-8 whatever the machine's locale is
CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'
