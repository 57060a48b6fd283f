package record_test

import (
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/document"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/out/shop/proxy/shop/v1/userprofile"
)

// What a check costs on a small record, and on one of many small messages.
func BenchmarkCheck(b *testing.B) {
	profile := &shopv1.UserProfile{
		UserId: "ada", Email: new("ada@example.com"), DisplayName: "Ada Lovelace", Interests: []string{"engines", "weaving"},
		Address: &shopv1.Address{Lines: []string{"12 St James's Square"}, City: "London", CountryCode: "GB"},
	}
	tree := &pb.Document{DocumentId: "d", Root: &pb.Branch{}}
	for i := range 1000 {
		tree.Root.Twigs = append(tree.Root.Twigs, &pb.Twig{Title: strconv.Itoa(i), Branch: &pb.Branch{}})
	}
	for _, row := range []struct {
		name   string
		record proto.Message
		check  func([]byte) error
	}{{"UserProfile", profile, userprofile.Check}, {"3,000 messages", tree, document.Check}} {
		encoded, err := proto.Marshal(row.record)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(encoded)))
			for b.Loop() {
				if err := row.check(encoded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
