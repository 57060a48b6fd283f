package schema

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const maxIdentifier = 255 // bytes of a name in any store

var jsonShape = regexp.MustCompile(`^[\pL\pN_$@.:/-]*$`)

// goNames are the names taken in a Go package, and what has taken them.
type goNames map[string]string

// goPackages are the names taken in each Go package, by its import path.
type goPackages map[string]goNames

func (p goPackages) of(importPath string) goNames {
	if p[importPath] == nil {
		p[importPath] = goNames{}
	}
	return p[importPath]
}

// checkIdentifiers checks the names of all that is declared in the files whose
// Go is generated, be they entities' or not, and returns what they become in Go.
// What other names become in a language is its own tools' to say.
func (r *reader) checkIdentifiers(d *Deployment) goPackages {
	packages := goPackages{}
	for _, f := range d.Files {
		if !d.GeneratesGo(f) {
			continue
		}
		names := packages.of(d.contractPath(f))
		r.enums(names, f.Enums())
		r.extensions(names, f.Extensions())
		everyMessage(f.Messages(), func(m protoreflect.MessageDescriptor) { r.identifiers(names, m) })
	}
	return packages
}

// goGenerated returns the names in Go that an entity's client has, and that no
// message of the contract has.
func goGenerated(e *Entity) []string {
	names := []string{e.Service.Name + "Client", "New" + e.Service.Name + "Client"}
	for _, m := range e.Service.Methods {
		names = append(names, e.Service.Name+"_"+m.Name+"_FullMethodName")
	}
	for _, name := range generated(e) {
		names = append(names, goCamel(name))
	}
	return names
}

// goName takes a name in Go for d.
func (r *reader) goName(names goNames, d protoreflect.Descriptor, name string) {
	if first, ok := names[name]; ok {
		r.report(RuleNameCollision, place(d), "rename one", "%s and %s are both %s in Go", first, d.FullName(), name)
		return
	}
	at := place(d)
	names[name] = fmt.Sprintf("%s at %s:%d:%d", d.FullName(), at.File, at.Line, at.Column)
}

func (r *reader) identifiers(names goNames, m protoreflect.MessageDescriptor) {
	if m.IsMapEntry() {
		return
	}
	own := goOf(m)
	r.goName(names, m, own)
	r.enums(names, m.Enums())
	r.extensions(names, m.Extensions())
	nested := map[string]bool{} // protoc-gen-go evades these itself
	for i := range m.Messages().Len() {
		nested[goOf(m.Messages().Get(i))] = true
	}
	for i := range m.Enums().Len() {
		nested[goOf(m.Enums().Get(i))] = true
	}
	used := map[string]bool{}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if !jsonShape.MatchString(f.JSONName()) {
			r.report(RuleJSONName, place(f, jsonNameOption...), "write another json_name", "the JSON name of %s is %q", f.Name(), f.JSONName())
		}
		name := goCamel(string(f.Name()))
		for used[name] { // as protoc-gen-go tells fields apart
			name += "_"
		}
		used[name] = true
		if f.HasDefault() {
			r.goName(names, f, "Default_"+own+"_"+name)
		}
		wrapper := own + "_" + name
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() && !nested[wrapper] {
			r.goName(names, f, wrapper)
		}
	}
}

func (r *reader) enums(names goNames, all protoreflect.EnumDescriptors) {
	for i := range all.Len() {
		enum := all.Get(i)
		own := goOf(enum)
		r.goName(names, enum, own)
		r.goName(names, enum, own+"_name")
		r.goName(names, enum, own+"_value")
		scope := own
		if m, ok := enum.Parent().(protoreflect.MessageDescriptor); ok {
			scope = goOf(m)
		}
		for j := range enum.Values().Len() {
			v := enum.Values().Get(j)
			r.goName(names, v, scope+"_"+string(v.Name()))
		}
	}
}

func (r *reader) extensions(names goNames, all protoreflect.ExtensionDescriptors) {
	for i := range all.Len() {
		x := all.Get(i)
		r.goName(names, x, "E_"+goOf(x))
	}
}

// goOf returns the name in Go of what a file declares, as protoc-gen-go has it.
func goOf(d protoreflect.Descriptor) string {
	name := string(d.FullName())
	if pkg := string(d.ParentFile().Package()); pkg != "" {
		name = name[len(pkg)+1:]
	}
	return goCamel(name)
}

// goCamel turns a proto name into one of Go, as protoc-gen-go does: words that
// begin in lower case are joined, other underscores stay, a dot becomes one.
func goCamel(name string) string {
	var b strings.Builder
	upper := true // the next letter begins a word
	for i := range len(name) {
		c, lowerNext := name[i], i+1 < len(name) && 'a' <= name[i+1] && name[i+1] <= 'z'
		switch {
		case c == '.' && lowerNext:
			upper = true
		case c == '.':
			b.WriteByte('_')
			upper = true
		case c == '_' && (i == 0 || name[i-1] == '.'):
			b.WriteByte('X')
			upper = true
		case c == '_' && lowerNext:
			upper = true
		case '0' <= c && c <= '9':
			b.WriteByte(c)
			upper = true
		default:
			if upper && 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			b.WriteByte(c)
			upper = c == '_'
		}
	}
	return b.String()
}
