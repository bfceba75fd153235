-- Made after the rows: a few indexes and one view.

CREATE INDEX addresses_customer ON addresses (customer_id);
CREATE INDEX orders_customer ON orders (customer_id, placed_at);
CREATE INDEX order_items_product ON order_items (product_id);
CREATE INDEX reviews_product ON reviews (product_id, stars DESC);

CREATE VIEW open_orders AS
    SELECT o.id, c.name, o.placed_at, o.due, o.total
    FROM orders o JOIN customers c ON c.id = o.customer_id
    WHERE o.status IN ('new', 'packed');
