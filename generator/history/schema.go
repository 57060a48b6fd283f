package history

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Schema returns the files and what they import as released/NNNN.binpb holds them: each
// behind its imports, with options, and without comments and places. What every
// compiler has itself, google/protobuf and prism/v1, is left out: a later one's may
// say more, and changes nothing of the schema. Equal schemas give equal bytes.
func Schema(files []protoreflect.FileDescriptor) ([]byte, error) {
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] || f.IsPlaceholder() || strings.HasPrefix(f.Path(), "google/protobuf/") || strings.HasPrefix(f.Path(), "prism/v1/") {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		p := protodesc.ToFileDescriptorProto(f)
		p.SourceCodeInfo = nil
		set.File = append(set.File, p)
	}
	for _, f := range files {
		add(f)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(set)
}

// SameSchema reports whether two sets have the same files, whatever version of
// protobuf wrote them.
func SameSchema(a, b []byte) (bool, error) {
	var sets [2]descriptorpb.FileDescriptorSet
	for i, text := range [][]byte{a, b} {
		if err := proto.Unmarshal(text, &sets[i]); err != nil {
			return false, fmt.Errorf("schema of a release: %w", err)
		}
	}
	return proto.Equal(&sets[0], &sets[1]), nil
}
