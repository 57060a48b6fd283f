package schema_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/schema"
)

// Faults of prism.yaml stand where the text is at fault, and say what to write
// there: the whole line is the reader's.
func TestConfigFaults(t *testing.T) {
	const head = "deployment: shop\nimport_path: example.com/shop\npackages: [shop.v1]\n"
	const orders = head + "namespaces:\n  - name: orders\n    backend: sqlite\n"
	const url = head + "namespaces:\n  - name: orders\n    backend: postgres\n    config:\n      url: "
	tests := []struct{ name, config, want string }{
		{"empty file", "", `prism.yaml: PRISM5034 [yaml.missing] the file is empty; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write deployment, import_path, packages and namespaces`},
		{"comments only", "# nothing\n", `prism.yaml: PRISM5034 [yaml.missing] the file is empty; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write deployment, import_path, packages and namespaces`},
		{"a text", "shop\n", `prism.yaml:1:1: PRISM5033 [yaml.type] keys are missing here; every key in prism.yaml has a value of the right type; write deployment, import_path, packages, listen, memory, namespaces, drop_tables, test_kit, contract, root, import_paths, go_packages, each with its value`},
		{"a tab", "deployment:\n\tshop\n", `prism.yaml:2:1: PRISM5031 [yaml.syntax] found character that cannot start any token; prism.yaml is one YAML document; indent with spaces, not with tabs, and write a value that begins with @, % or ` + "`" + ` in quotes`},
		{"a brace that is not closed", head + "namespaces:\n  - {name: orders, backend: sqlite\nlisten: x\n", `prism.yaml:5:3: PRISM5031 [yaml.syntax] did not find expected ',' or '}'; prism.yaml is one YAML document; close the brace, and write commas between what stands in it`},
		{"a line that is indented less", strings.Replace(orders, "    backend", "   backend", 1), `prism.yaml:6:4: PRISM5031 [yaml.syntax] did not find expected '-' indicator; prism.yaml is one YAML document; indent the line as the key or the element that it belongs to; an element of a list begins with -`},
		{"a key where a list goes on", orders + "  backend: sqlite\n", `prism.yaml:7:3: PRISM5031 [yaml.syntax] did not find expected '-' indicator; prism.yaml is one YAML document; indent the line as the key or the element that it belongs to; an element of a list begins with -`},
		{"a list beside a key", "deployment: shop\n- a\n", `prism.yaml:2:1: PRISM5031 [yaml.syntax] did not find expected key; prism.yaml is one YAML document; write key: value, indented as the keys beside it`},
		{"two colons", strings.Replace(orders, "sqlite", "sqlite: x", 1), `prism.yaml:6:5: PRISM5031 [yaml.syntax] mapping values are not allowed in this context; prism.yaml is one YAML document; write one key: value in a line, and a value with a colon and a space in quotes`},
		{"a quote that is not closed", strings.Replace(orders, "orders", "\"orders", 1), `prism.yaml:5:3: PRISM5031 [yaml.syntax] found unexpected end of stream; prism.yaml is one YAML document; close the quote`},
		{"an alias of nothing", strings.Replace(orders, "sqlite", "*sqlite", 1), `prism.yaml:6:5: PRISM5031 [yaml.syntax] unknown anchor 'sqlite' referenced; prism.yaml is one YAML document; write a value that begins with * in quotes`},
		{"a control character", strings.Replace(orders, "sqlite", "sql\x01ite", 1), `prism.yaml:6:5: PRISM5031 [yaml.syntax] control characters are not allowed; prism.yaml is one YAML document; remove the control character`},
		{"what is not UTF-8", strings.Replace(orders, "sqlite", "sql\xffite", 1), `prism.yaml:6:5: PRISM5031 [yaml.syntax] invalid leading UTF-8 octet; prism.yaml is one YAML document; save the file as UTF-8`},
		{"a list in the line of its key", strings.Replace(orders, "packages: [shop.v1]", "packages: - shop.v1", 1), `prism.yaml:3:1: PRISM5031 [yaml.syntax] block sequence entries are not allowed in this context; prism.yaml is one YAML document; begin the list in a line of its own`},
		{"a key without a colon", "deployment shop\nimport_path: x\n", `prism.yaml:2:1: PRISM5031 [yaml.syntax] mapping values are not allowed in this context; prism.yaml is one YAML document; write one key: value in a line, and a value with a colon and a space in quotes`},
		{"a bracket that is not closed", strings.Replace(orders, "[shop.v1]", "[shop.v1", 1), `prism.yaml:3:1: PRISM5031 [yaml.syntax] did not find expected ',' or ']'; prism.yaml is one YAML document; close the bracket, and write commas between what stands in it`},
		{"a conflict", head + "<<<<<<< HEAD\nlisten: 127.0.0.1:1\n=======\nlisten: 127.0.0.1:2\n>>>>>>> feature\n" + strings.TrimPrefix(orders, head), `prism.yaml:4:1: PRISM5031 [yaml.syntax] a merge left the file in conflict; prism.yaml is one YAML document; keep what both sides mean, and remove the marks`},
		{"a fault of the second document", orders + "---\na: [\n", `prism.yaml:8:1: PRISM5031 [yaml.syntax] did not find expected node content; prism.yaml is one YAML document; write a value, or close the bracket`},
		{"a second document", orders + "---\na: 1\n", `prism.yaml:8:1: PRISM5031 [yaml.syntax] a second document begins; prism.yaml is one YAML document; remove it`},
		{"nothing but a deployment", "deployment: shop\n", `prism.yaml:1:1: PRISM5034 [yaml.missing] import_path is missing; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write import_path: …
prism.yaml:1:1: PRISM5034 [yaml.missing] namespaces is missing; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write at least one
prism.yaml:1:1: PRISM5034 [yaml.missing] packages is missing; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write at least one`},
		{"no value", strings.Replace(orders, " shop\n", "\n", 1), `prism.yaml:1:12: PRISM5033 [yaml.type] deployment is not a string; every key in prism.yaml has a value of the right type; write one value`},
		{"deployment named as the contracts' folder", strings.Replace(orders, " shop\n", " contract\n", 1), `prism.yaml:1:13: PRISM5035 [deployment.name] deployment is "contract"; the name of a deployment matches [a-z][a-z0-9]* and is not that of a folder with another meaning: contract, internal, main, testdata, vendor; write a name such as shop`},
		{"a mapping for a text", strings.Replace(orders, " shop\n", " {a: b}\n", 1), `prism.yaml:1:13: PRISM5033 [yaml.type] deployment is not a string; every key in prism.yaml has a value of the right type; write one value`},
		{"key twice", head + "deployment: shop\n" + strings.TrimPrefix(orders, head), `prism.yaml:4:1: PRISM5032 [yaml.key] key deployment is written twice; prism.yaml has only known keys, each at most once; remove one`},
		{"unknown key of a namespace", orders + "    backends: sqlite\n", `prism.yaml:7:5: PRISM5032 [yaml.key] key "backends" is unknown; prism.yaml has only known keys, each at most once; known: name, backend, moved_from, config, limits; did you mean backend?`},
		{"empty packages", strings.Replace(orders, "[shop.v1]", "[]", 1), `prism.yaml:3:11: PRISM5034 [yaml.missing] packages is missing; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write at least one`},
		{"package twice", strings.Replace(orders, "[shop.v1]", "[shop.v1, shop.v1]", 1), `prism.yaml:3:21: PRISM5037 [deployment.packages] package shop.v1 is named twice; packages lists proto packages that have files, each once; remove one`},
		{"package with a slash", strings.Replace(orders, "[shop.v1]", "[shop.v1, cart/v1]", 1), `prism.yaml:3:21: PRISM5037 [deployment.packages] "cart/v1" is not the name of a proto package; packages lists proto packages that have files, each once; write a proto package such as shop.v1`},
		{"import path that leaves the module", strings.Replace(orders, "example.com/shop", "example.com/../shop", 1), `prism.yaml:2:14: PRISM5036 [deployment.import_path] import_path is "example.com/../shop"; import_path is the Go import path of the module's root; write the module's path as go.mod has it`},
		{"listen without a port", orders + "listen: localhost\n", `prism.yaml:7:9: PRISM5038 [deployment.listen] listen is "localhost"; listen is a loopback address and a port, or unix: and a path, because the proxy has no authentication yet; write 127.0.0.1:8980 or unix:/run/name.sock`},
		{"listen on a port alone", orders + "listen: :8980\n", `prism.yaml:7:9: PRISM5038 [deployment.listen] listen is ":8980"; listen is a loopback address and a port, or unix: and a path, because the proxy has no authentication yet; write 127.0.0.1:8980 or unix:/run/name.sock`},
		{"listen on localhost", orders + "listen: localhost:8980\n", ""},
		{"listen on IPv6", orders + "listen: '[::1]:8980'\n", ""},
		{"listen to everybody", orders + "listen: 0.0.0.0:8980\n", `prism.yaml:7:9: PRISM5038 [deployment.listen] 0.0.0.0:8980 can be reached from other machines; listen is a loopback address and a port, or unix: and a path, because the proxy has no authentication yet; write 127.0.0.1:8980 or unix:/run/name.sock`},
		{"packages that are a text", strings.Replace(orders, "[shop.v1]", "shop.v1", 1), `prism.yaml:3:11: PRISM5033 [yaml.type] packages is not a list; every key in prism.yaml has a value of the right type; write a list`},
		{"namespace twice", orders + "  - name: orders\n    backend: sqlite\n", `prism.yaml:7:11: PRISM3007 [namespace.twice] namespace "orders" is declared twice; a namespace is listed once and has one backend; remove one`},
		{"backend with a slip of the pen", strings.Replace(orders, "sqlite", "sqlit", 1), `prism.yaml:6:14: PRISM3003 [backend.unknown] backend "sqlit" is unknown; a namespace names a backend that this compiler has; known: memory, nats, postgres, sqlite; did you mean sqlite?`},
		{"setting of a backend that has none", strings.Replace(orders, "sqlite", "memory", 1) + "    config: {sync: FULL}\n", `prism.yaml:7:14: PRISM3006 [backend.setting] backend memory has no setting "sync"; config holds settings of the namespace's backend, with valid values; remove it: memory has no settings`},
		{"namespace without a backend", head + "namespaces:\n  - name: orders\n", `prism.yaml:5:5: PRISM5034 [yaml.missing] backend is missing; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write backend: …`},
		{"namespace in capitals", orders + "  - name: Carts\n    backend: sqlite\n", `prism.yaml:7:11: PRISM2015 [namespace.name] namespace is "Carts"; the name of a namespace matches [a-z][a-z0-9-]* and has at most 63 bytes; write a name such as user-profiles`},
		{"backend unlike any", strings.Replace(orders, "sqlite", "oracle", 1), `prism.yaml:6:14: PRISM3003 [backend.unknown] backend "oracle" is unknown; a namespace names a backend that this compiler has; known: memory, nats, postgres, sqlite`},
		{"unknown setting", orders + "    config: {sync: FULL}\n", `prism.yaml:7:14: PRISM3006 [backend.setting] backend sqlite has no setting "sync"; config holds settings of the namespace's backend, with valid values; known: synchronous, readers`},
		{"setting twice", orders + "    config: {synchronous: FULL, synchronous: FULL}\n", `prism.yaml:7:33: PRISM5032 [yaml.key] key synchronous is written twice; prism.yaml has only known keys, each at most once; remove one`},
		{"limit that is none", orders + "    limits: {in_flight: 0}\n", `prism.yaml:7:25: PRISM3008 [namespace.limits] in_flight is "0"; limits are whole numbers: in_flight is how many calls may run at a time, and rates is how many calls per second each method may get; write a whole number from 1 to 1000000`},
		{"limit without a number", orders + "    limits: {rates: {GetOrder: often}}\n", `prism.yaml:7:32: PRISM3008 [namespace.limits] GetOrder is "often"; limits are whole numbers: in_flight is how many calls may run at a time, and rates is how many calls per second each method may get; write a whole number from 1 to 1000000`},
		{"rate twice", orders + "    limits: {rates: {GetOrder: 1, GetOrder: 2}}\n", `prism.yaml:7:35: PRISM5032 [yaml.key] key GetOrder is written twice; prism.yaml has only known keys, each at most once; remove one`},
		{"rates of no method", orders + "    limits: {rates: 5}\n", `prism.yaml:7:21: PRISM5033 [yaml.type] rates is not a mapping; every key in prism.yaml has a value of the right type; write methods, each with its calls in a second`},
		{"unknown limit", orders + "    limits: {inflight: 5}\n", `prism.yaml:7:14: PRISM5032 [yaml.key] key "inflight" is unknown; prism.yaml has only known keys, each at most once; known: in_flight, rates; did you mean in_flight?`},
		{"pool beyond its range", orders + "    config: {readers: 65}\n", `prism.yaml:7:23: PRISM3006 [backend.setting] readers of backend sqlite is "65"; config holds settings of the namespace's backend, with valid values; write a whole number from 1 to 64`},
		{"pool that is no number", orders + "    config: {readers: 4.5}\n", `prism.yaml:7:23: PRISM3006 [backend.setting] readers of backend sqlite is "4.5"; config holds settings of the namespace's backend, with valid values; write a whole number from 1 to 64`},
		{"limits", orders + "    config: {readers: 4}\n    limits: {in_flight: 5, rates: {GetOrder: 1}}\n", ""},
		{"settings that are a text", orders + "    config: fast\n", `prism.yaml:7:13: PRISM5033 [yaml.type] config is not a mapping; every key in prism.yaml has a value of the right type; write settings, each with its value`},
		{"where imports begin", orders + "root: proto\nimport_paths: [third_party, .]\ngo_packages: {a/b.proto: example.com/b}\n", ""},
		{"a root outside", orders + "root: ../proto\n", `prism.yaml:7:7: PRISM5001 [path.escape] the folder is "../proto"; a path does not lead out of its folder; write a path from the module's root, with slashes, without .. and without a slash at its ends`},
		{"import paths that are a text", orders + "import_paths: third_party\n", `prism.yaml:7:15: PRISM5033 [yaml.type] import_paths is not a list; every key in prism.yaml has a value of the right type; write a list`},
		{"an import path with a slash at its end", orders + "import_paths: [third_party/]\n", `prism.yaml:7:16: PRISM5001 [path.escape] the folder is "third_party/"; a path does not lead out of its folder; write a path from the module's root, with slashes, without .. and without a slash at its ends`},
		{"Go packages that are a list", orders + "go_packages: [a/b.proto]\n", `prism.yaml:7:14: PRISM5033 [yaml.type] go_packages is no mapping; every key in prism.yaml has a value of the right type; write go_packages: {"google/type/money.proto": "example.com/money"}`},
		{"a Go package twice", orders + "go_packages: {a.proto: x/a, a.proto: x/b}\n", `prism.yaml:7:29: PRISM5032 [yaml.key] key a.proto is written twice; prism.yaml has only known keys, each at most once; remove one`},
		{"contract in Go, perhaps", orders + "contract: {go: perhaps}\n", `prism.yaml:7:16: PRISM5033 [yaml.type] go is "perhaps"; every key in prism.yaml has a value of the right type; write true or false`},
		{"contract in a language", orders + "contract: {java: true}\n", `prism.yaml:7:12: PRISM5032 [yaml.key] key "java" is unknown; prism.yaml has only known keys, each at most once; known: go`},
		{"kit without clients", orders + "contract: {go: false}\ntest_kit: true\n", `prism.yaml:8:11: PRISM5033 [yaml.type] test_kit is true, and the contract has no Go code, whose clients the kit hands out; every key in prism.yaml has a value of the right type; remove it, or remove go: false`},
		{"test kit, perhaps", orders + "test_kit: perhaps\n", `prism.yaml:7:11: PRISM5033 [yaml.type] test_kit is "perhaps"; every key in prism.yaml has a value of the right type; write true or false`},
		{"memory", orders + "memory: 2GiB\n", ""},
		{"memory of none", orders + "memory: 0MiB\n", `prism.yaml:7:9: PRISM5042 [deployment.memory] memory is "0MiB"; memory is a whole number of MiB or GiB, from 64MiB to 1024GiB; write a size such as 256MiB`},
		{"too little memory", orders + "memory: 63MiB\n", `prism.yaml:7:9: PRISM5042 [deployment.memory] memory is "63MiB"; memory is a whole number of MiB or GiB, from 64MiB to 1024GiB; write a size such as 256MiB`},
		{"too much memory", orders + "memory: 9999999GiB\n", `prism.yaml:7:9: PRISM5042 [deployment.memory] memory is "9999999GiB"; memory is a whole number of MiB or GiB, from 64MiB to 1024GiB; write a size such as 256MiB`},
		{"memory in bytes", orders + "memory: 268435456\n", `prism.yaml:7:9: PRISM5042 [deployment.memory] memory is "268435456"; memory is a whole number of MiB or GiB, from 64MiB to 1024GiB; write a size such as 256MiB`},
		{"memory that is a list", orders + "memory: [256MiB]\n", `prism.yaml:7:9: PRISM5033 [yaml.type] memory is not a string; every key in prism.yaml has a value of the right type; write one value`},
		{"missing setting", strings.Replace(orders, "sqlite", "postgres", 1), `prism.yaml:5:5: PRISM3006 [backend.setting] backend postgres needs the setting url; config holds settings of the namespace's backend, with valid values; write config: {url: …}`},
		{"reference where none can be", orders + "    config: {synchronous: '${env:SYNC}'}\n", `prism.yaml:7:27: PRISM3006 [backend.setting] synchronous of backend sqlite cannot be a reference; config holds settings of the namespace's backend, with valid values; write one of FULL, NORMAL`},
		{"reference of no kind", url + "postgres://${vault:a#b}@db/shop\n", `prism.yaml:8:12: PRISM3006 [backend.setting] a reference in url of backend postgres is malformed; config holds settings of the namespace's backend, with valid values; write ${env:NAME}, ${env:NAME:-default} or ${file:path}`},
		{"password in a DSN", url + "host=db user=shop password=hunter2\n", `prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml contains no secrets; write ${env:NAME} or ${file:path} instead`},
		{"password in a query", url + "postgres://db/shop?sslpassword=hunter2\n", `prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml contains no secrets; write ${env:NAME} or ${file:path} instead`},
		{"password without a scheme", url + "shop:hunter2@db/shop\n", `prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml contains no secrets; write ${env:NAME} or ${file:path} instead`},
		{"half a password", url + "postgres://shop:hunter${env:HALF}@db/shop\n", `prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml contains no secrets; write ${env:NAME} or ${file:path} instead`},
		{"password by reference", url + "postgres://${env:DB_USER}:${file:/run/secrets/db}@db:5432/shop\n", ""},
		{"password by reference in a DSN", url + "host=db port=5432 password=${env:DB_PASSWORD}\n", ""},
		{"url without a password", url + "postgres://shop@db:5432/shop?sslmode=verify-full\n", ""},
		{"url by reference", url + "${env:SHOP_URL}\n", ""},
		{"url with a password that a default has", url + "postgres://shop:${env:PW:-hunter2}@db/shop\n", `prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml contains no secrets; write ${env:NAME} or ${file:path} instead`},
		{"host with a default", url + "postgres://${env:HOST:-localhost}/shop\n", ""},
		{"reference among letters", url + "host=db password=x${env:DB_PASSWORD}\n", `prism.yaml:8:12: PRISM3006 [backend.setting] a reference in url of backend postgres stands neither in a URL nor alone as a value; config holds settings of the namespace's backend, with valid values; write scheme://…, name='…', or one reference to the whole
prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml contains no secrets; write ${env:NAME} or ${file:path} instead`},
		{"reference of a shell", url + "postgres://shop:$PW@db/shop\n", `prism.yaml:8:12: PRISM3014 [setting.shell] url of backend postgres has a $ before a name; a reference is written ${env:NAME} or ${file:path}; $NAME and $(NAME) stand for themselves; write ${env:NAME}, or %24 for a $ that is meant
prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml contains no secrets; write ${env:NAME} or ${file:path} instead`},
		{"numbers by reference", orders + "    config: {readers: '${env:READERS:-4}'}\n    limits: {in_flight: '${env:IN_FLIGHT:-5}', rates: {GetOrder: '${env:RATE:-1}'}}\n", ""},
		{"a default beyond its range", orders + "    config: {readers: '${env:READERS:-65}'}\n", `prism.yaml:7:23: PRISM3006 [backend.setting] readers of backend sqlite is "65"; config holds settings of the namespace's backend, with valid values; write a whole number from 1 to 64`},
		{"a number without a default", orders + "    limits: {in_flight: '${env:IN_FLIGHT}'}\n", `prism.yaml:7:25: PRISM3008 [namespace.limits] in_flight is a reference without a default, which must be a whole number from 1 to 1000000; limits are whole numbers: in_flight is how many calls may run at a time, and rates is how many calls per second each method may get; write ${env:NAME:-…}, with the number that holds where the variable is not set`},
		{"listen by reference", orders + "listen: ${env:LISTEN:-127.0.0.1:8980}\n", ""},
		{"listen without a default", orders + "listen: ${env:LISTEN}\n", `prism.yaml:7:9: PRISM5038 [deployment.listen] listen is a reference without a default; listen is a loopback address and a port, or unix: and a path, because the proxy has no authentication yet; write ${env:NAME:-127.0.0.1:8980}`},
		{"listen to everybody by default", orders + "listen: ${env:LISTEN:-0.0.0.0:8980}\n", `prism.yaml:7:9: PRISM5038 [deployment.listen] 0.0.0.0:8980 can be reached from other machines; listen is a loopback address and a port, or unix: and a path, because the proxy has no authentication yet; write 127.0.0.1:8980 or unix:/run/name.sock`},
		{"listen on a socket", orders + "listen: unix:/run/shop.sock\n", ""},
		{"listen on a socket somewhere", orders + "listen: unix:shop.sock\n", `prism.yaml:7:9: PRISM5038 [deployment.listen] listen is "unix:shop.sock"; listen is a loopback address and a port, or unix: and a path, because the proxy has no authentication yet; write 127.0.0.1:8980 or unix:/run/name.sock`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := schema.Read(schema.Input{Config: []byte(tt.config), ConfigPath: "prism.yaml", Stores: backends})
			var got []string
			for _, f := range faults {
				if strings.Contains(f.What, "hunter") || strings.Contains(f.Fix, "hunter") {
					t.Errorf("the secret stands in %s", f)
				}
				if f.Rule == "" || f.Fix == "" {
					t.Errorf("no rule or no fix in %s", f)
				}
				if f.What == "no file has package shop.v1" || f.What == `no entity in the packages has namespace "orders"` {
					continue // there are no files in this test
				}
				got = append(got, f.String())
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		})
	}
}

