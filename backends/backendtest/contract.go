package backendtest

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/prism-proxy/prism/generator/schema"
)

// The cases call typed clients. What holds for every entity is written once,
// using the names and numbers that all contracts share.

// entities are the messages of the conformance schema that have a service.
var entities = []string{
	"Account", "Badge", "Cell", "Compound", "Counter", "Document", "EastNote", "Event", "Item", "Lease", "Modern",
	"Relic", "Sample", "Scalar", "WestNote",
}

// message returns an empty message of the contract.
func message(name string) protoreflect.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("conformance.v1." + name))
	if err != nil {
		panic(fmt.Sprintf("backendtest: %v", err)) // the name is in this package
	}
	return t.New()
}

// invoke calls a method of an entity's service.
func (p *Proxy) invoke(ctx context.Context, entity, method string, in proto.Message) (protoreflect.Message, error) {
	out := message(method + "Response")
	if err := p.conn.Invoke(ctx, path(entity, method), in, out.Interface()); err != nil {
		return nil, err
	}
	return out, nil
}

func path(entity, method string) string {
	return "/conformance.v1." + entity + "Service/" + method
}

func field(m protoreflect.Message, name string) protoreflect.FieldDescriptor {
	return m.Descriptor().Fields().ByName(protoreflect.Name(name))
}

// set sets a field of m.
func set(m protoreflect.Message, name string, value any) {
	m.Set(field(m, name), protoreflect.ValueOf(value))
}

// entityOf returns the entity that a record of the contract holds.
func entityOf(record protoreflect.Message) protoreflect.Message {
	return record.Get(record.Descriptor().Fields().ByNumber(1)).Message()
}

// keyOf returns the key of an entity: the fields of its Key message.
func keyOf(entity protoreflect.Message) protoreflect.Message {
	key := message(string(entity.Descriptor().Name()) + "Key")
	for i := range key.Descriptor().Fields().Len() {
		f := key.Descriptor().Fields().Get(i)
		if of := entity.Descriptor().Fields().ByNumber(f.Number()); entity.Has(of) {
			key.Set(f, entity.Get(of))
		}
	}
	return key
}

// putAll stores entities of one kind, in a batch if that is offered.
func putAll[E proto.Message](t *check, list []E) {
	t.Helper()
	name := string(list[0].ProtoReflect().Descriptor().Name())
	if !t.has(schema.CanBatch) {
		for _, e := range list {
			in := message("Put" + name + "Request")
			in.Set(in.Descriptor().Fields().ByNumber(1), protoreflect.ValueOfMessage(e.ProtoReflect()))
			_, err := t.invoke(t.Context(), name, "Put"+name, in.Interface())
			t.ok(err)
		}
		return
	}
	in := message("BatchPut" + name + "sRequest")
	batch := in.Mutable(in.Descriptor().Fields().ByNumber(1)).List()
	for _, e := range list {
		batch.Append(protoreflect.ValueOfMessage(e.ProtoReflect()))
	}
	_, err := t.invoke(t.Context(), name, "BatchPut"+name+"s", in.Interface())
	t.ok(err)
}

// left demands that of the entities that a case wrote exactly those in want are
// in the store, according to gets and, if offered, a scan. All are of one kind
// and in the order of their keys.
func left[E proto.Message](t *check, wrote, want []E) {
	t.Helper()
	name := string(wrote[0].ProtoReflect().Descriptor().Name())
	var got, scanned []E
	for _, e := range wrote {
		in := message("Get" + name + "Request")
		in.Set(field(in, "key"), protoreflect.ValueOfMessage(keyOf(e.ProtoReflect())))
		out, err := t.invoke(t.Context(), name, "Get"+name, in.Interface())
		if err != nil {
			t.refused(err, notFound)
			continue
		}
		got = append(got, entityOf(out.Get(field(out, "record")).Message()).Interface().(E))
	}
	t.equal("got", got, want)
	if !t.has(schema.CanScan) {
		return
	}
	in := message("Scan" + name + "sRequest")
	set(in, "page_size", int32(1000))
	out, err := t.invoke(t.Context(), name, "Scan"+name+"s", in.Interface())
	t.ok(err)
	records := out.Get(field(out, "records")).List()
	for i := range records.Len() {
		scanned = append(scanned, entityOf(records.Get(i).Message()).Interface().(E))
	}
	t.equal("scanned", scanned, want)
}

// clearing is what emptying a store takes.
const clearing = schema.CanScan | schema.CanBatch

// empty removes all records of an entity. If calls cannot, t continues with a
// proxy on new stores.
func (t *check) empty(entity string) {
	t.Helper()
	if !t.has(clearing) {
		t.Proxy = Open(t, t.backend)
		return
	}
	t.ok(t.clearEntity(t.Context(), entity))
}

// clear empties all stores, and fails t if they do not become empty.
func (p *Proxy) clear(t testing.TB) {
	t.Helper()
	for _, entity := range entities {
		if err := p.clearEntity(t.Context(), entity); err != nil {
			t.Fatalf("cannot clear %s before the case: %v", entity, err)
		}
	}
	if _, err := p.Server.RunTasks(t.Context()); err != nil {
		t.Fatalf("cannot sweep before the case: %v", err)
	}
}

// maxClears is more batches of deletes than any case stores.
const maxClears = 2000

func (p *Proxy) clearEntity(ctx context.Context, entity string) error {
	for range maxClears {
		scan := message("Scan" + entity + "sRequest")
		set(scan, "page_size", int32(1000))
		page, err := p.invoke(ctx, entity, "Scan"+entity+"s", scan.Interface())
		if err != nil {
			return err
		}
		records := page.Get(field(page, "records")).List()
		if records.Len() == 0 {
			return nil
		}
		remove := message("BatchDelete" + entity + "sRequest")
		keys := remove.Mutable(field(remove, "keys")).List()
		for i := range records.Len() {
			keys.Append(protoreflect.ValueOfMessage(keyOf(entityOf(records.Get(i).Message()))))
		}
		if _, err := p.invoke(ctx, entity, "BatchDelete"+entity+"s", remove.Interface()); err != nil {
			return err
		}
	}
	return fmt.Errorf("records remain after %d batches of deletes", maxClears)
}
