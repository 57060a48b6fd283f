// Package workload is what the benchmark's programs share: the records that
// they read and write, and the codec.
package workload

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
)

// Profile returns record number i: a typical customer of some 250 encoded
// bytes, with a unique email.
func Profile(i int) *shopv1.UserProfile {
	return &shopv1.UserProfile{
		UserId:      fmt.Sprintf("customer-%08d", i),
		Email:       proto.String(fmt.Sprintf("customer-%08d@example.com", i)),
		DisplayName: fmt.Sprintf("Ada Lovelace %d", i),
		Interests:   []string{"engines", "weaving", "poetical science"},
		Address: &shopv1.Address{
			Lines: []string{"12 St James's Square", "second floor"}, PostalCode: "SW1Y 4JH", City: "London", CountryCode: "GB",
		},
		CreatedAt: &timestamppb.Timestamp{Seconds: 1_800_000_000 + int64(i), Nanos: 600},
		NotifyBy:  &shopv1.UserProfile_EmailNotice{EmailNotice: true},
	}
}
