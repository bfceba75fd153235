CREATE SCHEMA ref; CREATE SCHEMA "Odd Schema";
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TYPE mood AS ENUM ('sad','it''s ok','hap py');
CREATE DOMAIN posint AS integer CHECK (VALUE > 0);
CREATE DOMAIN mail AS text COLLATE "C" CHECK (VALUE ~ '^[^@]+@[^@]+$') ;
CREATE TYPE addr AS (street text, "Zip Code" varchar(10), n int);
CREATE TABLE ref.country (code char(2) PRIMARY KEY, name text NOT NULL);
INSERT INTO ref.country VALUES ('DE','Germany'),('FR','France');
CREATE TABLE "Odd Schema"."T 1" (id int GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 10) PRIMARY KEY, "Mixed" text);
INSERT INTO "Odd Schema"."T 1" ("Mixed") VALUES ('a'),('b');
CREATE TABLE person (
  id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 5) PRIMARY KEY,
  mail mail NOT NULL, feel mood DEFAULT 'it''s ok', age posint, home addr, tags text[] DEFAULT '{}'::text[], matrix int[][],
  country char(2) REFERENCES ref.country(code) ON UPDATE CASCADE,
  full_name text, lower_name text GENERATED ALWAYS AS (lower(full_name)) STORED,
  created timestamptz NOT NULL DEFAULT now(), valid daterange, ip inet, mac macaddr, bits bit varying(9), money money, span interval,
  j json, jb jsonb, x xml, u uuid DEFAULT gen_random_uuid(), ts tsvector, f4 real, f8 float8, n numeric, n2 numeric(6,2), ttz timetz, t time, b bytea, c "char", o oid, nm name, p point
);
COMMENT ON TABLE person IS 'people; with "quotes"'; COMMENT ON COLUMN person.mail IS 'the e-mail';
CREATE UNIQUE INDEX person_mail_lower ON person (lower(mail::text));
CREATE INDEX person_partial ON person (age DESC NULLS LAST) INCLUDE (full_name) WHERE age > 18;
CREATE INDEX person_gin ON person USING gin (tags);
INSERT INTO person (mail,feel,age,home,tags,matrix,country,full_name,created,valid,ip,mac,bits,money,span,j,jb,x,u,ts,f4,f8,n,n2,ttz,t,b,c,o,nm,p) VALUES
 ('a@x','sad',1,ROW('Str, "1"','12',3),'{a,"b,c",NULL,"q\"x"}','{{1,2},{3,NULL}}','DE','ÄRGER','infinity','[2020-01-01,2021-01-01)','10.0.0.0/8','08:00:2b:01:02:03','10101','$1,234.50','1 year 2 mons -3 days 04:05:06.789','{"b":1, "a":1, "a":2}','{"b":1.0, "a":[]}','<a>x</a>','00000000-0000-0000-0000-000000000001','''fat'':2 ''cat'':1','NaN','-Infinity','NaN',1.10,'23:59:59.5+14','24:00:00','\x00ff','z',42,'nm','(1,2)'),
 ('b@y',NULL,NULL,NULL,NULL,'[0:1]={5,6}',NULL,NULL,'0044-03-15 00:00:00+00 BC','empty',NULL,NULL,'',NULL,'-838:59:59.999999','null','null',NULL,NULL,'',1e-45,5e-324,123456789012345678901234567890.000100,-9999.99,'00:00:00-12','00:00:00.000001','','é'::"char",0,'',NULL);
CREATE TABLE vip (level int CHECK (level BETWEEN 1 AND 9)) INHERITS (person);
INSERT INTO vip (id,mail,level) OVERRIDING SYSTEM VALUE VALUES (1, 'v@v', 3);
CREATE TABLE room (no int, during tsrange NOT NULL, CONSTRAINT no_overlap EXCLUDE USING gist (no WITH =, during WITH &&), CONSTRAINT room_valid CHECK (NOT isempty(during)));
INSERT INTO room VALUES (1,'[2020-01-01,2020-01-02)'),(1,'[2020-01-02,2020-01-03)');
CREATE TABLE ev (id serial, at date NOT NULL, kind text NOT NULL, v int, PRIMARY KEY (id, at, kind)) PARTITION BY RANGE (at);
CREATE TABLE ev_2020 PARTITION OF ev FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') PARTITION BY LIST (kind);
CREATE TABLE ev_2020_a PARTITION OF ev_2020 FOR VALUES IN ('a');
CREATE TABLE ev_2020_x PARTITION OF ev_2020 DEFAULT;
CREATE TABLE ev_def PARTITION OF ev DEFAULT;
CREATE INDEX ev_v ON ev (v);
INSERT INTO ev (at,kind,v) VALUES ('2020-05-05','a',1),('2020-06-06','b',2),('1999-01-01','c',3);
CREATE TABLE node (id int PRIMARY KEY, up int, boss int, CONSTRAINT node_up FOREIGN KEY (up) REFERENCES node(id) DEFERRABLE INITIALLY DEFERRED, a int, b int, UNIQUE NULLS NOT DISTINCT (a,b));
CREATE TABLE dept (id int PRIMARY KEY, head int);
CREATE TABLE emp (id int PRIMARY KEY, dept int REFERENCES dept(id), k1 int, k2 text);
ALTER TABLE dept ADD CONSTRAINT dept_head FOREIGN KEY (head) REFERENCES emp(id) ON DELETE SET NULL NOT VALID;
INSERT INTO dept VALUES (1,NULL); INSERT INTO emp VALUES (1,1,1,'x'); UPDATE dept SET head=1;
BEGIN; INSERT INTO node VALUES (1,2,NULL,1,NULL),(2,1,NULL,2,NULL); COMMIT;
CREATE TABLE nothing ();
CREATE UNLOGGED TABLE tmp_log (a int);
INSERT INTO tmp_log VALUES (1);
CREATE VIEW adults AS SELECT id, mail, age FROM person WHERE age >= 18 WITH LOCAL CHECK OPTION;
CREATE MATERIALIZED VIEW per_country AS SELECT country, count(*) AS n FROM person GROUP BY country;
CREATE UNIQUE INDEX per_country_key ON per_country (country);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.created := now(); RETURN NEW; END $$;
CREATE TRIGGER person_touch BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON person FOR SELECT USING (mail = current_user);
CREATE SEQUENCE invoice_no START 7000 INCREMENT 7; SELECT nextval('invoice_no');
CREATE TABLE inv (no int PRIMARY KEY DEFAULT nextval('invoice_no'), note varchar(5) COLLATE "C" DEFAULT 'it''s');
INSERT INTO inv DEFAULT VALUES;
CREATE RULE no_del AS ON DELETE TO inv DO INSTEAD NOTHING;
CREATE TABLE "we""ird; DROP TABLE x;--" ("sel""ect" int PRIMARY KEY, "🦀" text, "new
line" text);
INSERT INTO "we""ird; DROP TABLE x;--" VALUES (1,'🦀','
');
