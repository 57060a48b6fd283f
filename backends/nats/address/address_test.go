package address_test

import (
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends/nats/address"
)

// A fault of an address is told without any part of it.
func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		"nats://app:hush@a:4222, tls://b":       "",
		"a,b:4222":                              "",
		"wss://a:443":                           "",
		"nats://app:hush@[":                     "is no address",
		"nats://app:hush@:4222":                 "is no address",
		"natz://app:hush@a":                     "has a scheme that is not NATS's",
		"http://app:hush@a:4222":                "has a scheme that is not NATS's",
		"nats://a:4222,nats://app:hush@b:99999": "has a port that is no number from 1 to 65535",
		"b:0":                                   "has a port that is no number",
	} {
		what, fix := address.Check(text)
		if (what == "") != (want == "") || !strings.Contains(what, want) || strings.Contains(what+fix, "hush") {
			t.Errorf("%s: it %s; %s, want %q", text, what, fix, want)
		}
	}
}
