-- in which form a delivery came; none is known of those before it was kept
SELECT form FROM onemap.delivery_form WHERE delivery = %(delivery)s
