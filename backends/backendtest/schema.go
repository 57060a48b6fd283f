package backendtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator"
	"github.com/prism-proxy/prism/generator/emit"
	"github.com/prism-proxy/prism/generator/emit/golang"
	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
	"github.com/prism-proxy/prism/schemas"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// deployment is the name of the conformance deployment on a backend.
func deployment(b *emit.Backend) string { return "conformance" + b.Name }

// variable is the environment variable for a setting that differs between
// environments.
func variable(b *emit.Backend, key string) string {
	return strings.ToUpper("PRISM_CONFORMANCE_" + b.Name + "_" + key)
}

// generate compiles the conformance schema for b, as a deployment of the given
// module, without what needs abilities outside can.
func generate(b *emit.Backend, module string, can schema.Ability) (*generator.Output, []schema.Diagnostic) {
	in := generator.Input{Config: config(b, module), ConfigPath: "schemas/conformance/" + b.Name + "/prism.yaml", Module: module}
	return compile(b, schemas.Conformance, in, can)
}

// Compile compiles the schema in fsys for b, whatever backends it was written
// for: what b does not offer is removed, as if its author had not asked for it.
// in has everything but files and backends.
func Compile(b *emit.Backend, fsys fs.FS, in generator.Input) (*generator.Output, []schema.Diagnostic) {
	return compile(b, fsys, in, b.Store.KeyValue.Can)
}

func compile(b *emit.Backend, fsys fs.FS, in generator.Input, can schema.Ability) (*generator.Output, []schema.Diagnostic) {
	packages := schema.Packages(in.Config)
	files, faults := source.Compile(context.Background(), []source.Folder{{Name: "schemas", FS: fsys}}, packages)
	if len(faults) > 0 {
		return nil, faults
	}
	protos := source.Protos(files)
	for _, f := range files {
		p := protos[f.Path()]
		if in.Module != "" {
			*p.Options.GoPackage = strings.Replace(p.GetOptions().GetGoPackage(), golang.Module, in.Module, 1)
		}
		for _, m := range p.MessageType {
			if e, _ := proto.GetExtension(m.Options, prismv1.E_Entity).(*prismv1.Entity); e.GetKeyValue() != nil {
				strip(m, e, can)
			}
		}
	}
	in.Files, faults = source.FromProtos(slices.Collect(maps.Values(protos)), packages)
	if len(faults) > 0 {
		return nil, faults
	}
	in.Backends = []*emit.Backend{b}
	return generator.Run(in)
}

// strip removes from an entity what needs abilities outside can.
func strip(m *descriptorpb.DescriptorProto, e *prismv1.Entity, can schema.Ability) {
	kv := e.GetKeyValue()
	for _, part := range []struct {
		ability schema.Ability
		part    prismv1.KeyValue_Part
	}{
		{schema.CanSwap, prismv1.KeyValue_SWAP},
		{schema.CanBatch, prismv1.KeyValue_BATCH},
		{schema.CanScan, prismv1.KeyValue_SCAN},
	} {
		if can&part.ability == 0 && !slices.Contains(kv.Without, part.part) {
			kv.Without = append(kv.Without, part.part)
		}
	}
	needs := func(unique bool) schema.Ability {
		if unique {
			return schema.CanUnique
		}
		return schema.CanList
	}
	e.Index = slices.DeleteFunc(e.Index, func(x *prismv1.Entity_Index) bool { return can&needs(x.Unique) == 0 })
	if can&schema.CanExpire == 0 {
		e.Ttl = nil
	}
	e.Durability = prismv1.Entity_DURABILITY_UNSPECIFIED // a setting may be too weak for it
	proto.SetExtension(m.Options, prismv1.E_Entity, e)
	for _, f := range m.Field {
		o, _ := proto.GetExtension(f.Options, prismv1.E_Field).(*prismv1.Field)
		if o.GetIndex() != prismv1.Field_INDEX_UNSPECIFIED && can&needs(o.GetIndex() == prismv1.Field_UNIQUE) == 0 {
			o.Index = prismv1.Field_INDEX_UNSPECIFIED
			proto.SetExtension(f.Options, prismv1.E_Field, o)
		}
	}
}

// config returns prism.yaml of the conformance schema.
func config(b *emit.Backend, module string) []byte {
	text := fmt.Sprintf("deployment: %s\nimport_path: %s\npackages: [conformance.v1]\ntest_kit: false\nnamespaces:\n", deployment(b), module)
	for _, name := range []string{"documents", "east", "events", "items", "leases", "samples", "types", "west"} {
		text += fmt.Sprintf("  - name: %s\n    backend: %s\n", name, b.Name)
		settings := ""
		for _, key := range b.Config {
			if key.Required && key.InsteadOf == "" {
				settings += fmt.Sprintf("      %s: ${env:%s}\n", key.Name, variable(b, key.Name))
			}
		}
		if settings != "" {
			text += "    config:\n" + settings
		}
	}
	return []byte(text)
}

// refusals fails if b serves what it does not offer: a schema that asks for it
// must be refused, by exactly that rule.
func refusals(b *emit.Backend) error {
	var failed []error
	for _, a := range schema.KeyValue.Abilities {
		can := b.Store.KeyValue.Can
		if can&a != 0 {
			continue
		}
		out, faults := generate(b, golang.Module, can|a)
		if out != nil {
			failed = append(failed, fmt.Errorf("rule: what a backend does not offer is refused at its option; %s serves %s", b.Name, a))
		}
		for _, f := range faults {
			if f.Severity == schema.Error && f.Number != schema.RuleBackendAbility {
				failed = append(failed, fmt.Errorf("the conformance schema on %s, with %s: %v", b.Name, a, f))
			}
		}
	}
	return errors.Join(failed...)
}
