package runtime

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Descriptors reads the descriptors of a contract as a proxy embeds them: a
// line "file" with a path begins a file, and the base64 lines below it form its
// FileDescriptorProto. Empty lines and lines that begin with # are ignored.
func Descriptors(text []byte) (*descriptorpb.FileDescriptorSet, error) {
	set := &descriptorpb.FileDescriptorSet{}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimRight(line, "\r\n")
		var err error
		switch {
		case len(line) == 0 || line[0] == '#':
		case bytes.HasPrefix(line, []byte("file ")):
			set.File = append(set.File, &descriptorpb.FileDescriptorProto{})
		case len(set.File) == 0:
			err = errors.New("no file has begun")
		default:
			var encoded []byte
			if encoded, err = base64.StdEncoding.AppendDecode(nil, line); err == nil {
				err = proto.UnmarshalOptions{Merge: true, AllowPartial: true}.Unmarshal(encoded, set.File[len(set.File)-1])
			}
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the contract: %w", number, err)
		}
	}
	return set, nil
}

// schema identifies what d was compiled from, message options included. It does
// not depend on the line ends that a checkout gave the contract.
func (d *Deployment) schema() string {
	sum := sha256.Sum256(bytes.ReplaceAll(d.Descriptors, []byte("\r\n"), []byte("\n")))
	return hex.EncodeToString(sum[:])
}
