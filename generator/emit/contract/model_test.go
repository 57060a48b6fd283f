package contract_test

import (
	"os"
	"path"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// shop is the model of the example that others copy.
func shop(t *testing.T) *schema.Deployment {
	t.Helper()
	return read(t, "../../../schemas", "../../../schemas/shop/prism.yaml")
}

// wide is the model of a schema with what the shop's lacks.
func wide(t *testing.T) *schema.Deployment {
	t.Helper()
	return read(t, "testdata/wide", "testdata/wide/prism.yaml")
}

func read(t *testing.T, dir, config string) *schema.Deployment {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	files, faults := source.Compile(t.Context(), os.DirFS(dir), schema.Packages(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	// A contract does not depend on the backend: any will do.
	backend := func(name string) schema.Store {
		return schema.Store{
			Name: name, Columns: true, KeyValue: &schema.Offer{Can: ^schema.Ability(0)},
			Durability: func(map[string]string) schema.Durability { return schema.PowerSafe },
		}
	}
	d, faults := schema.Read(schema.Input{
		Config: text, ConfigPath: path.Base(config), Files: files,
		Stores: []schema.Store{backend("memory"), backend("sqlite")},
	})
	if d == nil {
		t.Fatal(faults)
	}
	return d
}
