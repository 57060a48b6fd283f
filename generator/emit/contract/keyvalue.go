package contract

import (
	"fmt"
	"strings"

	"github.com/prism-proxy/prism/generator/schema"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The numbers of the fields of requests of lists and Finds. They are frozen, as
// are all numbers in this file: clients have them compiled in.
const (
	fieldBy        = 1
	fieldFrom      = 11
	fieldTo        = 12
	fieldReverse   = 13
	fieldPageSize  = 14
	fieldPageToken = 15
)

// text returns the .proto of a key-value entity.
func text(d *schema.Deployment, e *schema.Entity) string {
	file := e.Desc.ParentFile()
	goPath, goName := d.ContractGo(file)
	w := &writer{
		e: e,
		file: protoFile{
			source:  file.Path(),
			pkg:     string(file.Package()),
			imports: map[string]bool{file.Path(): true},
			options: placement(file.Options().(*descriptorpb.FileOptions), goPath+";"+goName),
		},
	}
	w.service()
	w.records()
	w.singles()
	w.batches()
	w.scan()
	for _, x := range e.Indexes {
		w.find(x)
	}
	return w.file.print()
}

// placement returns the options that say where a language puts the generated
// code; they must be the same in all files of a package, but for goPackage.
func placement(o *descriptorpb.FileOptions, goPackage string) []string {
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
	text("objc_class_prefix", o.ObjcClassPrefix)
	text("php_class_prefix", o.PhpClassPrefix)
	text("php_metadata_namespace", o.PhpMetadataNamespace)
	text("php_namespace", o.PhpNamespace)
	text("ruby_package", o.RubyPackage)
	text("swift_prefix", o.SwiftPrefix)
	return list
}

// writer fills the file of one entity.
type writer struct {
	e    *schema.Entity
	file protoFile
}

func (w *writer) service() {
	e := w.e
	w.file.service.name = e.Name + "Service"
	w.file.service.comment = fmt.Sprintf(`%sService keeps one %s for each key.

Every record has a version, which the store issues. It grows while the record exists and is never issued twice for a key, not even across a delete.

Errors carry a google.rpc.ErrorInfo of the domain "prism": act on the code and on its reason, never on the text. An RPC names the errors of its own; each may also answer:
- INVALID_ARGUMENT: the request breaks a rule; the reason says which, and the metadata "field" where. It must be changed before it is sent again.
- RESOURCE_EXHAUSTED REQUEST_TOO_LARGE: a request has at most 4 MiB, a record 3 MiB.
- RESOURCE_EXHAUSTED RATE_LIMITED, OVERLOADED: more calls come than are let in. Nothing was done; call again after the delay of google.rpc.RetryInfo.
- UNAVAILABLE, DEADLINE_EXCEEDED: the store did not answer, or not in time. A write that failed with the metadata outcome=unknown may have happened.`, e.Name, e.Name)
	if e.TTL > 0 {
		w.file.service.comment += fmt.Sprintf(`

A record lives for %s after it was last written. From then on it is absent for every RPC.`, e.Lifetime())
	}
}

func (w *writer) rpc(name, comment string) {
	w.file.service.methods = append(w.file.service.methods, method{name, name + " " + comment})
}

func (w *writer) message(name, comment string, fields ...field) *message {
	m := &message{name: name, comment: comment, fields: fields}
	w.file.messages = append(w.file.messages, m)
	return m
}

// records adds the key and the record as the service knows them.
func (w *writer) records() {
	e := w.e
	w.message(e.Name+"Key", fmt.Sprintf("%sKey names one record.", e.Name), w.fields(e.Key())...)
	if len(e.Sort) > 0 {
		w.message(e.Name+"Partition", fmt.Sprintf("%sPartition is the part of the key that records of one partition share.", e.Name),
			w.fields(e.Partition)...)
		sort := w.fields(e.Sort)
		for i, f := range e.Sort {
			sort[i].kind = w.bound(f)
		}
		w.message(e.Name+"Sort", fmt.Sprintf("%sSort is the part of the key that orders the records of a partition. Trailing fields may be unset: the least value then stands in their place.", e.Name), sort...)
	}
	w.message(e.Name+"Record", fmt.Sprintf("%sRecord is what the store holds under a key.", e.Name),
		w.written(2, field{w.entity(), e.Label, 1, ""})...)
}

// written adds what the store issues with a write: the version as the given
// number, and after it the time of expiry where there is one.
func (w *writer) written(number int32, before ...field) []field {
	fields := append(before, field{"int64", "version", number, "Grows with every write of the record."})
	if w.e.TTL > 0 {
		timestamp := (*timestamppb.Timestamp)(nil).ProtoReflect().Descriptor()
		fields = append(fields, field{w.typeName(timestamp), "expire_time", number + 1, "When the record ends unless it is written before."})
	}
	return fields
}

// singles adds the RPCs on one record.
func (w *writer) singles() {
	e := w.e
	entity := field{w.entity(), e.Label, 1, "The whole record: fields that are not set here are gone afterwards."}
	key := field{e.Name + "Key", "key", 1, ""}

	put := "Put" + e.Name
	w.rpc(put, "stores the record under its key, whatever stood there before."+errorList(w.unique()...))
	w.message(put+"Request", "", entity)
	w.message(put+"Response", "", w.written(1)...)

	get := "Get" + e.Name
	w.rpc(get, "returns the record of a key."+errorList("NOT_FOUND: there is none."))
	w.message(get+"Request", "", key)
	w.message(get+"Response", "", field{e.Name + "Record", "record", 1, ""})

	del := "Delete" + e.Name
	w.rpc(del, "removes the record of a key. That there is none is no error, with if_version too."+errorList(
		`ABORTED VERSION_MISMATCH: the record has another version than if_version; the metadata "current_version" says which.`))
	w.message(del+"Request", "", key, field{"int64", "if_version", 2, "Removes only this version. 0: any."})
	w.message(del+"Response", "", field{"bool", "existed", 1, "False: there was no record, and nothing was done."})

	swap := "CompareAndSwap" + e.Name
	w.rpc(swap, "stores the record if the one under its key still has the version that is expected."+errorList(append([]string{
		"NOT_FOUND: a version is expected and there is no record.",
		`ABORTED VERSION_MISMATCH: the record has another version; the metadata "current_version" says which.`,
		`ALREADY_EXISTS EXISTS: no record is expected and there is one; the metadata "current_version" says which.`,
	}, w.unique()...)...))
	w.message(swap+"Request", "", entity, field{"int64", "expected_version", 2, "0: there must be no record."})
	w.message(swap+"Response", "", w.written(1)...)
}

// batches adds the RPCs on up to a thousand records.
func (w *writer) batches() {
	e := w.e
	keys := field{"repeated " + e.Name + "Key", "keys", 1, ""}
	result := field{"repeated Result", "results", 1, ""}
	limits := []string{
		"INVALID_ARGUMENT BATCH_EMPTY, BATCH_SIZE: not between 1 and 1,000 items.",
		"INVALID_ARGUMENT BATCH_DUPLICATE: a key stands in it twice.",
	}

	put := "BatchPut" + e.Plural
	w.rpc(put, "stores up to 1,000 records, all of them or none."+errorList(append(limits[:2:2], w.unique()...)...))
	w.message(put+"Request", "", field{"repeated " + w.entity(), e.Labels, 1, ""})
	m := w.message(put+"Response", "The results stand in the order of the request.", result)
	m.nested = []*message{{name: "Result", fields: w.written(1)}}

	get := "BatchGet" + e.Plural
	w.rpc(get, "returns the records of up to 1,000 keys. Where all of them would be too large for one answer it answers the first ones; ask again for the rest. The records need not be of one moment: of a batch that is written meanwhile it may answer some as they were before, and others as they are after."+errorList(limits...))
	w.message(get+"Request", "", keys)
	m = w.message(get+"Response", "The results stand in the order of the keys, and may be fewer.", result)
	m.nested = []*message{{name: "Result", fields: []field{{e.Name + "Record", "record", 1, "Unset: there is none."}}}}

	del := "BatchDelete" + e.Plural
	w.rpc(del, "removes the records of up to 1,000 keys, all of them or none. That there is none under a key is no error."+errorList(limits...))
	w.message(del+"Request", "", keys)
	m = w.message(del+"Response", "The results stand in the order of the keys.", result)
	m.nested = []*message{{name: "Result", fields: []field{{"bool", "existed", 1, ""}}}}
}

// scan adds the RPC that lists records by key.
func (w *writer) scan() {
	e := w.e
	name := "Scan" + e.Plural
	if len(e.Sort) == 0 {
		w.rpc(name, "lists all records in the order of their keys, a page at a time."+errorList(pageErrors()...))
		w.list(name, nil)
		return
	}
	w.rpc(name, "lists records in the order of their keys, a page at a time: all of them, those of one partition, or a range of a partition's."+errorList(pageErrors()...))
	w.list(name, []field{
		{e.Name + "Partition", "partition", 1, "Unset: every partition; there is then no range."},
		{e.Name + "Sort", "from", fieldFrom, fromComment},
		{e.Name + "Sort", "to", fieldTo, toComment},
	})
}

// find adds the RPC that reads by an index. The values to find by, and the ends
// of a range, are messages of their own, in which a field has the number that it
// has in the entity: whatever becomes of an index, no number changes its meaning.
func (w *writer) find(x *schema.Index) {
	var fields []field
	var nested []*message
	equality := names(x.Equality)
	if equality != "" {
		nested = append(nested, &message{name: "By", comment: "The values to find by.", fields: w.fields(x.Equality)})
		fields = append(fields, field{"By", "by", fieldBy, ""})
	}
	if x.Unique {
		w.rpc(x.Find, fmt.Sprintf("returns the one record with the given %s.", equality)+errorList("NOT_FOUND: there is none."))
		w.message(x.Find+"Request", "", fields...).nested = nested
		w.message(x.Find+"Response", "", field{w.e.Name + "Record", "record", 1, ""})
		return
	}
	what, order := "the records", "of their keys"
	if equality != "" {
		what = "the records with the given " + equality
	}
	if x.Ordered != nil {
		order = "of " + x.Ordered.Name + " and then of their keys"
		if x.Ordered.Presence && x.Ordered.Role != schema.Key {
			what += " that have " + x.Ordered.Name
		}
		end := w.fields([]*schema.Field{x.Ordered})
		end[0].kind, end[0].comment = w.bound(x.Ordered), ""
		nested = append(nested, &message{name: "Bound", comment: "An end of the range. Unset, its field is the least value.", fields: end})
		fields = append(fields,
			field{"Bound", "from", fieldFrom, fromComment},
			field{"Bound", "to", fieldTo, toComment})
	}
	w.rpc(x.Find, fmt.Sprintf("lists %s in the order %s, a page at a time.", what, order)+errorList(pageErrors()...))
	w.list(x.Find, fields).nested = nested
}

const (
	fromComment = "Inclusive, whatever the direction. Unset: from the first."
	toComment   = "Exclusive, whatever the direction. Unset: to the last."
)

// list adds the messages of an RPC that answers pages, and returns its request.
func (w *writer) list(name string, fields []field) (request *message) {
	request = w.message(name+"Request", "", append(fields,
		field{"bool", "reverse", fieldReverse, "Lists from the last to the first."},
		field{"int32", "page_size", fieldPageSize, "The most records to answer, at most 1,000. 0: 100. A page may be smaller and not be the last."},
		field{"string", "page_token", fieldPageToken, "The next_page_token of the page before; every other field but page_size must be as it was then. Empty: the first page."},
	)...)
	w.message(name+"Response", "",
		field{"repeated " + w.e.Name + "Record", "records", 1, ""},
		field{"string", "next_page_token", 2, "Good for 24 hours. Empty: this page is the last."})
	return request
}

// fields returns schema fields with their own numbers, types and comments.
func (w *writer) fields(list []*schema.Field) []field {
	var fields []field
	for _, f := range list {
		fields = append(fields, field{w.kind(f.Desc), f.Name, f.Number, f.Comment})
	}
	return fields
}

// bound returns the type of a field that may be left out of a range.
func (w *writer) bound(f *schema.Field) string {
	if f.Desc.Message() != nil {
		return w.kind(f.Desc)
	}
	return "optional " + w.kind(f.Desc)
}

// unique returns the errors of a write that a unique index can refuse.
func (w *writer) unique() []string {
	for _, x := range w.e.Indexes {
		if x.Unique {
			return []string{`ALREADY_EXISTS UNIQUE: another record has the value of a unique index; the metadata "index" names it.`}
		}
	}
	return nil
}

func pageErrors() []string {
	return []string{
		"INVALID_ARGUMENT PAGE_SIZE_RANGE: page_size is negative.",
		"INVALID_ARGUMENT PAGE_TOKEN_INVALID: page_token belongs to another request, is too old or was changed.",
	}
}

// errorList returns the end of an RPC's comment.
func errorList(list ...string) string {
	if len(list) == 0 {
		return ""
	}
	return "\n\nErrors:\n- " + strings.Join(list, "\n- ")
}

// names joins field names as a sentence does.
func names(fields []*schema.Field) string {
	var b strings.Builder
	for i, f := range fields {
		switch {
		case i == 0:
		case i == len(fields)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(f.Name)
	}
	return b.String()
}

func (w *writer) entity() string { return w.typeName(w.e.Desc) }

func (w *writer) kind(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.EnumKind:
		return w.typeName(f.Enum())
	case protoreflect.MessageKind:
		return w.typeName(f.Message())
	}
	return f.Kind().String()
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
