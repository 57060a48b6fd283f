package storage

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Descriptor returns a field that a record is read by as the column was made, whatever
// the schema has under its number now. An enum is read as the int32 that it is.
func (c Column) Descriptor() protoreflect.FieldDescriptor {
	m := &descriptorpb.DescriptorProto{Name: proto.String("Column")}
	add := func(number int32) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{
			Name: proto.String(fmt.Sprintf("f%d", number)), Number: proto.Int32(number),
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_BOOL.Enum(),
		}
		m.Field = append(m.Field, f)
		return f
	}
	f := add(c.Field)
	switch {
	case c.Kind == timestamp:
		f.Type, f.TypeName = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), proto.String(".google.protobuf.Timestamp")
	case c.Kind == "enum":
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_INT32.Enum()
	default:
		for value, name := range descriptorpb.FieldDescriptorProto_Type_name {
			if protoreflect.Kind(value).String() == string(c.Kind) && name != "" {
				f.Type = descriptorpb.FieldDescriptorProto_Type(value).Enum()
			}
		}
	}
	switch {
	case len(c.Oneof) > 0:
		m.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("one")}}
		f.OneofIndex = proto.Int32(0)
		for _, number := range c.Oneof {
			add(number).OneofIndex = proto.Int32(0)
		}
	case c.Presence && c.Kind != timestamp:
		m.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("_one")}}
		f.OneofIndex, f.Proto3Optional = proto.Int32(0), proto.Bool(true)
	}
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("column.proto"), Syntax: proto.String("proto3"), MessageType: []*descriptorpb.DescriptorProto{m},
		Dependency: []string{timestamppb.File_google_protobuf_timestamp_proto.Path()},
	}
	d, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		panic(fmt.Sprintf("storage: column %s: %v", c.Name, err)) // every column was a field once
	}
	return d.Messages().Get(0).Fields().ByNumber(protoreflect.FieldNumber(c.Field))
}
