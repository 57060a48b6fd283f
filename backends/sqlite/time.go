package sqlite

import (
	"fmt"
	"time"

	"github.com/prism-proxy/prism/runtime/wire"
)

// timeLayout is how times are stored: RFC 3339 in UTC with nine digits, of
// fixed width from the year 1 to 9999, so that the texts sort by time.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// appendTime appends a valid time.
func appendTime(b []byte, t wire.Timestamp) []byte { return t.Time().AppendFormat(b, timeLayout) }

func parseTime(text []byte) (wire.Timestamp, error) {
	t, err := time.Parse(timeLayout, string(text))
	if err != nil {
		return wire.Timestamp{}, fmt.Errorf("a stored time is not of the form %s", timeLayout)
	}
	return wire.NewTimestamp(t), nil
}
