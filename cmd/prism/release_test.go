package main

import (
	"os"
	"strings"
	"testing"
)

// A release closes what was generated and nothing else; what is closed is watched by
// every command.
func TestRelease(t *testing.T) {
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	script(t, []step{
		{"release", 1, "", "prism: generated files are out of date; run prism generate\n"},
		{"generate", 0, "wrote ", ""},
		{"release", 0, "shop: release 1 closed (1 migration, schemas/shop/released/0001.binpb)\n", ""},
		{"generate", 0, "shop is up to date\n", ""},
		{"release", 1, "", "schemas/shop/prism.lock.json: PRISM4018 [release.empty] nothing has changed since release 1; "},
	})
	write(t, "schemas/shop/v1/order.proto", strings.Replace(order, "\n  string id", "\n  string note = 2;\n  string id", 1))
	script(t, []step{
		{"release", 1, "", "out/shop/proxy/server/server.go: stale\n"},
		{"generate", 0, "wrote out/shop/proxy/server/server.go\n", ""},
		{"release", 0, "shop: release 2 closed (0 migrations, schemas/shop/released/0002.binpb)\n", ""},
	})
	for _, file := range []string{"migrations/orders/0001_init_expand.up.sql", "released/0001.binpb"} {
		file = "schemas/shop/" + file
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		remove(t, file)
		gone := file + ": PRISM4016 [history.file] the file is gone; what a release closed does not change; restore it from version control\n"
		script(t, []step{{"check", 1, "", gone}, {"generate", 1, "", gone}, {"release", 1, "", gone}})
		write(t, file, strings.ReplaceAll(string(text), "\n", "\r\n")+"-- more\n")
		if strings.HasSuffix(file, ".sql") {
			script(t, []step{{"generate --check", 0, "", ""}}) // comments are no statements
			write(t, file, strings.Replace(string(text), `"id"`, `"di"`, 1))
			script(t, []step{{"generate --check", 1, "", file + ": PRISM4016 [history.file] the statements of the file have changed since release 1 was closed; "}})
		} else {
			script(t, []step{{"generate --check", 1, "", "schemas/shop/prism.lock.json: PRISM4017 [history.sum] release 2 is not what was closed: its files are those of two histories; "}})
		}
		write(t, file, string(text))
	}
	script(t, []step{{"generate --check", 0, "", ""}})
}
