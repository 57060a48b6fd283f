package schema

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/number"
)

// keyValueService returns the service of a KeyValue entity.
func keyValueService(e *Entity) *Service {
	b := &keyValueBuilder{e: e, service: &Service{Name: e.Name + "Service"}}
	b.comment()
	b.records()
	b.singles()
	b.batches()
	b.scan()
	for _, x := range e.Indexes {
		b.find(x)
	}
	return b.service
}

// keyValueBuilder fills the service of one entity.
type keyValueBuilder struct {
	e       *Entity
	service *Service

	key, record *Message
	partition   *Message // nil where there is no sort key
	sort        *Message
}

func (b *keyValueBuilder) comment() {
	b.service.Comment = fmt.Sprintf(`%sService keeps one %s for each key.

Every record has a version, which the store issues. It grows while the record exists and is never issued twice for a key, not even across a delete.

Errors carry a google.rpc.ErrorInfo of the domain "prism": act on the code and on its reason, never on the text. Each RPC lists its own errors; any RPC may also return:
- INVALID_ARGUMENT: the request breaks a rule; the reason says which, and the metadata "field" says where. Change the request before you send it again.
- RESOURCE_EXHAUSTED REQUEST_TOO_LARGE: a request has at most 4 MiB, and a record at most 3 MiB.
- RESOURCE_EXHAUSTED RATE_LIMITED, OVERLOADED: the rate or concurrency limit was exceeded. Nothing was done; call again after the delay in google.rpc.RetryInfo.
- UNAVAILABLE, DEADLINE_EXCEEDED: the store did not answer, or not in time. A write that failed with the metadata outcome=unknown may have been applied.`, b.e.Name, b.e.Name)
	var bounds []string
	for _, f := range b.e.Fields {
		if of := f.Bounds(); of != "" {
			bounds = append(bounds, "\n- "+f.Name+": "+of+".")
		}
	}
	for _, x := range b.e.Nested {
		if x.Desc == b.e.Desc || x.Desc.IsMapEntry() {
			continue
		}
		for _, f := range x.Fields {
			if of := f.Bounds(); of != "" {
				bounds = append(bounds, "\n- "+strings.TrimPrefix(string(f.Desc.FullName()), string(f.Desc.ParentFile().Package())+".")+": "+of+".")
			}
		}
	}
	b.service.Comment += "\n\nA record is stored only if its fields keep their bounds:" + strings.Join(bounds, "")
	if b.e.TTL > 0 {
		b.service.Comment += fmt.Sprintf(`

A record expires %s after its last write. From then on it is absent for every RPC.`, b.e.Lifetime())
	}
}

// add adds a method, whose messages have its name.
func (b *keyValueBuilder) add(m *Method, comment string, errors ...string) {
	m.Comment = m.Name + " " + comment + errorList(errors)
	for _, e := range errors {
		m.Reasons = append(m.Reasons, reasonsOf(e)...)
	}
	m.Request.Name, m.Response.Name = m.Name+"Request", m.Name+"Response"
	b.service.Methods = append(b.service.Methods, m)
}

// shared adds a message that several methods have.
func (b *keyValueBuilder) shared(name, comment string, fields []*MessageField) *Message {
	m := &Message{Name: b.e.Name + name, Comment: b.e.Name + name + " " + comment, Fields: fields}
	b.service.Messages = append(b.service.Messages, m)
	return m
}

// records adds the key and the record as the service knows them.
func (b *keyValueBuilder) records() {
	e := b.e
	b.key = b.shared("Key", "identifies one record.", fieldsOf(e.Key()))
	if len(e.Sort) > 0 {
		b.partition = b.shared("Partition", "is the part of the key that records of one partition share.", fieldsOf(e.Partition))
		b.sort = b.shared("Sort", "is the part of the key that orders the records of a partition. Trailing fields may be unset, and then count as their lowest value.", bounds(e.Sort))
	}
	b.record = b.shared("Record", "is a record as the store holds it.",
		append([]*MessageField{b.entity(number.Entity, "")}, b.written(number.RecordVersion, number.RecordExpireTime)...))
}

// written returns what the store issues with a write, under the given numbers:
// the version, and the time of expiry where there is one.
func (b *keyValueBuilder) written(version, expires int32) []*MessageField {
	fields := []*MessageField{scalar(protoreflect.Int64Kind, "version", version, "Grows with every write of the record.")}
	if b.e.TTL > 0 {
		fields = append(fields, &MessageField{Number: expires, Name: "expire_time", Type: MessageType{Time: true}, Comment: "When the record expires, unless it is written before then."})
	}
	return fields
}

func (b *keyValueBuilder) entity(n int32, comment string) *MessageField {
	return &MessageField{Number: n, Name: b.e.Label, Type: MessageType{Entity: b.e}, Comment: comment}
}

