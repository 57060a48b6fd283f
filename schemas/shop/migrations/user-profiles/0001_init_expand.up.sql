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

-- shop.v1.UserProfile
-- class: safe · lock: none, the table is new · reversible: lossy, its records go with it
CREATE TABLE "user_profiles" (
  "user_id"       TEXT NOT NULL, -- field 1, key
  "email"         TEXT,          -- field 2, indexed
  "created_at"    TEXT,          -- field 6
  "prism_record"  BLOB NOT NULL,
  "prism_version" INTEGER NOT NULL,
  "prism_release" INTEGER NOT NULL,
  PRIMARY KEY ("user_id")
) STRICT;
CREATE UNIQUE INDEX "user_profiles_email" ON "user_profiles" ("email");
INSERT INTO "prism_versions" ("table", "last") VALUES ('user_profiles', 0);

INSERT INTO "prism_migrations" ("namespace", "number", "name", "state", "applied_at")
VALUES ('user-profiles', 1, '0001_init_expand', 'applied', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'));
