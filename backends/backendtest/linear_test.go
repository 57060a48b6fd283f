package backendtest

import (
	"testing"

	"github.com/anishathalye/porcupine"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// The model accepts what a store may answer and rejects what it must not:
// without the latter, the cases that use it could accept anything.
func TestKeyModel(t *testing.T) {
	put := func(value string, version int64) [2]any {
		return [2]any{keyCall{method: "put", value: value}, keyAnswer{version: version}}
	}
	get := func(value string, version int64) [2]any {
		return [2]any{keyCall{method: "get"}, keyAnswer{value: value, version: version}}
	}
	swap := func(value string, expected, version int64) [2]any {
		return [2]any{keyCall{method: "swap", value: value, expected: expected}, keyAnswer{version: version}}
	}
	deleted := [2]any{keyCall{method: "delete"}, keyAnswer{existed: true}}
	absent := [2]any{keyCall{method: "get"}, keyAnswer{refused: prismv1.Reason_NOT_FOUND}}
	refused := func(reason prismv1.Reason, expected, current int64) [2]any {
		return [2]any{keyCall{method: "swap", expected: expected}, keyAnswer{refused: reason, version: current}}
	}
	for _, tt := range []struct {
		name       string
		concurrent bool // all calls overlap; otherwise they are sequential
		calls      [][2]any
		want       porcupine.CheckResult
	}{
		{"in order", false, [][2]any{absent, put("a", 1), get("a", 1), swap("b", 1, 2), get("b", 2), deleted, absent, swap("c", 0, 5)}, porcupine.Ok},
		{"refusals", false, [][2]any{refused(prismv1.Reason_NOT_FOUND, 4, 0), put("a", 1), refused(prismv1.Reason_EXISTS, 0, 1), refused(prismv1.Reason_VERSION_MISMATCH, 4, 1), get("a", 1)}, porcupine.Ok},
		{"in some order", true, [][2]any{get("a", 1), put("a", 1), absent}, porcupine.Ok},
		{"lost write", false, [][2]any{put("a", 1), put("b", 2), get("a", 1)}, porcupine.Illegal},
		{"lost delete", false, [][2]any{put("a", 1), deleted, get("a", 1)}, porcupine.Illegal},
		{"two swaps from one version", true, [][2]any{put("a", 1), swap("b", 1, 2), swap("c", 1, 3)}, porcupine.Illegal},
		{"value of another version", false, [][2]any{put("a", 1), put("b", 2), get("a", 2)}, porcupine.Illegal},
		{"a version issued twice", false, [][2]any{put("a", 1), put("b", 1)}, porcupine.Illegal},
		{"refused for nothing", false, [][2]any{put("a", 1), refused(prismv1.Reason_VERSION_MISMATCH, 1, 1)}, porcupine.Illegal},
		{"any other error", false, [][2]any{{keyCall{method: "put"}, keyAnswer{refused: prismv1.Reason_INTERNAL}}}, porcupine.Illegal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var calls []porcupine.Operation
			for i, c := range tt.calls {
				o := porcupine.Operation{ClientId: i, Input: c[0], Output: c[1], Call: int64(2 * i), Return: int64(2*i + 1)}
				if tt.concurrent {
					o.Call, o.Return = 0, 1
				}
				calls = append(calls, o)
			}
			if got := porcupine.CheckOperations(keyModel, calls); got != (tt.want == porcupine.Ok) {
				t.Errorf("accepted: %t, want %s", got, tt.want)
			}
		})
	}
}