// singles adds the methods on one record.
func (b *keyValueBuilder) singles() {
	e := b.e
	whole := b.entity(number.Item, "The whole record: fields that are not set here are removed.")
	key := of(b.key, "key", number.Item, "")
	written := b.written(number.Version, number.ExpireTime)

	b.add(&Method{Name: "Put" + e.Name, GoName: "put", Operation: Put, Write: true,
		Request: message(whole), Response: message(written...)},
		"stores the record under its key, and replaces the one that was there.", b.unique()...)

	b.add(&Method{Name: "Get" + e.Name, GoName: "get", Operation: Get,
		Request: message(key), Response: message(of(b.record, "record", number.Record, ""))},
		"returns the record with a key.", "NOT_FOUND: there is no such record.")

	b.add(&Method{Name: "Delete" + e.Name, GoName: "delete", Operation: Delete, Write: true,
		Request:  message(key, scalar(protoreflect.Int64Kind, "if_version", number.IfVersion, "Deletes only this version. 0: any version.")),
		Response: message(scalar(protoreflect.BoolKind, "existed", number.Existed, "False: there was no record to delete."))},
		"deletes the record with a key. Deleting an absent record succeeds, even with if_version.",
		`ABORTED VERSION_MISMATCH: the version of the record is not if_version; the metadata "current_version" says which.`)

	if !e.Has(CanSwap) {
		return
	}
	b.add(&Method{Name: "CompareAndSwap" + e.Name, GoName: "compareAndSwap", Operation: CompareAndSwap, Write: true,
		Request:  message(whole, scalar(protoreflect.Int64Kind, "expected_version", number.IfVersion, "0: there must be no record.")),
		Response: message(written...)},
		"stores the record if the one under its key still has the expected version.", append([]string{
			"NOT_FOUND: a version is expected, but there is no record.",
			`ABORTED VERSION_MISMATCH: the record has another version; the metadata "current_version" says which.`,
			`ALREADY_EXISTS EXISTS: no record is expected, but there is one; the metadata "current_version" says which.`,
		}, b.unique()...)...)
}

// batches adds the methods on up to a thousand records.
func (b *keyValueBuilder) batches() {
	e := b.e
	if !e.Has(CanBatch) {
		return
	}
	limits := []string{
		"INVALID_ARGUMENT BATCH_EMPTY, BATCH_SIZE: the batch does not have 1 to 1,000 items.",
		"INVALID_ARGUMENT BATCH_DUPLICATE: the batch has the same key twice.",
	}
	records := &MessageField{Number: number.Item, Name: e.Labels, Repeated: true, Type: MessageType{Entity: e}}
	keys := of(b.key, "keys", number.Item, "")
	keys.Repeated = true
	results := func(comment string, fields ...*MessageField) *Message {
		result := &Message{Name: "Result", Fields: fields}
		list := of(result, "results", number.Results, "")
		list.Repeated = true
		return &Message{Comment: comment, Nested: []*Message{result}, Fields: []*MessageField{list}}
	}

	exchange := ""
	if len(e.Unique()) > 0 {
		exchange = " They may exchange values of a unique index, in any order: what counts is what the batch leaves behind."
	}
	b.add(&Method{Name: "BatchPut" + e.Plural, GoName: "batchPut", Operation: BatchPut, Write: true,
		Request: message(records), Response: results("The results are in the order of the request.", b.written(number.Version, number.ExpireTime)...)},
		"stores up to 1,000 records, all of them or none."+exchange, append(limits[:2:2], b.unique()...)...)

	b.add(&Method{Name: "BatchGet" + e.Plural, GoName: "batchGet", Operation: BatchGet,
		Request:  message(keys),
		Response: results("The results are in the order of the keys. There may be fewer results than keys.", of(b.record, "record", number.Record, "Unset: there is no such record."))},
		"returns the records with up to 1,000 keys. If they do not fit into one response, it returns the first ones; ask again for the rest. It is not a snapshot: while a batch is being written, it may return some records from before and some from after.", limits...)

	b.add(&Method{Name: "BatchDelete" + e.Plural, GoName: "batchDelete", Operation: BatchDelete, Write: true,
		Request:  message(keys),
		Response: results("The results are in the order of the keys.", scalar(protoreflect.BoolKind, "existed", number.Existed, ""))},
		"deletes the records with up to 1,000 keys, all of them or none. Deleting an absent record succeeds.", limits...)
}

// scan adds the method that lists records by key.
func (b *keyValueBuilder) scan() {
	e := b.e
	if !e.Has(CanScan) {
		return
	}
	m := &Method{Name: "Scan" + e.Plural, GoName: "scan", Operation: Scan}
	if len(e.Sort) == 0 {
		b.list(m, "lists all records in the order of their keys, one page at a time.")
		return
	}
	b.list(m, "lists records in the order of their keys, one page at a time: all records, those of one partition, or a range within a partition.",
		of(b.partition, "partition", number.Partition, "Unset: all partitions, without a range."),
		of(b.sort, "from", number.From, fromComment),
		of(b.sort, "to", number.To, toComment))
}

