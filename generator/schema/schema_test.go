package schema_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
)

// everything is all that an entity can ask for.
var everything = &schema.Offer{Can: ^schema.Ability(0)}

// backends promise what the real ones do, as far as the model cares.
var backends = []schema.Store{
	{
		Name: "nats",
		KeyValue: &schema.Offer{
			Can:   schema.CanSwap | schema.CanBatch | schema.CanUnique | schema.CanExpire,
			Lacks: map[schema.Ability]string{schema.CanScan: "the subjects of a stream have no order", schema.CanList: "the subjects of a stream have no order"},
		},
		Durability: func(map[string]string) schema.Durability { return schema.PowerSafe },
	},
	{
		Name:     "memory",
		KeyValue: everything,
		Durability: func(map[string]string) schema.Durability {
			return schema.LostOnRestart
		},
	},
	{
		Name:     "postgres",
		KeyValue: everything,
		Columns:  true,
		Config:   []schema.ConfigKey{{Name: "url", Required: true, Reference: true, URL: true}},
		Durability: func(map[string]string) schema.Durability {
			return schema.PowerSafe
		},
	},
	{
		Name:     "sqlite",
		KeyValue: everything,
		Columns:  true,
		Config:   []schema.ConfigKey{{Name: "synchronous", Default: "FULL", Values: []string{"FULL", "NORMAL"}}, {Name: "readers", Min: 1, Max: 64, Reference: true}},
		Durability: func(config map[string]string) schema.Durability {
			if config["synchronous"] == "FULL" {
				return schema.PowerSafe
			}
			return schema.CrashSafe
		},
		Check: func(e *schema.Entity) []schema.Breach {
			if !strings.HasPrefix(e.Table, "sqlite_") {
				return nil
			}
			return []schema.Breach{{At: e.TableSource(), What: "table " + e.Table + " begins with sqlite_, which the database reserves", Fix: "write another name"}}
		},
	},
}

const (
	configPath = "schemas/shop/prism.yaml"
	config     = `deployment: shop
import_path: example.com/shop
packages: [shop.v1]
namespaces:
  - {name: orders, backend: sqlite}
`
	order = `message Order {
  option (prism.v1.entity).namespace = "orders";
  option (prism.v1.entity).key_value = {};
  option (prism.v1.entity).durability = POWER_SAFE;
  string id = 1 [(prism.v1.field).partition_key = 1, (prism.v1.field).max_length = 36];
}
`
	header = `package shop.v1; import "google/protobuf/timestamp.proto"; import "prism/v1/options.proto"; `
	goPkg  = `option go_package = "example.com/shop/out/contract/shop/v1;shopv1";`
)

// file returns a whole schema file whose first line is made of what text does
// not say itself, so that the rest of text begins in line 2.
func file(text string) string {
	first := `syntax = "proto3"; `
	if strings.HasPrefix(text, "syntax") || strings.HasPrefix(text, "edition") {
		first, text, _ = strings.Cut(text, "\n")
	}
	first += header
	if !strings.Contains(text, "option go_package") {
		first += goPkg
	}
	return first + "\n" + text
}

// readFiles compiles and reads files as shop/v1/<name>, or returns the
// compiler's own faults.
func readFiles(t *testing.T, config string, files map[string]string) (*schema.Deployment, []schema.Diagnostic) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys["shop/v1/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	descriptors, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fsys}}, schema.Packages([]byte(config)))
	if len(faults) > 0 {
		return nil, faults
	}
	return schema.Read(schema.Input{Config: []byte(config), ConfigPath: configPath, Files: descriptors, Stores: backends})
}

// read is readFiles for shop/v1/order.proto alone.
func read(t *testing.T, config, text string) (*schema.Deployment, []schema.Diagnostic) {
	t.Helper()
	return readFiles(t, config, map[string]string{"order.proto": file(text)})
}

func lines(faults []schema.Diagnostic) string {
	var b strings.Builder
	for _, f := range faults {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}
