-- In which form a delivery came (format, encoding, columns in their order): what was refused goes
-- back in it. Deliveries of before have none.
CREATE TABLE onemap.delivery_form (
    delivery bigint PRIMARY KEY REFERENCES onemap.delivery,
    form jsonb NOT NULL
);
