package backends_test

import (
	"bytes"
	"flag"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/prism-proxy/prism/backends"
)

var update = flag.Bool("update", false, "write the stores of the shop on every backend")

// What a backend emits for the shop is in its folder, so that a reviewer sees
// the effect of a change to an emitter.
func TestStoresOfShop(t *testing.T) {
	for _, b := range backends.All() {
		stores := 0
		for _, f := range compile(t, b, "../schemas", "../schemas/shop") {
			if path.Base(f.Path) != "store.go" || path.Dir(path.Dir(f.Path)) != "out/shop/proxy/shop/v1" {
				continue
			}
			stores++
			golden := filepath.Join(b.Name, "gen/testdata", path.Base(path.Dir(f.Path)), "store.go")
			if *update {
				if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, f.Content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(f.Content, want) {
				t.Errorf("%s: not what %s emits (%v); read the difference after go test ./backends -run TestStoresOfShop -update", golden, b.Name, err)
			}
		}
		if stores != 3 {
			t.Errorf("%s emits %d stores, want those of 3 entities", b.Name, stores)
		}
	}
}
