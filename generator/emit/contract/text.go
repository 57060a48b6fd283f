package contract

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/generator/schema"
)

// text returns the .proto of an entity's service.
func text(d *schema.Deployment, e *schema.Entity) string {
	file := e.Desc.ParentFile()
	goPath, goName := d.ContractGo(e)
	w := &writer{file: protoFile{
		source:  file.Path(),
		pkg:     e.Contract.Package,
		imports: map[string]bool{file.Path(): true},
		service: e.Service,
	}}
	for _, m := range e.Service.Messages {
		w.file.messages = append(w.file.messages, w.message(m))
	}
	for _, m := range e.Service.Methods {
		w.file.messages = append(w.file.messages, w.message(m.Request), w.message(m.Response))
	}
	own := file.Options().(*descriptorpb.FileOptions)
	if e.Contract.Own { // its place in other languages follows from the package
		own = nil
	}
	w.file.options = placement(own, goPath+";"+goName, w.lite(file))
	return w.file.print()
}

// lite reports whether the schema's file, or another that is imported, is one of
// the lite runtime, which only such a file may import.
func (w *writer) lite(file protoreflect.FileDescriptor) bool {
	if isLite(file) {
		return true
	}
	for i := range file.Imports().Len() {
		if f := file.Imports().Get(i); w.file.imports[f.Path()] && isLite(f) {
			return true
		}
	}
	return false
}

func isLite(f protoreflect.FileDescriptor) bool {
	options, _ := f.Options().(*descriptorpb.FileOptions)
	return options.GetOptimizeFor() == descriptorpb.FileOptions_LITE_RUNTIME
}

// placement returns the options that say where a language puts the generated
// code; they must be the same in all files of a package, but for goPackage. o is
// nil where the package has none but that.
func placement(o *descriptorpb.FileOptions, goPackage string, lite bool) []string {
	if o == nil {
		o = &descriptorpb.FileOptions{}
	}
	var list []string
	text := func(name string, value *string) {
		if value != nil {
			list = append(list, fmt.Sprintf("%s = %q", name, *value))
		}
	}
	text("csharp_namespace", o.CsharpNamespace)
	text("go_package", &goPackage)
	if o.JavaMultipleFiles != nil {
		list = append(list, fmt.Sprintf("java_multiple_files = %t", *o.JavaMultipleFiles))
	}
	text("java_package", o.JavaPackage)
	if lite {
		list = append(list, "optimize_for = LITE_RUNTIME")
	}
	text("objc_class_prefix", o.ObjcClassPrefix)
	text("php_class_prefix", o.PhpClassPrefix)
	text("php_metadata_namespace", o.PhpMetadataNamespace)
	text("php_namespace", o.PhpNamespace)
	text("ruby_package", o.RubyPackage)
	text("swift_prefix", o.SwiftPrefix)
	return list
}

// writer names the types of one file as they are written in it.
type writer struct{ file protoFile }

func (w *writer) message(m *schema.Message) *message {
	out := &message{name: m.Name, comment: m.Comment}
	for _, n := range m.Nested {
		out.nested = append(out.nested, w.message(n))
	}
	for _, f := range m.Fields {
		kind := w.kind(f.Type)
		switch {
		case f.Repeated:
			kind = "repeated " + kind
		case f.Optional:
			kind = "optional " + kind
		}
		out.fields = append(out.fields, field{kind, f.Name, f.Number, f.Comment})
	}
	return out
}

// kind returns the type of a field as the file writes it.
func (w *writer) kind(t schema.MessageType) string {
	switch {
	case t.Message != nil:
		return t.Message.Name
	case t.Entity != nil:
		return w.typeName(t.Entity.Desc)
	case t.Time:
		return w.typeName((*timestamppb.Timestamp)(nil).ProtoReflect().Descriptor())
	case t.Field == nil:
		return t.Scalar.String()
	}
	switch f := t.Field.Desc; f.Kind() {
	case protoreflect.EnumKind:
		return w.typeName(f.Enum())
	case protoreflect.MessageKind:
		return w.typeName(f.Message())
	default:
		return f.Kind().String()
	}
}

// typeName returns the name of a type as the file writes it, and imports its
// file.
func (w *writer) typeName(d protoreflect.Descriptor) string {
	w.file.imports[d.ParentFile().Path()] = true
	name, pkg := string(d.FullName()), w.file.pkg
	if local, ok := strings.CutPrefix(name, pkg+"."); ok && d.ParentFile().Package() == protoreflect.FullName(pkg) {
		return local
	}
	// A package of the same name further in would hide a name without the dot.
	first, _, _ := strings.Cut(name, ".")
	if strings.Contains("."+pkg+".", "."+first+".") {
		return "." + name
	}
	return name
}
