package address_test

import (
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends/postgres/address"
)

// A fault of an address is named by its parameter. None of a password is, not
// even of one whose separators are not encoded.
func TestCheck(t *testing.T) {
	for _, c := range []struct{ text, what, fix string }{
		{"postgres://app:hush@db:5432/shop?sslmode=require", "", ""},
		{"postgresql://db/shop", "", ""},
		{"postgres://a:1,b:2/shop?target_session_attrs=read-write&application_name=x&my.setting=1", "", ""},
		{"postgres://[::1]:5432/shop", "", ""},
		{"postgres://[::1]/shop?options=-c%20jit%3Doff", "", ""},
		{"postgres:///shop?host=/run/pg&port=5432,5433#x", "", ""},
		{`host=db port=5432 password='hu\'sh = x' dbname = shop`, "", ""},
		{`host=db password=a\ b user=''`, "", ""},
		{"mysql://app:hush@db/shop?a=b", "has a scheme that is not Postgres's", "write postgres://"},
		{"db.internal/shop", "is no connection string", "write postgres://"},
		{"postgres://app:hush@db:99999/shop", "has a port that is no number from 1 to 65535", "host:port"},
		{"postgres://app:hush@db:x/shop", "has a port that is no number", "host:port"},
		{"postgres://hush:hush/shop", "has a port that is no number", "percent-encode"},
		{"postgres://db/shop?port=0", "has a port that is no number", "host:port"},
		{"postgres://db/shop?sslmod=require", `has the parameter "sslmod", which does not exist`, "write sslmode, or options="},
		{"postgres://db/shop?ssl_mode=require", `"ssl_mode"`, "sslmode"},
		{"postgres://db/shop?gssencmode=disable", `"gssencmode"`, "remove it, or"},
		{"postgres://db/shop?sslmode=bogus", "has a value of sslmode that there is not", "one of disable, allow, prefer, require, verify-ca, verify-full"},
		{"postgres://db/shop?connect_timeout=5s", "has a connect_timeout that is no number of seconds", "connect_timeout=5"},
		{"postgres://db/shop?user=%zz", "has a % without two hexadecimal digits", "percent-encode"},
		{"postgres://db/shop?password=a&hush=b", "has something behind the password that is no parameter", "percent-encode"},
		{"host=db password=a hush=b", "has something behind the password that is no parameter", "quote it"},
		{"host=db password=a hush", "has a word that is not followed by =", "write name='…'"},
		{"host=db password='hush", "has a ' that is not closed", "write name='…'"},
	} {
		what, fix := address.Check(c.text)
		if (what == "") != (c.what == "") || !strings.Contains(what, c.what) || !strings.Contains(fix, c.fix) {
			t.Errorf("%s: it %s; %s, want %q; %q", c.text, what, fix, c.what, c.fix)
		}
		if strings.Contains(what+fix, "hush") {
			t.Errorf("%s: it %s; %s has some of the password", c.text, what, fix)
		}
	}
}
