package schema

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// A diagnostic stands where its option is written only if the numbers are those
// of options.proto, and of protobuf's descriptor.proto.
func TestOptionNumbers(t *testing.T) {
	number := func(m proto.Message, name protoreflect.Name) int32 {
		t.Helper()
		f := m.ProtoReflect().Descriptor().Fields().ByName(name)
		if f == nil {
			t.Fatalf("%s has no member %s", m.ProtoReflect().Descriptor().Name(), name)
		}
		return int32(f.Number())
	}
	for _, tt := range []struct {
		message proto.Message
		name    protoreflect.Name
		got     int32
	}{
		{&prismv1.Entity{}, "namespace", entityNamespace},
		{&prismv1.Entity{}, "key_value", entityKeyValue},
		{&prismv1.Entity{}, "index", entityIndex},
		{&prismv1.Entity{}, "capacity", entityCapacity},
		{&prismv1.Entity{}, "durability", entityDurability},
		{&prismv1.Entity{}, "ttl", entityTTL},
		{&prismv1.Entity{}, "plural", entityPlural},
		{&prismv1.Entity{}, "table", entityTable},
		{&prismv1.Entity{}, "acknowledge", entityAcknowledge},
		{&prismv1.Entity_Acknowledgement{}, "rule", acknowledgementRule},
		{&prismv1.Entity_Index{}, "name", indexName},
		{&prismv1.Entity_Index{}, "equality", indexEquality},
		{&prismv1.Entity_Index{}, "ordered", indexOrdered},
		{&prismv1.KeyValue{}, "without", keyValueWithout},
		{&prismv1.Capacity{}, "peak_reads_per_second", capacityPeakReads},
		{&prismv1.Capacity{}, "peak_writes_per_second", capacityPeakWrites},
		{&prismv1.Capacity{}, "records", capacityRecords},
		{&prismv1.Capacity{}, "bytes_per_record", capacityBytesPerRecord},
		{&prismv1.Field{}, "partition_key", fieldPartitionKey},
		{&prismv1.Field{}, "sort_key", fieldSortKey},
		{&prismv1.Field{}, "index", fieldIndex},
		{&prismv1.Field{}, "pii", fieldPii},
		{&prismv1.Field{}, "required", fieldRequired},
		{&prismv1.Field{}, "min_length", fieldMinLength},
		{&prismv1.Field{}, "max_length", fieldMaxLength},
		{&prismv1.Field{}, "range", fieldRange},
		{&prismv1.Field{}, "column", fieldColumn},
		{&prismv1.Pii{}, "protection", piiProtection},
		{&descriptorpb.FileDescriptorProto{}, "package", packageStatement[0]},
		{&descriptorpb.FileDescriptorProto{}, "dependency", importStatement[0]},
		{&descriptorpb.FileDescriptorProto{}, "options", goPackageOption[0]},
		{&descriptorpb.FileOptions{}, "go_package", goPackageOption[1]},
		{&descriptorpb.DescriptorProto{}, "options", entityOption[0]},
		{&descriptorpb.FieldDescriptorProto{}, "options", fieldOption[0]},
		{&descriptorpb.FieldDescriptorProto{}, "json_name", jsonNameOption[0]},
	} {
		if want := number(tt.message, tt.name); tt.got != want {
			t.Errorf("%s of %T is number %d, and %d in the compiler", tt.name, tt.message, want, tt.got)
		}
	}
	extensions := []protoreflect.FieldNumber{prismv1.E_Entity.TypeDescriptor().Number(), prismv1.E_Field.TypeDescriptor().Number()}
	if got := []protoreflect.FieldNumber{protoreflect.FieldNumber(entityOption[1]), protoreflect.FieldNumber(fieldOption[1])}; !slices.Equal(got, extensions) {
		t.Errorf("the options are extensions %v, and %v in the compiler", extensions, got)
	}
}
