package contract_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

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
	return model(t, os.DirFS(dir), text)
}

// edited is the model of the shop with one of its files edited.
func edited(t *testing.T, file string, edit func(string) string) *schema.Deployment {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS("../../../schemas"), "shop", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join("../../../schemas", name))
		if name == file {
			text = []byte(edit(string(text)))
		}
		files[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return model(t, files, files["shop/prism.yaml"].Data)
}

func model(t *testing.T, fsys fs.FS, text []byte) *schema.Deployment {
	t.Helper()
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fsys}}, schema.Packages(text))
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
		Config: text, ConfigPath: "prism.yaml", Files: files,
		Stores: []schema.Store{backend("memory"), backend("sqlite")},
	})
	if d == nil {
		t.Fatal(faults)
	}
	return d
}
