package source_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/history"
	"github.com/prism-proxy/prism/generator/source"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// A released schema leaves out what every compiler brings, which is added when it is
// read: all of it can be imported, and Prism's options are known.
func TestFromReleased(t *testing.T) {
	const text = `syntax = "proto3"; package shop.v1;
import "prism/v1/options.proto"; import "prism/v1/reason.proto"; import "google/type/money.proto";
import "google/protobuf/any.proto"; import "google/protobuf/api.proto"; import "google/protobuf/descriptor.proto";
import "google/protobuf/duration.proto"; import "google/protobuf/empty.proto"; import "google/protobuf/field_mask.proto";
import "google/protobuf/source_context.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/timestamp.proto";
import "google/protobuf/type.proto"; import "google/protobuf/wrappers.proto"; import "google/protobuf/compiler/plugin.proto";
import "google/protobuf/cpp_features.proto"; import "google/protobuf/java_features.proto"; import "google/protobuf/go_features.proto";
message Order {
  option (prism.v1.entity).namespace = "orders";
  google.type.Money price = 1;
  google.protobuf.Api api = 2;
}`
	files, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fstest.MapFS{
		"shop/v1/order.proto": {Data: []byte(text)}, prismv1.ReasonPath: {Data: []byte(prismv1.ReasonSource)},
	}}}, []string{"shop.v1"})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	set, err := history.Schema(files)
	if err != nil {
		t.Fatal(err)
	}
	released, faults := source.FromReleased(set)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if len(released) != 2 || released[0].Path() != "google/type/money.proto" || released[1].Path() != "shop/v1/order.proto" {
		t.Fatalf("files %v", released)
	}
	m := released[1].Messages().ByName("Order")
	if o, ok := proto.GetExtension(m.Options(), prismv1.E_Entity).(*prismv1.Entity); !ok || o.GetNamespace() != "orders" {
		t.Errorf("the option is %v", o)
	}
	if got := m.Fields().ByName("api").Message(); got.IsPlaceholder() || got.Fields().Len() == 0 {
		t.Errorf("google.protobuf.Api is not resolved: %v", got)
	}
}

// A set that is not whole, or not one, is a fault.
func TestFromReleasedFaults(t *testing.T) {
	missing, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		{Name: proto.String("a.proto"), Dependency: []string{"google/protobuf/nothing.proto"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{string(missing): "import google/protobuf/nothing.proto is missing", "\xff": "the schema of a release cannot be read"} {
		if files, faults := source.FromReleased([]byte(text)); files != nil || len(faults) != 1 || !strings.Contains(faults[0].String(), want) {
			t.Errorf("got %v, %v, want %q", files, faults, want)
		}
	}
}
