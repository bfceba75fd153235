-- What an application of many years leaves in SQLite: types nobody enforced, quoted names, values of every class.
CREATE TABLE Customers (Id INTEGER PRIMARY KEY AUTOINCREMENT, [Full Name] VARCHAR(5) NOT NULL, Active BOOLEAN DEFAULT 1,
  Born DATE, Seen DATETIME, Balance DECIMAL(10,2) DEFAULT 0, Photo BLOB, Big INT, UNIQUE ("Full Name", Born), CHECK (Id > 0));
INSERT INTO Customers VALUES (1, 'Müller', 1, '2020-01-31', '2020-01-31 10:00:00.123456', 12.5, x'00ff', 9223372036854775807);
INSERT INTO Customers VALUES (2, 'longer than declared', 'f', NULL, '2020-01-31T10:00:00', '12.50', zeroblob(2), -1);
INSERT INTO Customers VALUES (3, 'x', 2, '31.01.2020', 1577836800, 'abc', 'text', 1e300);
INSERT INTO Customers VALUES (4, 'y', 0, '2020-02-30', NULL, 0.1, NULL, 'many');
INSERT INTO Customers VALUES (5, 'a' || char(0) || 'b', NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE "Order" (No INTEGER, "Line No" INTEGER, Customer INTEGER REFERENCES Customers (Id) ON DELETE CASCADE, Text TEXT COLLATE NOCASE,
  Twice INTEGER GENERATED ALWAYS AS (No * 2) STORED, PRIMARY KEY (No, "Line No")) WITHOUT ROWID;
INSERT INTO "Order" (No, "Line No", Customer, Text) VALUES (1, 1, 1, 'a'), (1, 2, 2, 'A'), (2, 1, NULL, '');
CREATE INDEX order_text ON "Order" (Text);
CREATE INDEX order_open ON "Order" (Customer) WHERE Customer IS NOT NULL;
CREATE VIEW Totals AS SELECT Customer, count(*) AS n FROM "Order" GROUP BY Customer;
CREATE TRIGGER touched AFTER INSERT ON "Order" BEGIN UPDATE Customers SET Active = 1 WHERE Id = NEW.Customer; END;
CREATE TABLE Samples (t REAL, v REAL);
INSERT INTO Samples VALUES (0.1, 1e-300), (123456.1, 9e999), (-0.0, 3);