// A rate of a method like none that there is has no other to name.
func TestRateOfNoMethod(t *testing.T) {
	_, faults := read(t, strings.Replace(config, "sqlite", "sqlite, limits: {rates: {Flush: 1}}", 1), order)
	const want = `schemas/shop/prism.yaml:5:54: PRISM3008 [namespace.limits] namespace "orders" has no method Flush; ` +
		"limits are whole numbers: in_flight is how many calls may run at a time, and rates is how many calls per second each method may get; write a method of the namespace's services\n"
	if got := lines(faults); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestConfigDefaults(t *testing.T) {
	d, faults := read(t, config, order)
	if d == nil {
		t.Fatal(lines(faults))
	}
	if got, want := d.Listen, "127.0.0.1:8980"; got != want {
		t.Errorf("listen %s, want %s", got, want)
	}
	if diff := cmp.Diff(map[string]string{"synchronous": "FULL"}, d.Namespaces[0].Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if got, want := d.Dir, "schemas/shop"; got != want {
		t.Errorf("dir %s, want %s", got, want)
	}
}

// Where a key was not understood nobody knows which files there are: that packages
// have none is not said.
func TestKeyFaultsComeAlone(t *testing.T) {
	for _, more := range []string{"roott: proto\n", "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", "root: [proto]\n"} {
		_, faults := schema.Read(schema.Input{Config: []byte(config + more), ConfigPath: configPath, Stores: backends})
		for _, f := range faults {
			if f.Number == schema.RuleDeploymentPackages {
				t.Errorf("%s: %v", more, faults)
			}
		}
	}
}
