-- a refused row whose key could be read
INSERT INTO kept ({key}) VALUES ({values})
