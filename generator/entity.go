package generator

import (
	"path"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/contract"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/emit/record"
	"github.com/prism-proxy/prism/generator/emit/service"
	"github.com/prism-proxy/prism/generator/schema"
)

// pkg is the package of an entity in the proxy, or in the test kit.
type pkg struct {
	entity  *schema.Entity
	dir     string
	backend *emit.Backend
}

// marked reports whether the package keeps fields merely because they are marked.
func (p pkg) marked() bool {
	return p.backend.Columns && len(p.entity.Stored(true)) > len(p.entity.Stored(false))
}

// packagesOf returns all packages of an entity, by its abstraction. What does not
// depend on the store is made once: to format it takes longer than all else.
var packagesOf = map[*schema.Abstraction]func(*schema.Deployment, []pkg) ([]emit.File, error){
	schema.KeyValue: keyValue,
}

func keyValue(d *schema.Deployment, packages []pkg) ([]emit.File, error) {
	many, err := service.EmitMany(packages[0].entity)
	if err != nil {
		return nil, err
	}
	records := map[bool]emit.File{} // by whether marked fields are kept
	for _, p := range packages {
		if _, made := records[p.marked()]; made {
			continue
		}
		if records[p.marked()], err = record.Emit(p.entity, p.marked()); err != nil {
			return nil, err
		}
	}
	var files []emit.File
	for _, p := range packages {
		importPath := path.Join(d.ImportPath, p.dir)
		store := golang.NewFile(importPath, p.entity.GoPackage, "", nil)
		p.backend.KeyValue(store, p.entity)
		content, err := store.Bytes()
		if err != nil {
			return nil, err
		}
		s := emit.File{Path: path.Join(p.dir, "store.go"), Content: content}
		h, err := service.Emit(p.entity, p.backend, p.dir, importPath, contract.Path(p.entity))
		if err != nil {
			return nil, err
		}
		files = append(files, s, h)
		for _, f := range append(many, records[p.marked()]) {
			files = append(files, emit.File{Path: path.Join(p.dir, f.Path), Content: f.Content})
		}
	}
	return files, nil
}
