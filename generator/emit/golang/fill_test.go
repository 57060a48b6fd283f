package golang_test

import (
	"fmt"
	"testing"

	"github.com/prism-proxy/prism/generator/emit/golang"
)

func TestFill(t *testing.T) {
	tests := []struct {
		name, source string
		holes        golang.Holes
		want         string // what is returned, or the panic
	}{
		{"by name", "func $method(r *$request) {}", golang.Holes{"method": "get", "request": "getRequest"}, "func get(r *getRequest) {}"},
		{"twice", "$a, $a", golang.Holes{"a": "x"}, "x, x"},
		{"before a letter", "${service}Client", golang.Holes{"service": "Note"}, "NoteClient"},
		{"a number", "Memory: $memory << 20", golang.Holes{"memory": 256}, "Memory: 256 << 20"},
		{"Go's braces and SQL's parameters", "T{{a}, {$1}} `$12`", nil, "T{{a}, {$1}} `$12`"},
		{"what fills a hole has none", "$a", golang.Holes{"a": "$b %s"}, "$b %s"},
		{"nothing fills it", "$method", golang.Holes{}, "golang: nothing fills the hole method"},
		{"it fills nothing", "x", golang.Holes{"method": "get"}, "golang: no hole is named method"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := func() (got string) {
				defer func() {
					if p := recover(); p != nil {
						got = fmt.Sprint(p)
					}
				}()
				return golang.Fill(tt.source, tt.holes)
			}()
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
