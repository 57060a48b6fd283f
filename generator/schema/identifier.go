package schema

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const maxIdentifier = 255 // bytes of a name that is not in the store

var (
	identifierShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	jsonShape       = regexp.MustCompile(`^[\pL\pN_$@.:/-]+$`)
)

// goNames are the names taken in a Go package, and what has taken them.
type goNames map[string]string

// goPackages are the names taken in each Go package, by its import path.
type goPackages map[string]goNames

func (p goPackages) of(f protoreflect.FileDescriptor) goNames {
	folder, _, _ := strings.Cut(fileOptions(f).GetGoPackage(), ";")
	if p[folder] == nil {
		p[folder] = goNames{}
	}
	return p[folder]
}

// checkIdentifiers checks the names of all that the files declare, be they
// entities' or not, and returns what they become in Go.
func (r *reader) checkIdentifiers(d *Deployment) goPackages {
	packages := goPackages{}
	for _, f := range d.Files {
		names := packages.of(f)
		r.enums(names, f.Enums())
		r.extensions(names, f.Extensions())
		for i := range f.Services().Len() {
			r.length(f.Services().Get(i))
			for j := range f.Services().Get(i).Methods().Len() {
				r.length(f.Services().Get(i).Methods().Get(j))
			}
		}
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
	r.length(m)
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
	for i := range m.Oneofs().Len() {
		r.length(m.Oneofs().Get(i))
	}
	fields := map[string]protoreflect.FieldDescriptor{}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		r.length(f)
		r.fieldIdentifier(fields, f)
		if f.HasDefault() {
			r.goName(names, f, "Default_"+own+"_"+goCamel(string(f.Name())))
		}
		wrapper := own + "_" + goCamel(string(f.Name()))
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() && !nested[wrapper] {
			r.goName(names, f, wrapper)
		}
	}
}

// fieldIdentifier checks a field's own names. Those of an entity's have a
// narrower shape, which fieldName checks.
func (r *reader) fieldIdentifier(others map[string]protoreflect.FieldDescriptor, f protoreflect.FieldDescriptor) {
	name := goCamel(string(f.Name()))
	first := others[name]
	others[name] = f
	entity := entityOptions(f.ContainingMessage()) != nil
	switch {
	case !identifierShape.MatchString(string(f.Name())) && !entity:
		r.report(RuleNameShape, place(f), "rename the field, as in user_id", "field is named %s", f.Name())
	case first != nil:
		r.report(RuleNameCollision, place(f), "rename one", "fields %s and %s of %s are both %s in Go", first.Name(), f.Name(), f.ContainingMessage().FullName(), name)
	case !jsonShape.MatchString(f.JSONName()):
		r.report(RuleJSONName, place(f, jsonNameOption...), "write another json_name", "the JSON name of %s is %q", f.Name(), f.JSONName())
	}
}

func (r *reader) enums(names goNames, all protoreflect.EnumDescriptors) {
	for i := range all.Len() {
		enum := all.Get(i)
		r.length(enum)
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
			r.length(v)
			r.goName(names, v, scope+"_"+string(v.Name()))
		}
	}
}

func (r *reader) extensions(names goNames, all protoreflect.ExtensionDescriptors) {
	for i := range all.Len() {
		x := all.Get(i)
		r.length(x)
		r.goName(names, x, "E_"+goOf(x))
	}
}

// length checks a name that is not in the store: files are named after some.
func (r *reader) length(d protoreflect.Descriptor) {
	most := maxIdentifier
	if m, ok := d.(protoreflect.MessageDescriptor); ok && entityOptions(m) != nil {
		most = maxName
	}
	if n := len(d.Name()); n > most {
		r.report(RuleNameLength, place(d), "write a shorter name", "%s… has %d bytes", d.Name()[:32], n)
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
