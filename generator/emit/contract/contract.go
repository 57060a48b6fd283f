// Package contract emits what clients are given: for every entity a commented
// .proto with its service, and for Go the messages and the client. None of it
// depends on a backend or on the deployment.
package contract

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/schema"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Dir is the folder of all contracts, from the module's root. Below it files
// stand under their proto path.
const Dir = "out/contract"

// Contract is the contract of all entities of a deployment.
type Contract struct {
	// Files are the contract's .proto files and their Go messages and clients,
	// and the Go messages of the schema's own files, but for those that the
	// user generates; by path.
	Files []emit.File
	// Descriptors holds the schema's files, the contract's and all that they
	// import, each after its imports, without options of source retention and
	// without source positions. It is for reading only.
	Descriptors *descriptorpb.FileDescriptorSet

	schema map[string]*descriptorpb.FileDescriptorProto // the schema's files with all their options
}

// Path returns the import path of the entity's contract, as other .proto files
// write it: shop/v1/user_profile_prism.proto.
func Path(e *schema.Entity) string {
	return path.Join(e.Contract.Dir, e.Label+"_prism.proto")
}

// Emit returns the contract of d. It is a pure function; an error means that d
// broke a rule which schema.Read checks, or a fault of the emitter.
func Emit(d *schema.Deployment) (*Contract, error) {
	texts := map[string]string{}
	for _, e := range d.Entities() {
		texts[Path(e)] = text(d, e)
	}
	linked, err := link(d, texts)
	if err != nil {
		return nil, fmt.Errorf("contract: link: %w", err)
	}
	var goFiles []emit.File
	if !d.WithoutGo {
		plugin, err := newPlugin(linked.own, linked.protos, linked.goPackages)
		if err != nil {
			return nil, fmt.Errorf("contract: %w", err)
		}
		if goFiles, err = emit.All(append(messages(plugin), clients(plugin, slices.Sorted(maps.Keys(texts)))...)); err != nil {
			return nil, fmt.Errorf("contract: Go: %w", err)
		}
	}
	c := &Contract{Files: goFiles, Descriptors: withoutSource(linked.protos), schema: linked.schema}
	for p, text := range texts {
		c.Files = append(c.Files, emit.File{Path: path.Join(Dir, p), Content: []byte(text)})
	}
	slices.SortFunc(c.Files, func(a, b emit.File) int { return strings.Compare(a.Path, b.Path) })
	return c, nil
}
