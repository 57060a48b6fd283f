package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/prism-proxy/prism/bench/workload"
	shopv1 "github.com/prism-proxy/prism/out/contract/shop/v1"
)

// maxCallers is the largest number of callers in a contest.
const maxCallers = 64

// requests are the records of the benchmark and the calls for them, encoded.
type requests struct {
	profiles []*shopv1.UserProfile
	records  []workload.Message
	put, get []workload.Message
}

func newRequests(n int) (*requests, error) {
	r := new(requests)
	for i := range n {
		p := workload.Profile(i)
		r.profiles = append(r.profiles, p)
		for _, e := range []struct {
			to *[]workload.Message
			m  proto.Message
		}{
			{&r.records, p},
			{&r.put, &shopv1.PutUserProfileRequest{UserProfile: p}},
			{&r.get, &shopv1.GetUserProfileRequest{Key: &shopv1.UserProfileKey{UserId: p.UserId}}},
		} {
			b, err := proto.Marshal(e.m)
			if err != nil {
				return nil, err
			}
			*e.to = append(*e.to, b)
		}
	}
	return r, nil
}

// operations are the calls by which a side is measured, in the order of
// operationNames. Each takes a random record, uniformly.
type operations [2]operation

var operationNames = [2]string{"Get", "Put"}

// newOperations returns the operations that get and put record i.
func newOperations(n int, get, put func(ctx context.Context, caller, i int) error) operations {
	var random [maxCallers]*rand.Rand
	for caller := range random {
		random[caller] = rand.New(rand.NewPCG(uint64(caller), 1))
	}
	return operations{
		func(ctx context.Context, caller int) error { return get(ctx, caller, random[caller].IntN(n)) },
		func(ctx context.Context, caller int) error { return put(ctx, caller, random[caller].IntN(n)) },
	}
}

// deadline is set on every call over gRPC, as callers should do. It equals the
// proxy's default.
const deadline = 5 * time.Second

// overGRPC loads all records into the server at address and returns the
// operations on it, over one connection.
func (r *requests) overGRPC(ctx context.Context, address string) (operations, error) {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(workload.Codec{})))
	if err != nil {
		return operations{}, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	var answers [maxCallers]workload.Message
	call := func(method string, messages []workload.Message, smallest int) func(context.Context, int, int) error {
		method = "/shop.v1.UserProfileService/" + method
		return func(ctx context.Context, caller, i int) error {
			ctx, cancel := context.WithTimeout(ctx, deadline)
			defer cancel()
			if err := conn.Invoke(ctx, method, &messages[i], &answers[caller], grpc.StaticMethod()); err != nil {
				return err
			}
			if got := len(answers[caller]); got < smallest {
				return fmt.Errorf("%s answered %d bytes", method, got)
			}
			return nil
		}
	}
	get, put := call("GetUserProfile", r.get, len(r.records[0])), call("PutUserProfile", r.put, 1)
	return newOperations(len(r.records), get, put), r.load(ctx, put)
}

// load puts all records.
func (r *requests) load(ctx context.Context, put func(ctx context.Context, caller, i int) error) error {
	for i := range r.records {
		if err := put(ctx, 0, i); err != nil {
			return err
		}
	}
	return nil
}
