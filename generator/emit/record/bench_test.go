package record_test

import (
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/document"
	"github.com/prism-proxy/prism/out/conformancememory/proxy/conformance/v1/parcel"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
	"github.com/prism-proxy/prism/out/shop/proxy/shop/v1/userprofile"
)

// What a check costs on a small record, on one of many small messages, and on one with
// bounds at every depth.
func BenchmarkCheck(b *testing.B) {
	profile := &shopv1.UserProfile{
		UserId: "ada", Email: new("ada@example.com"), DisplayName: "Ada Lovelace", Interests: []string{"engines", "weaving"},
		Address: &shopv1.Address{Lines: []string{"12 St James's Square"}, City: "London", CountryCode: "GB"},
	}
	tree := &pb.Document{DocumentId: "d", Root: &pb.Branch{}}
	for i := range 1000 {
		tree.Root.Twigs = append(tree.Root.Twigs, &pb.Twig{Title: strconv.Itoa(i), Branch: &pb.Branch{}})
	}
	bounded := &pb.Parcel{
		ParcelId: "p", Sender: &pb.Party{Name: "Ada"}, Seals: map[bool][]byte{true: nil, false: nil},
		Labels: map[string]string{"a": "1", "b": "2"}, Notes: []string{"some", "rain"}, Sizes: []int32{1, 2, 3},
	}
	for range 4 {
		bounded.Contents = append(bounded.Contents, &pb.Content{Sku: "12345678", Quantity: 1, Value: new(int64(1))})
	}
	for _, row := range []struct {
		name   string
		record proto.Message
		check  func([]byte) error
	}{{"UserProfile", profile, userprofile.Check}, {"3,000 messages", tree, document.Check}, {"bounds", bounded, parcel.Check}} {
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
