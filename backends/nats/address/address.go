// Package address checks addresses of NATS, for the compiler and the proxy
// alike. It links no driver and contacts nothing.
package address

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// schemes are those that the driver knows; others it would take for nats.
var schemes = []string{"nats", "tls", "ws", "wss"}

const maxPort = 65535

// Check returns what is wrong with addresses that are separated by commas, and
// what to write instead; "" if nothing is. Neither contains a part of them.
func Check(list string) (what, fix string) {
	for one := range strings.SplitSeq(list, ",") {
		u, err := Parse(one)
		switch {
		case err != nil || u.Hostname() == "":
			return "is no address", "write nats://host:port, or a reference such as ${env:NATS_URL}"
		case !slices.Contains(schemes, u.Scheme):
			return "has a scheme that is not NATS's", "write nats://host:port; the schemes are " + strings.Join(schemes, ", ")
		}
		if port, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || port < 1 || port > maxPort) {
			return "has a port that is no number from 1 to " + strconv.Itoa(maxPort), "write nats://host:port, such as nats://127.0.0.1:4222"
		}
	}
	return "", ""
}

// Parse reads one of several addresses, as the driver does: without a scheme it
// is nats. Its error may contain a password.
func Parse(address string) (*url.URL, error) {
	address = strings.TrimSpace(address)
	if !strings.Contains(address, "://") {
		address = "nats://" + address
	}
	return url.Parse(address)
}
