package backends_test

import (
	"os"
	"path"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/backends"
	"github.com/prism-proxy/prism/backends/backendtest"
	"github.com/prism-proxy/prism/generator"
)

// A setting that differs between environments is emitted as a reference with
// bounds and a default, any other as a number.
func TestReferences(t *testing.T) {
	const limits = "    limits: {in_flight: '${env:IN_FLIGHT:-200}', rates: {GetOrder: '${env:RATE:-500}', PutOrder: 70}}\n"
	for name, c := range map[string]struct {
		config string
		want   []string
	}{
		"postgres": {
			"{host: '${env:HOST}', port: '${env:PORT:-6432}', database: shop, username: app, password: '${file:/run/secrets/pw}', connections: '${env:POOL:-16}'}",
			[]string{
				`Host: "${env:HOST}",`, `Database: "shop",`, `Username: "app",`, `Password: "${file:/run/secrets/pw}",`,
				`Port: 6432,`, `PortFrom: runtime.Number{Reference: "${env:PORT:-6432}", Min: 1, Max: 65535},`,
				`Connections: 16,`, `ConnectionsFrom: runtime.Number{Reference: "${env:POOL:-16}", Min: 1, Max: 1000},`,
			},
		},
		"sqlite": {
			"{readers: '${env:READERS:-4}'}",
			[]string{`Readers: 4,`, `ReadersFrom: runtime.Number{Reference: "${env:READERS:-4}", Min: 1, Max: 64},`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, b := range backends.All() {
				if b.Name != name {
					continue
				}
				text := "deployment: tested\nimport_path: github.com/prism-proxy/prism\npackages: [shop.v1]\nlisten: ${env:LISTEN:-unix:/run/tested.sock}\nnamespaces:\n"
				for _, n := range []string{"user-profiles", "orders", "sessions"} {
					text += "  - name: " + n + "\n    backend: " + name + "\n    config: " + c.config + "\n"
					if n == "orders" {
						text += limits
					}
				}
				out, faults := backendtest.Compile(b, os.DirFS("../schemas"), generator.Input{Config: []byte(text), ConfigPath: "schemas/tested/prism.yaml"})
				if out == nil {
					t.Fatalf("%v\n%s", faults, text)
				}
				for _, f := range out.Files {
					if path.Base(f.Path) != "server.go" {
						continue
					}
					got := strings.Join(strings.Fields(string(f.Content)), " ") // as gofmt aligns them
					for _, want := range append(c.want, `Listen: "${env:LISTEN:-unix:/run/tested.sock}",`, `InFlight: 200,`,
						`InFlightFrom: runtime.Number{Reference: "${env:IN_FLIGHT:-200}", Min: 1, Max: 1000000},`,
						`RatesFrom: map[string]runtime.Number{ "GetOrder": {Reference: "${env:RATE:-500}", Min: 1, Max: 1000000}, },`) {
						if !strings.Contains(got, want) {
							t.Errorf("%s has not %s:\n%s", f.Path, want, f.Content)
						}
					}
				}
				build(t, out.Files)
			}
		})
	}
}
