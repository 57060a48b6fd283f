package backendtest

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// The cases call typed clients. What holds for every entity alike is written
// once, by the names and the numbers that all contracts have in common.

// entities are the messages of the conformance schema that have a service.
var entities = []string{
	"Account", "Badge", "Cell", "Compound", "Counter", "Document", "EastNote", "Event", "Item", "Lease", "Modern",
	"Relic", "Sample", "Scalar", "WestNote",
}

// message returns an empty message of the contract.
func message(name string) protoreflect.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("conformance.v1." + name))
	if err != nil {
		panic(fmt.Sprintf("backendtest: %v", err)) // the name stands in this package
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

// set gives a field of m a value.
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
