package runtime

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func getenv(values map[string]string) *Env {
	return &Env{Getenv: func(name string) string { return values[name] }}
}

// A password, or any other part of a URL, arrives as written, whatever
// characters it has: otherwise a part of it could be taken for a host and sent
// to the DNS.
func TestResolveURLKeepsItsPlaces(t *testing.T) {
	for _, secret := range []string{"p@ss/word", "p/w", "100%", "a b", "%41bc", "a:b", "a?b#c", "a+b&c=d", "[x]", "ü'\\\"", "a,b", "://", "x"} {
		env := getenv(map[string]string{"X": secret, "HOST": "db.example.com"})
		resolve := func(value string) *url.URL {
			t.Helper()
			text, err := env.ResolveURL("url", value)
			if err != nil {
				t.Fatalf("%s with %q: %v", value, secret, err)
			}
			u, err := url.Parse(text)
			if err != nil {
				t.Fatalf("%s with %q is no URL any more: %v", value, secret, err)
			}
			return u
		}
		for _, value := range []string{"postgres://app:${env:X}@${env:HOST}:5432/shop?a=${env:X}", "postgres://app:${env:X}@${env:HOST}:5432/shop?a=${env:X}&b=c"} {
			u := resolve(value)
			if password, _ := u.User.Password(); password != secret || u.Host != "db.example.com:5432" || u.Path != "/shop" || u.Query().Get("a") != secret {
				t.Errorf("%s with %q has password %q, host %q, path %q, query %q", value, secret, password, u.Host, u.Path, u.RawQuery)
			}
		}
		if u := resolve("postgres://${env:X}:${env:X}@db/${env:X}"); u.User.Username() != secret || u.Host != "db" || u.Path != "/"+secret {
			t.Errorf("%q as user and path gives user %q, host %q, path %q", secret, u.User.Username(), u.Host, u.Path)
		}
		if u := resolve("postgres://a${env:X}b:c@db/d${env:X}e"); u.User.Username() != "a"+secret+"b" || u.Path != "/d"+secret+"e" {
			t.Errorf("%q among letters gives user %q, path %q", secret, u.User.Username(), u.Path)
		}
		two, err := env.ResolveURL("url", "nats://u:${env:X}@a:4222,nats://u:${env:X}@${env:HOST}:4222")
		if err != nil {
			t.Fatal(err)
		}
		for i, one := range strings.Split(two, ",") {
			u, err := url.Parse(one)
			if err != nil {
				t.Fatal(err)
			}
			if password, _ := u.User.Password(); password != secret || u.Host != []string{"a:4222", "db.example.com:4222"}[i] {
				t.Errorf("address %d of several has password %q and host %q", i, password, u.Host)
			}
		}
	}
}

// Values in keyword/value pairs are quoted as libpq reads them.
func TestResolveWords(t *testing.T) {
	env := getenv(map[string]string{"X": `a b'c\d`})
	for value, want := range map[string]string{
		"host=db password=${env:X} user=app": `host=db password='a b\'c\\d' user=app`,
		"password=${env:X}":                  `password='a b\'c\\d'`,
		"password='x${env:X}'":               `password='xa b\'c\\d'`,
	} {
		if got, err := env.ResolveURL("url", value); err != nil || got != want {
			t.Errorf("%s gives %s, %v, want %s", value, got, err, want)
		}
	}
	if got, err := env.ResolveURL("url", "password=x${env:X}"); err == nil {
		t.Errorf("a reference among letters gives %s", got)
	}
}

// A whole URL is taken as it is, unless its password would be read as its host.
func TestResolveWholeURL(t *testing.T) {
	for value, want := range map[string]string{
		"postgres://app:p%40ss@db:5432/shop?sslmode=require": "",
		"postgres://app:p@ss@db/shop":                        "", // the last @ before the path counts
		"host=db password='p@ss/word'":                       "",
		"nats://u:p@a,nats://u:p@b":                          "",
		"postgres://app:p@ss/word@db/shop":                   "has an @ or a # after its host",
		"postgres://app:12/3@db/shop":                        "has an @ or a # after its host",
		"postgres://app:12#3@db/shop":                        "has an @ or a # after its host",
		"postgres://app:12?3@db/shop":                        "has an @ or a # after its host",
	} {
		got, err := getenv(map[string]string{"URL": value}).ResolveURL("url", "${env:URL}")
		switch {
		case want == "" && (err != nil || got != value):
			t.Errorf("%s gives %s, %v", value, got, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "db/shop")):
			t.Errorf("%s: %v, want %q, and no part of it", value, err, want)
		}
	}
}

// Every reference that cannot be resolved is named, and no value of the others.
func TestResolveNamesAllThatIsMissing(t *testing.T) {
	env := getenv(map[string]string{"PW": "s3cret", "HOST": "s3cret/host"})
	_, err := env.ResolveURL("url", "postgres://${env:USER}:${env:PW}@${env:HOST}/${file:/does/not/exist}")
	for _, want := range []string{"variable USER is not set", "the place of a host is not one", "no such file"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v, want an error with %q and no value", err, want)
		}
	}
}

func TestResolve(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := getenv(map[string]string{"HOST": "db"})
	got, err := env.Resolve("host", "${file:"+file+"}.${env:HOST}.${env:ZONE:-a}.${env:HOST:-b}")
	if want := "s3cret.db.a.db"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for value, want := range map[string]string{
		"${env:MISSING}":           "MISSING is not set",
		"${file:/does/not/exist}":  "no such file",
		"s3cret${env:MISSING}more": "url: ",
	} {
		_, err := env.Resolve("url", value)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v, want an error with %q and no value", value, err, want)
		}
	}
}

// The compiler's rules for a number hold for one that is set at start, too.
func TestNumber(t *testing.T) {
	n := Number{Reference: "${env:POOL:-16}", Min: 1, Max: 1000}
	for value, want := range map[string]int{"": 16, "1": 1, "1000": 1000} {
		if got, err := n.Resolve(getenv(map[string]string{"POOL": value}), "connections", 3); err != nil || got != want {
			t.Errorf("%q gives %d, %v, want %d", value, got, err, want)
		}
	}
	for _, value := range []string{"0", "1001", "many", "4.5", "-1"} {
		_, err := n.Resolve(getenv(map[string]string{"POOL": value}), "connections of namespace a", 3)
		const want = "connections of namespace a: ${env:POOL:-16} does not lead to a number that is allowed; write a whole number from 1 to 1000"
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", value, err, want)
		}
	}
	if got, err := (Number{}).Resolve(getenv(nil), "connections", 3); err != nil || got != 3 {
		t.Errorf("without a reference %d, %v, want 3", got, err)
	}
}