// find adds the method that reads by an index. The values to find by, and the
// ends of a range, are messages of their own, in which a field has the number
// that it has in the entity: whatever becomes of an index, no number changes its
// meaning.
func (b *keyValueBuilder) find(x *Index) {
	var fields []*MessageField
	var nested []*Message
	equality := sentence(x.Equality)
	if equality != "" {
		by := &Message{Name: "By", Comment: "The values to find by.", Fields: fieldsOf(x.Equality)}
		nested, fields = append(nested, by), append(fields, of(by, "by", number.Item, ""))
	}
	if x.Unique {
		b.add(&Method{Name: x.Find, GoName: x.GoName, Operation: FindOne, Index: x,
			Request: &Message{Nested: nested, Fields: fields}, Response: message(of(b.record, "record", number.Record, ""))},
			fmt.Sprintf("returns the one record with the given %s.%s", equality, outside(x)), "NOT_FOUND: there is no such record.")
		return
	}
	what, order := "the records", "of their keys"
	if equality != "" {
		what = "the records with the given " + equality
	}
	if x.Ordered != nil {
		order = "of " + x.Ordered.Name + ", then of their keys"
		end := bounds([]*Field{x.Ordered})
		end[0].Comment = ""
		bound := &Message{Name: "Bound", Comment: "An end of the range. If its field is unset, it counts as the lowest value.", Fields: end}
		nested = append(nested, bound)
		fields = append(fields, of(bound, "from", number.From, fromComment), of(bound, "to", number.To, toComment))
	}
	m := &Method{Name: x.Find, GoName: x.GoName, Operation: FindPage, Index: x}
	b.list(m, fmt.Sprintf("lists %s in the order %s, one page at a time.%s", what, order, outside(x)), fields...)
	m.Request.Nested = nested
}

// outside says which records are not in an index, "" if all are.
func outside(x *Index) string {
	var absent []string
	for _, f := range x.Fields() {
		if f.Presence && !f.Required && f.Role != Key {
			absent = append(absent, f.Name)
		}
	}
	if len(absent) == 0 {
		return ""
	}
	return " Records without " + strings.Join(absent, " or ") + " are not in this index."
}

const (
	fromComment = "Inclusive, in either direction. Unset: from the first record."
	toComment   = "Exclusive, in either direction. Unset: to the last record."
)

// list adds a method that answers pages, whose request begins with fields.
func (b *keyValueBuilder) list(m *Method, comment string, fields ...*MessageField) {
	records := of(b.record, "records", number.Record, "")
	records.Repeated = true
	m.Request = message(append(fields,
		scalar(protoreflect.BoolKind, "reverse", number.Reverse, "Lists from the last record to the first."),
		scalar(protoreflect.Int32Kind, "page_size", number.PageSize, "The maximum number of records to return, at most 1,000. 0: 100. A page may have fewer and still not be the last."),
		scalar(protoreflect.StringKind, "page_token", number.PageToken, "The next_page_token of the previous page. Every other field except page_size must have the same value as then. Empty: the first page."),
	)...)
	m.Response = message(records,
		scalar(protoreflect.StringKind, "next_page_token", number.NextPageToken, "Valid for 24 hours. Empty: this is the last page."))
	b.add(m, comment,
		"INVALID_ARGUMENT PAGE_SIZE_RANGE: page_size is negative.",
		"INVALID_ARGUMENT PAGE_TOKEN_INVALID: page_token belongs to another request, is too old, or was altered.")
}

// unique returns the errors of a write that a unique index can refuse.
func (b *keyValueBuilder) unique() []string {
	if len(b.e.Unique()) == 0 {
		return nil
	}
	return []string{`ALREADY_EXISTS UNIQUE: another record has the same value in a unique index; the metadata "index" names the index.`}
}

func message(fields ...*MessageField) *Message { return &Message{Fields: fields} }

func of(m *Message, name string, n int32, comment string) *MessageField {
	return &MessageField{Number: n, Name: name, Type: MessageType{Message: m}, Comment: comment}
}

func scalar(kind protoreflect.Kind, name string, n int32, comment string) *MessageField {
	return &MessageField{Number: n, Name: name, Type: MessageType{Scalar: kind}, Comment: comment}
}

// fieldsOf returns fields of the entity with their own numbers and comments.
func fieldsOf(list []*Field) []*MessageField {
	var fields []*MessageField
	for _, f := range list {
		fields = append(fields, &MessageField{Number: f.Number, Name: f.Name, Type: MessageType{Field: f}, Comment: f.bounded()})
	}
	return fields
}

// bounds is fieldsOf for the end of a range, which may leave fields out.
func bounds(list []*Field) []*MessageField {
	fields := fieldsOf(list)
	for i, f := range list {
		fields[i].Optional, fields[i].Comment = f.Desc.Message() == nil, f.Comment
	}
	return fields
}

// errorList returns the end of a method's comment.
func errorList(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "\n\nErrors:\n- " + strings.Join(list, "\n- ")
}

// reasonsOf returns the reasons that an element of an errorList is about. They follow
// the code, which NOT_FOUND is at the same time.
func reasonsOf(text string) []string {
	names, _, _ := strings.Cut(text, ":")
	code, reasons, several := strings.Cut(names, " ")
	if !several {
		reasons = code
	}
	return strings.Split(reasons, ", ")
}

// sentence joins the names of fields as a sentence does.
func sentence(fields []*Field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
