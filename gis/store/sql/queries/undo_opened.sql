-- what the delivery began
DELETE FROM {table} WHERE opened_by = %(delivery)s
