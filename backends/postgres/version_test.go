package postgres

import "testing"

// Versions of the server are numbers: 9.6 (90624) is older than 13 (130000),
// though its text comes after.
func TestAtLeast(t *testing.T) {
	for version, want := range map[string]bool{"90624": false, "129999": false, "130000": true, "150018": true, "": false, "devel": false} {
		if got := atLeast(130000)(version); got != want {
			t.Errorf("version %q serves: %t, want %t", version, got, want)
		}
	}
}
