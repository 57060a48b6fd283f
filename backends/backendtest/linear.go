package backendtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"github.com/prism-proxy/prism/generator/schema"
	pb "github.com/prism-proxy/prism/out/contract/conformance/v1"
	"github.com/prism-proxy/prism/reason"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// The history of one key is checked against a versioned register: there must be
// an order of the calls, each between its begin and end, in which every answer
// is right.

// keyCall is one call on a key.
type keyCall struct {
	method   string // put, swap, delete or get
	key      string
	value    string // of put and swap
	expected int64  // of swap
}

// keyAnswer is the answer to a call.
type keyAnswer struct {
	refused prismv1.Reason // why, or REASON_UNSPECIFIED
	version int64          // of the record written or read, or the current one
	value   string         // of get
	existed bool           // of delete
}

// register is a key's record: version 0 is none.
type register struct {
	value   string
	version int64
}

var keyModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		keys := map[string][]porcupine.Operation{}
		for _, o := range history {
			key := o.Input.(keyCall).key
			keys[key] = append(keys[key], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range keys {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return register{} },
	Step: func(state, input, output any) (bool, any) {
		return state.(register).step(input.(keyCall), output.(keyAnswer))
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

// step reports whether a register may give this answer, and its next state.
func (r register) step(c keyCall, a keyAnswer) (bool, register) {
	written := register{c.value, a.version}
	switch c.method {
	case "put":
		return a.refused == prismv1.Reason_REASON_UNSPECIFIED && a.version > r.version, written
	case "get":
		if a.refused == prismv1.Reason_NOT_FOUND {
			return r.version == 0, r
		}
		return a.refused == prismv1.Reason_REASON_UNSPECIFIED && r == register{a.value, a.version}, r
	case "delete":
		return a.refused == prismv1.Reason_REASON_UNSPECIFIED && a.existed == (r.version != 0), register{}
	}
	switch a.refused {
	case prismv1.Reason_REASON_UNSPECIFIED:
		return c.expected == r.version && a.version > r.version, written
	case prismv1.Reason_NOT_FOUND:
		return c.expected != 0 && r.version == 0, r
	case prismv1.Reason_EXISTS:
		return c.expected == 0 && r.version == a.version && r.version != 0, r
	case prismv1.Reason_VERSION_MISMATCH:
		return c.expected != 0 && c.expected != r.version && r.version == a.version && r.version != 0, r
	}
	return false, r
}

// history is what clients observed of a store.
type history struct {
	mu    sync.Mutex
	begin time.Time
	calls []porcupine.Operation
}

func (h *history) record(client int, c keyCall, serve func() keyAnswer) keyAnswer {
	call := time.Since(h.begin)
	answer := serve()
	end := time.Since(h.begin)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, porcupine.Operation{ClientId: client, Input: c, Call: int64(call), Output: answer, Return: int64(end)})
	return answer
}

const (
	linearClients = 16
	linearKeys    = 100
	linearCalls   = 250 // of each client
)

var linearCases = []testCase{
	{name: "each key", rule: "the calls on a key are linearizable: put, swap, delete and get happen at one moment each", run: func(t *check) {
		for _, seed := range Seeds(t) {
			t.sub(fmt.Sprint("PRISM_SEED=", seed), func(t *check) { t.linear(seed) })
		}
	}},
}

// linear makes calls in an order given by the seed, on its own keys.
func (t *check) linear(seed uint64) {
	h := &history{begin: time.Now()}
	methods := []string{"put", "swap", "swap", "delete", "get", "get", "get"}
	if !t.has(schema.CanSwap) {
		methods = slices.DeleteFunc(methods, func(m string) bool { return m == "swap" })
	}
	together(linearClients, func(client int) {
		random := rand.New(rand.NewPCG(seed, uint64(client)))
		seen := map[string]int64{}
		for i := range linearCalls {
			c := keyCall{key: fmt.Sprintf("%d-%02d", seed, random.IntN(linearKeys)), value: strconv.Itoa(client) + "." + strconv.Itoa(i)}
			c.method = methods[random.IntN(len(methods))]
			c.expected = seen[c.key]
			answer := h.record(client, c, func() keyAnswer { return t.keyCall(c) })
			if seen[c.key] = answer.version; c.method == "delete" {
				seen[c.key] = 0
			}
		}
	})
	if got := porcupine.CheckOperationsTimeout(keyModel, h.calls, time.Minute); got != porcupine.Ok {
		t.Errorf("the check of %d calls says %s", len(h.calls), got)
	}
}

// keyCall makes the call.
func (t *check) keyCall(c keyCall) keyAnswer {
	i := &pb.Item{ItemId: c.key, Note: c.value}
	var a keyAnswer
	var err error
	switch c.method {
	case "put":
		var out *pb.PutItemResponse
		out, err = t.Items.PutItem(t.Context(), &pb.PutItemRequest{Item: i})
		a.version = out.GetVersion()
	case "swap":
		a.version, err = t.swap(i, c.expected)
	case "delete":
		a.existed, err = t.delete(c.key, 0)
	case "get":
		var record *pb.ItemRecord
		record, err = t.get(c.key)
		a.version, a.value = record.GetVersion(), record.GetItem().GetNote()
	}
	if err != nil {
		a.refused = reason.Of(err)
		a.version = currentVersion(err)
	}
	return a
}

// currentVersion returns the version that a refusal names, or 0.
func currentVersion(err error) int64 {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			version, _ := strconv.ParseInt(info.GetMetadata()["current_version"], 10, 64)
			return version
		}
	}
	return 0
}
