package postgres_test

import (
	"os"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/backends/postgres/postgrestest"
)

// What docs/operating.md grants the role of serve is enough for every call, for the
// checks of a start and for a sweep.
func TestRightsAsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```sql\n")
	grants, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/operating.md grants nothing")
	}
	b := conformance
	b.Themes = []string{"records", "batches", "ttl", "finds"}
	b.Getenv = func(t testing.TB) func(string) string {
		store := postgrestest.Start(t)
		backendtest.Migrate(t, conformance, func(string) string { return store })
		if err := postgrestest.Exec(store, grants); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			postgrestest.Exec(store, `DROP OWNED BY shop_proxy`)
			postgrestest.Exec(store, `DROP ROLE shop_proxy`)
		})
		return func(string) string { return withUser(store) }
	}
	backendtest.Run(t, b)
}

func withUser(store string) string {
	if strings.Contains(store, "?") {
		return store + "&user=shop_proxy"
	}
	return store + "?user=shop_proxy"
}
