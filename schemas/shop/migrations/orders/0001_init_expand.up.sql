-- class: safe · lock: none, the tables are new · reversible: yes
CREATE TABLE IF NOT EXISTS "prism_meta" (
  "name"  TEXT NOT NULL,
  "value" TEXT NOT NULL,
  PRIMARY KEY ("name")
) STRICT;
INSERT INTO "prism_meta" ("name", "value") VALUES ('deployment', 'shop') ON CONFLICT DO NOTHING;
INSERT INTO "prism_meta" ("name", "value") VALUES ('page_key_1', lower(hex(randomblob(32)))) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS "prism_migrations" (
  "namespace"  TEXT NOT NULL,
  "number"     INTEGER NOT NULL,
  "name"       TEXT NOT NULL,
  "sha256"     TEXT,
  "state"      TEXT NOT NULL,
  "applied_at" TEXT NOT NULL,
  PRIMARY KEY ("namespace", "number")
) STRICT;
CREATE TABLE IF NOT EXISTS "prism_versions" (
  "table" TEXT NOT NULL,
  "last"  INTEGER NOT NULL,
  PRIMARY KEY ("table")
) STRICT;

-- shop.v1.Order
-- class: safe · lock: none, the table is new · reversible: lossy, its records go with it
CREATE TABLE "orders" (
  "customer_id"    TEXT NOT NULL, -- field 1, key
  "created_at"     TEXT NOT NULL, -- field 2, key
  "order_id"       TEXT NOT NULL, -- field 3, key
  "status"         INTEGER,       -- field 4, indexed
  "adult_only"     INTEGER,       -- field 9
  "loyalty_points" INTEGER,       -- field 10
  "prism_record"   BLOB NOT NULL,
  "prism_version"  INTEGER NOT NULL,
  "prism_release"  INTEGER NOT NULL,
  PRIMARY KEY ("customer_id", "created_at", "order_id")
) STRICT;
CREATE INDEX "orders_status" ON "orders" ("status", "created_at", "customer_id", "order_id");
INSERT INTO "prism_versions" ("table", "last") VALUES ('orders', 0);

INSERT INTO "prism_migrations" ("namespace", "number", "name", "state", "applied_at")
VALUES ('orders', 1, '0001_init_expand', 'applied', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'));
