package contract

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/emit/golang"
)

// DescriptorText returns Descriptors as a proxy embeds them for reflection, the
// same text for the same schema. It is made to be merged by lines: of every file
// each message, enum and service is a line in a paragraph of its own, and no
// line is about several of them. runtime.Descriptors reads it.
//
// Above a message of the schema stands a digest, which is also of its options:
// these are not in the text.
func (c *Contract) DescriptorText() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "#%s\n#\n", strings.TrimPrefix(golang.Header, "//"))
	b.WriteString("# The contract's descriptors: the lines of base64 below a file are together its\n# FileDescriptorProto.\n")
	for _, f := range c.Descriptors.File {
		digests, err := c.digests(f.GetName())
		if err != nil {
			return nil, err
		}
		// A message on the wire may come in parts: the file without what has
		// paragraphs, and then each of these.
		rest := &descriptorpb.FileDescriptorProto{
			Name: f.Name, Package: f.Package, Syntax: f.Syntax, Edition: f.Edition, Options: f.Options,
			Dependency: f.Dependency, PublicDependency: f.PublicDependency, WeakDependency: f.WeakDependency,
		}
		parts := []part{{"file " + f.GetName(), rest}}
		for _, m := range f.MessageType {
			parts = append(parts, part{"# message " + m.GetName() + digests[m.GetName()], &descriptorpb.FileDescriptorProto{MessageType: []*descriptorpb.DescriptorProto{m}}})
		}
		for _, e := range f.EnumType {
			parts = append(parts, part{"# enum " + e.GetName(), &descriptorpb.FileDescriptorProto{EnumType: []*descriptorpb.EnumDescriptorProto{e}}})
		}
		for _, s := range f.Service {
			parts = append(parts, part{"# service " + s.GetName(), &descriptorpb.FileDescriptorProto{Service: []*descriptorpb.ServiceDescriptorProto{s}}})
		}
		for _, x := range f.Extension {
			parts = append(parts, part{"# extension " + x.GetName(), &descriptorpb.FileDescriptorProto{Extension: []*descriptorpb.FieldDescriptorProto{x}}})
		}
		for _, p := range parts {
			encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(p.file)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "\n%s\n%s\n", p.title, base64.StdEncoding.EncodeToString(encoded))
		}
	}
	return []byte(b.String()), nil
}

// part is a paragraph of the text: part of a file under its title.
type part struct {
	title string
	file  *descriptorpb.FileDescriptorProto
}

// digests returns what stands behind the names of a file's messages.
func (c *Contract) digests(file string) (map[string]string, error) {
	digests := map[string]string{}
	for _, m := range c.schema[file].GetMessageType() {
		whole, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			return nil, err
		}
		digests[m.GetName()] = fmt.Sprintf(" %.8x", sha256.Sum256(whole))
	}
	return digests, nil
}
