package schema

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkNames finds entities that would be generated under one name: in the
// contract, in Go or in the store. Namespaces may share a store, so relations
// are the deployment's.
func (r *reader) checkNames(d *Deployment) {
	goNames := r.checkIdentifiers(d)
	sortByFullName(r.entities)
	relations, goPackages := map[string]string{}, map[string]string{}
	contract := declared(d.Files)
	for _, e := range r.entities {
		own := string(e.Desc.FullName())
		if first := goPackages[goFolder(e)]; first != "" {
			r.report(RuleNameCollision, e.Source, "rename one", "entities %s and %s both generate Go package %s", first, own, e.GoPackage)
		}
		goPackages[goFolder(e)] = own

		if r.relation(relations, e, e.Table, "table", e.Source) {
			r.relation(relations, e, e.Table+"_version", "the sequence", e.Source)
			r.relation(relations, e, e.Table+"_pkey", "the key's index", e.Source)
			if e.TTL > 0 {
				r.relation(relations, e, e.Table+"_expires", "the expiry's index", e.Source)
			}
		}
		for _, x := range e.Indexes {
			r.relation(relations, e, x.SQLName, "index "+x.Name, x.Source)
		}
		clash := false
		for _, name := range generated(e) {
			full := e.Desc.ParentFile().Package().Append(protoreflect.Name(name))
			if first, ok := contract[full]; ok {
				r.report(RuleNameCollision, e.Source, "rename it, or write another plural", "entity %s generates %s, which %s", own, full, first)
				clash = true
				break // the others clash for the same reason
			}
			contract[full] = "entity " + own + " generates too"
		}
		for _, name := range goGenerated(e) {
			if first, ok := goNames.of(e.Desc.ParentFile())[name]; ok && !clash {
				r.report(RuleNameCollision, e.Source, "rename one", "%s and what entity %s generates are both %s in Go", first, own, name)
				break
			}
		}
	}
}

func goFolder(e *Entity) string { return string(e.Desc.ParentFile().Package()) + "/" + e.GoPackage }

// relation takes a name in the store, where tables, indexes and sequences
// share one space, and reports whether it was free.
func (r *reader) relation(taken map[string]string, e *Entity, name, what string, at Source) bool {
	if first := taken[name]; first != "" {
		r.report(RuleNameCollision, at, `write option (prism.v1.entity).table = "…", or rename the index`, "%s of %s is %s, as is %s", what, e.Desc.FullName(), name, first)
		return false
	}
	taken[name] = fmt.Sprintf("%s of %s", what, e.Desc.FullName())
	return true
}

// declared returns what the packages of the files have, and how a clash reads.
func declared(files []protoreflect.FileDescriptor) map[protoreflect.FullName]string {
	names := map[protoreflect.FullName]string{}
	add := func(d protoreflect.Descriptor) {
		at := place(d)
		names[d.FullName()] = fmt.Sprintf("stands at %s:%d:%d", at.File, at.Line, at.Column)
	}
	for _, f := range files {
		for i := range f.Messages().Len() {
			add(f.Messages().Get(i))
		}
		for i := range f.Services().Len() {
			add(f.Services().Get(i))
		}
		for i := range f.Extensions().Len() {
			add(f.Extensions().Get(i))
		}
		for i := range f.Enums().Len() {
			enum := f.Enums().Get(i)
			add(enum)
			for j := range enum.Values().Len() {
				add(enum.Values().Get(j))
			}
		}
	}
	return names
}

// generated returns the top-level names of an entity's contract and client.
func generated(e *Entity) []string {
	names := []string{e.Service.Name, e.Service.Name + "Client"}
	for _, m := range e.Service.Messages {
		names = append(names, m.Name)
	}
	for _, m := range e.Service.Methods {
		names = append(names, m.Request.Name, m.Response.Name)
	}
	return names
}
