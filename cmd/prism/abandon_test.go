package main

import (
	"maps"
	"os"
	"strings"
	"testing"
)

// A namespace that moves to another backend leaves its records behind: all
// commands that compile say so, and the command of docs/moving.md succeeds,
// once.
func TestAbandon(t *testing.T) {
	page, err := os.ReadFile("../../docs/moving.md")
	if err != nil {
		t.Fatal(err)
	}
	const command = "prism generate --abandon orders\n"
	if !strings.Contains(string(page), "```sh\n"+command+"```") {
		t.Fatalf("docs/moving.md does not have the command %s", command)
	}
	line := strings.TrimSpace(strings.TrimPrefix(command, "prism "))
	module(t, map[string]string{"schemas/shop/v1/order.proto": order, "schemas/shop/prism.yaml": config})
	script(t, []step{{"generate", 0, "wrote ", ""}, {line, 1, "", "prism: nothing leaves records of orders behind; remove --abandon orders\n"}})
	write(t, "schemas/shop/prism.yaml", strings.Replace(config, "sqlite", "postgres, config: {url: \"${env:SHOP}\"}", 1))
	const lost = "schemas/shop/prism.yaml:5:29: PRISM4013 [lock.backend] namespace orders was on sqlite and is on postgres now; its records stay on sqlite, where the proxy does not look; "
	before := wrote(t)
	script(t, []step{
		{"check", 1, "", lost}, {"plan", 1, "", lost}, {"build", 1, "", lost}, {"generate --check", 1, "", lost},
		{"generate", 1, "", lost}, {"generate --abandon cart", 1, "", lost},
	})
	if after := wrote(t); !maps.Equal(before, after) {
		t.Error("what is refused changes files")
	}
	script(t, []step{{line, 0, "wrote ", ""}, {"generate", 0, "shop is up to date\n", ""}, {line, 1, "", "prism: nothing leaves records"}})
}

// wrote returns some of what generate writes.
func wrote(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, p := range []string{"schemas/shop/prism.lock.json", "out/shop/proxy/server/server.go", "schemas/shop/migrations/orders/0001_init_expand.up.sql"} {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files[p] = string(text)
	}
	return files
}
