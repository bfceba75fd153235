-- One column of every supported type, a composite key, and a table whose rows have no key and repeat.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'très content');
CREATE TABLE every (
  id integer PRIMARY KEY,
  c_bool boolean, c_int2 smallint, c_int4 integer, c_int8 bigint,
  c_num numeric, c_dec numeric(12,3), c_real real, c_double double precision,
  c_text text, c_varchar varchar(40), c_char char(8), c_bytea bytea,
  c_date date, c_time time, c_ts timestamp, c_tstz timestamptz, c_interval interval,
  c_uuid uuid, c_json json, c_jsonb jsonb, c_mood mood,
  c_ints integer[], c_texts text[], c_nums numeric[], c_tstzs timestamptz[]);
-- Rows 1 to 400 have no NULL outside arrays and no special value: any of them may be picked for a change.
INSERT INTO every SELECT i,
  i % 3 = 0, (i * 37 % 65536 - 32768)::smallint, i * 100003, i::bigint * 1000000000039,
  (i * 7919 % 100000 / 100.0)::numeric(12,2), (i * 31 % 100000)::numeric / 1000, (i / 7.0)::real, i / 7.0::float8,
  'texte élégant ' || i, 'v' || md5(i::text), 'c' || (i % 100), decode(md5(i::text), 'hex'),
  date '2000-01-01' + i, time '00:00:00' + i * interval '1.000001 s',
  timestamp '1999-12-31 23:59:59.999999' + i * interval '1 day 1.5 s',
  timestamptz '1969-12-31 23:59:59.5+00' + i * interval '1 day',
  make_interval(0, i % 30, 0, i % 60, 0, 0, i / 10.0), md5(i::text)::uuid,
  format('{"n": %s, "big": 12345678901234567890.1234567890, "list": [1, 2, null], "text": "é"}', i)::json,
  format('{"n": %s, "big": 12345678901234567890.1234567890, "list": [1, 2, null], "text": "é"}', i)::jsonb,
  (enum_range(null::mood))[1 + i % 4],
  ARRAY[i, i + 1, null], ARRAY['a' || i, 'b,"', ''], ARRAY[i::numeric, 1.50],
  ARRAY[timestamptz '2020-02-29 12:00:00.000001+00' + i * interval '1 hour']
  FROM generate_series(1, 400) i;
INSERT INTO every (id) VALUES (1001);
INSERT INTO every (id, c_num, c_dec, c_real, c_double, c_date, c_ts, c_tstz, c_text, c_bytea, c_char, c_ints, c_texts)
  VALUES
  (1002, 'NaN', 'NaN', 'NaN', 'NaN', 'infinity', 'infinity', 'infinity', '', '', '', '{}', '{}'),
  (1003, 'Infinity', 0.001, 'Infinity', 'Infinity', '-infinity', '-infinity', '-infinity', ' ', '\x00', ' ', '{NULL}', '{NULL}'),
  (1004, '-Infinity', -0.5, '-Infinity', '-Infinity', '0044-03-15 BC', '4713-01-01 BC', '4713-01-01 BC', 'ünï😀', '\xff', null, '{1}', '{""}'),
  (1005, 1.500, 1.5, '-0', '-0', '5874897-12-31', '294246-12-31 23:59:59.999999', '294246-12-31 23:59:59.999999', E'a\nb', null, 'é', '{1,2}', '{NULL,"NULL"}');
CREATE TABLE pair (a integer, b varchar(10), c uuid, v text, w text, n numeric, PRIMARY KEY (a, b, c));
INSERT INTO pair SELECT i % 20, 'k' || i % 7, md5(i::text)::uuid, 'v' || i, 'w' || i, i FROM generate_series(1, 300) i;
CREATE TABLE heap (v text, n integer, d date);
INSERT INTO heap SELECT 'row ' || i % 50, i % 50, date '2020-01-01' + i % 50 FROM generate_series(1, 150) i;
INSERT INTO heap VALUES (null, null, null), (null, null, null), ('', 0, null);
