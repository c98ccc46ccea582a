-- in the transaction of the delivery itself
INSERT INTO onemap.delivery_form (delivery, form) VALUES (%(delivery)s, %(form)s)
