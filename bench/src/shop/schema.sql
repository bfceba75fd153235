-- The shop's tables, in the order of their references.

CREATE TABLE customers (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    email       VARCHAR(120) NOT NULL UNIQUE,
    phone       VARCHAR(30),
    born        DATE,
    newsletter  BOOLEAN NOT NULL DEFAULT 0,
    created_at  DATETIME NOT NULL
);

CREATE TABLE addresses (
    id           INTEGER PRIMARY KEY,
    customer_id  INTEGER NOT NULL REFERENCES customers (id),
    kind         TEXT NOT NULL DEFAULT 'home',
    street       TEXT NOT NULL,
    city         TEXT NOT NULL,
    postcode     VARCHAR(12),
    country      CHAR(2) NOT NULL
);

CREATE TABLE categories (
    id         INTEGER PRIMARY KEY,
    parent_id  INTEGER REFERENCES categories (id),
    name       TEXT NOT NULL
);

CREATE TABLE products (
    id          INTEGER PRIMARY KEY,
    sku         VARCHAR(20) NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    price       DECIMAL(10,2) NOT NULL,
    weight_kg   REAL,
    attributes  JSON,
    thumbnail   BLOB
);

CREATE TABLE product_categories (
    product_id   INTEGER NOT NULL REFERENCES products (id),
    category_id  INTEGER NOT NULL REFERENCES categories (id),
    PRIMARY KEY (product_id, category_id)
);

CREATE TABLE warehouses (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    country    CHAR(2) NOT NULL,
    latitude   DOUBLE PRECISION NOT NULL,
    longitude  DOUBLE PRECISION NOT NULL
);

CREATE TABLE inventory (
    warehouse_id  INTEGER NOT NULL REFERENCES warehouses (id),
    product_id    INTEGER NOT NULL REFERENCES products (id),
    quantity      INTEGER NOT NULL,
    counted_on    DATE,
    PRIMARY KEY (warehouse_id, product_id)
) WITHOUT ROWID;

CREATE TABLE orders (
    id           INTEGER PRIMARY KEY,
    customer_id  INTEGER NOT NULL REFERENCES customers (id),
    placed_at    DATETIME NOT NULL,
    due          DATE,
    status       TEXT NOT NULL DEFAULT 'new',
    total        DECIMAL(12,2) NOT NULL,
    note         TEXT
);

CREATE TABLE order_items (
    order_id    INTEGER NOT NULL REFERENCES orders (id),
    line_no     SMALLINT NOT NULL,
    product_id  INTEGER NOT NULL REFERENCES products (id),
    quantity    INTEGER NOT NULL,
    unit_price  DECIMAL(10,2) NOT NULL,
    PRIMARY KEY (order_id, line_no)
);

CREATE TABLE payments (
    id        TEXT NOT NULL PRIMARY KEY,
    order_id  INTEGER NOT NULL REFERENCES orders (id),
    method    TEXT NOT NULL,
    amount    DECIMAL(12,2) NOT NULL,
    paid_at   DATETIME
);

CREATE TABLE reviews (
    id           INTEGER PRIMARY KEY,
    product_id   INTEGER NOT NULL REFERENCES products (id),
    customer_id  INTEGER REFERENCES customers (id),
    stars        SMALLINT NOT NULL,
    title        TEXT NOT NULL,
    body         TEXT,
    written_on   DATE NOT NULL
);

-- No key, and equal lines are lines of their own.
CREATE TABLE audit_log (
    at      DATETIME NOT NULL,
    actor   TEXT,
    action  TEXT NOT NULL,
    detail  TEXT
);
