-- The data that the golden cases run over. Plain enough for SQLite, DuckDB and PostgreSQL alike.
-- It has NULLs, duplicates, text beyond ASCII, and text full of the characters that patterns use.

CREATE TABLE users (
  id BIGINT PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT,
  age BIGINT,
  score DOUBLE PRECISION,
  active BOOLEAN,
  born DATE,
  joined TIMESTAMP,
  city TEXT,
  manager_id BIGINT
);
INSERT INTO users VALUES
  (1, 'Ada', 'ada@austin.edu', 36, 91.5, TRUE, '1988-02-29', '2024-01-05 09:30:00', 'London', NULL),
  (2, 'Bob', 'BOB@Austin.edu', 25, NULL, FALSE, '1999-07-01', '2024-01-05 00:00:00', 'Paris', 1),
  (3, 'Zoë', 'zoe@exämple.org', NULL, 70.25, TRUE, NULL, '2024-03-10 12:00:00.500000', 'Köln', 1),
  (4, '100%_sure', 'a_b%c@austin.edu', 25, -3.5, NULL, '1999-07-02', NULL, 'Paris', 2),
  (5, 'O''Brien', NULL, 61, 0.0, TRUE, '1963-11-22', '2023-12-31 23:59:59', NULL, 2),
  (6, 'back\slash', 'back\slash@y\z', 18, 55.0, FALSE, '2006-01-31', '2024-02-01 08:00:00', 'London', 4),
  (7, 'Ada', 'ada2@austin.edu', 44, 70.25, TRUE, '1980-05-05', '2024-02-01 08:00:00', 'london', 1),
  (8, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (9, '李雷', 'lilei@例え.李雷', 30, 12.5, TRUE, '1994-10-10', '2024-06-30 18:45:10', 'Köln', 3),
  (10, '[x]*?^', 'glob[x]*?^@austin.edu', 36, 33.0, FALSE, '1988-03-01', '2024-01-06 00:00:00', 'Paris', 1);

CREATE TABLE orders (
  id BIGINT PRIMARY KEY,
  user_id BIGINT,
  total DOUBLE PRECISION,
  quantity BIGINT NOT NULL,
  status TEXT NOT NULL,
  note TEXT,
  placed TIMESTAMP NOT NULL
);
INSERT INTO orders VALUES
  (100, 1, 20.5, 2, 'paid', NULL, '2024-01-06 10:00:00'),
  (101, 1, 79.5, 7, 'paid', 'gift', '2024-02-14 11:30:00'),
  (102, 1, NULL, 0, 'open', 'Gift wrap', '2024-03-01 00:00:00'),
  (103, 2, 5.0, 1, 'paid', '50% off', '2024-01-07 09:15:00'),
  (104, 2, -5.0, -7, 'refund', '50% off', '2024-01-09 09:15:00'),
  (105, 3, 300.25, 10, 'open', 'naïve', '2024-03-11 16:20:00.250000'),
  (106, 4, 0.0, 3, 'paid', '', '2024-04-01 07:00:00'),
  (107, 7, 42.0, 2, 'paid', 'a_b', '2024-05-20 20:00:00'),
  (108, NULL, 12.0, 4, 'open', NULL, '2024-05-21 20:00:00'),
  (109, 99, 8.0, 5, 'lost', 'nobody''s', '2024-05-22 20:00:00');

CREATE TABLE items (
  id BIGINT PRIMARY KEY,
  order_id BIGINT NOT NULL,
  sku TEXT NOT NULL,
  price DOUBLE PRECISION,
  packed BOOLEAN
);
INSERT INTO items VALUES
  (1, 100, 'pen', 1.5, TRUE),
  (2, 100, 'ink', 19.0, TRUE),
  (3, 101, 'pen', 1.5, FALSE),
  (4, 101, 'desk', 78.0, TRUE),
  (5, 103, 'pen', 1.25, TRUE),
  (6, 105, 'lamp', NULL, NULL),
  (7, 105, 'desk', 80.0, NULL),
  (8, 500, 'lost', 9.0, FALSE);

-- Types that engines without them keep as text and numbers. SMALLINT is near its end.
CREATE TABLE parts (
  id BIGINT PRIMARY KEY,
  code UUID,
  cost NUMERIC(12, 2),
  stock SMALLINT,
  made DATE,
  due TEXT,
  sold BOOLEAN
);
INSERT INTO parts VALUES
  (1, 'f0000000-0000-0000-0000-00000000000a', 19.99, 32767, '2024-02-29', '2024-03-01', TRUE),
  (2, '0a000000-0000-4000-8000-0000000000ff', 0.01, -32768, '2023-12-31', '2023-12-31', FALSE),
  (3, 'abcdef00-0000-0000-0000-000000000000', -5.5, 7, '2024-01-01', '2023-01-01', TRUE),
  (4, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE "odd ""table"" Näme" (
  "select" BIGINT PRIMARY KEY,
  "with space" TEXT,
  "a ""quoted"" one" TEXT,
  "naïve" BIGINT,
  "semi;colon--" BIGINT
);
INSERT INTO "odd ""table"" Näme" VALUES
  (1, 'x', 'q', 10, 100),
  (2, NULL, '"', 20, NULL),
  (3, 'x', 'q', NULL, 300);
