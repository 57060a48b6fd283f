package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// hash identifies the files with all that they import. Positions, comments and
// the order in which a front end wrote options do not count, and neither do
// the well-known types and options.proto, of which every front end brings its
// own copy.
func hash(files []protoreflect.FileDescriptor) string {
	all := map[string]protoreflect.FileDescriptor{}
	for _, f := range files {
		withImports(all, f)
	}
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(all)) {
		p := protodesc.ToFileDescriptorProto(all[path])
		p.SourceCodeInfo = nil
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
		if err != nil {
			// A linked file is valid, and its options were decoded from bytes.
			panic("schema: marshal " + path + ": " + err.Error())
		}
		h.Write(binary.AppendUvarint(nil, uint64(len(b))))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func withImports(all map[string]protoreflect.FileDescriptor, f protoreflect.FileDescriptor) {
	if all[f.Path()] != nil || f.Package() == "google.protobuf" || f.Package() == "prism.v1" {
		return
	}
	all[f.Path()] = f
	for i := range f.Imports().Len() {
		withImports(all, f.Imports().Get(i).FileDescriptor)
	}
}
