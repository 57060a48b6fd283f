package schema

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkNames finds entities that would be generated under one name: in the
// contract, in Go or in the store. Namespaces may share a store, so relations
// are the deployment's.
func (r *reader) checkNames(d *Deployment) {
	c := clashes{reader: r, d: d, goNames: r.checkIdentifiers(d), contract: declared(d.Files)}
	sortByFullName(r.entities)
	relations, dirs := map[string]string{}, map[string]string{}
	for _, e := range r.entities {
		own := string(e.Desc.FullName())
		if first := dirs[e.Dir]; first != "" {
			r.report(RuleNameCollision, e.Source, "rename one", "entities %s and %s both generate Go package %s", first, own, e.GoPackage)
		}
		dirs[e.Dir] = own

		if r.relation(relations, e, e.Table, "table", e.Source) {
			for _, o := range e.relations() {
				r.relation(relations, e, o.name, o.what, e.Source)
			}
		}
		for _, x := range e.Indexes {
			r.relation(relations, e, x.SQLName, "index "+x.Name, x.Source)
		}
		c.entity(e)
	}
}

// storeName is a name in the store that the schema did not choose.
type storeName struct{ name, what string }

// relations returns the names of what an entity's table brings along.
func (e *Entity) relations() []storeName {
	names := []storeName{{e.Table + "_version", "the sequence"}, {e.Table + "_pkey", "the key's index"}}
	if e.TTL > 0 {
		names = append(names, storeName{e.Table + "_expires", "the expiry's index"})
	}
	return names
}

// sqlName returns the name in the store of the entity's index on column or, if it
// is composite, of that name. It ends with _ where the table brings that name
// along: no name of a schema ends so.
func (e *Entity) sqlName(name string) string {
	name = e.Table + "_" + name
	if slices.ContainsFunc(e.relations(), func(o storeName) bool { return o.name == name }) {
		return name + "_"
	}
	return name
}

// clashes finds names of contracts that are taken.
type clashes struct {
	*reader
	d        *Deployment
	goNames  goPackages
	contract map[protoreflect.FullName]string // what is there, and how a clash reads
}

// entity reports every name that the contract of e cannot have, and what gives
// it others.
func (c *clashes) entity(e *Entity) {
	own, f := string(e.Desc.FullName()), e.Desc.ParentFile()
	var places []string            // what has taken names, in the order of the names
	taken := map[string][]string{} // by that
	met := map[string]bool{}       // in the contract, and so in Go
	others, plurals := false, true
	take := func(name, full, first string) {
		if taken[first] == nil {
			places = append(places, first)
		}
		taken[first] = append(taken[first], full)
		met[name] = true
		plurals = plurals && strings.Contains(name, e.Plural)
	}
	for _, name := range generated(e) {
		full := protoreflect.FullName(e.Contract.Package).Append(protoreflect.Name(name))
		if first, ok := c.contract[full]; ok && !met[name] {
			take(name, string(full), "which "+first)
			others = others || strings.HasPrefix(first, "entity ")
			continue
		}
		c.contract[full] = "entity " + own + " generates too"
	}
	names := c.goNames.of(c.contractGo(e))
	for _, name := range goGenerated(e) {
		if first, ok := names[name]; ok && !met[name] {
			take(name, name, "in Go the name of "+first)
		}
	}
	if len(taken) == 0 {
		return
	}
	fix := "rename one"
	if !e.Contract.Own && !others {
		fix = "write " + contractFix(c.d, f)
	}
	if plurals {
		fix += ", or write another plural"
	}
	var what []string
	for _, p := range places {
		what = append(what, strings.Join(taken[p], ", ")+", "+p)
	}
	c.report(RuleNameCollision, e.Source, fix, "entity %s generates %s", own, strings.Join(what, "; and "))
}

func (c *clashes) contractGo(e *Entity) string {
	importPath, _ := c.d.ContractGo(e)
	return importPath
}

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
