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

-- shop.v1.Session
-- class: safe · lock: none, the table is new · reversible: lossy, its records go with it
CREATE TABLE "sessions" (
  "session_id"    TEXT NOT NULL, -- field 1, key
  "user_id"       TEXT,          -- field 2, indexed
  "prism_record"  BLOB NOT NULL,
  "prism_version" INTEGER NOT NULL,
  "prism_release" INTEGER NOT NULL,
  "prism_expires" TEXT NOT NULL,
  PRIMARY KEY ("session_id")
) STRICT;
CREATE INDEX "sessions_user_id" ON "sessions" ("user_id", "session_id");
CREATE INDEX "sessions_prism_expires" ON "sessions" ("prism_expires");
INSERT INTO "prism_versions" ("table", "last") VALUES ('sessions', 0);

INSERT INTO "prism_migrations" ("namespace", "number", "name", "state", "applied_at")
VALUES ('sessions', 1, '0001_init_expand', 'applied', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'));
