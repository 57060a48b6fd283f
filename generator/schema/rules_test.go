package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prism-proxy/prism/generator/schema"
)

// Every rule's bad example breaks that rule, at one place, and no other; its
// good example breaks none.
func TestExamples(t *testing.T) {
	for _, rule := range schema.Rules() {
		if slices.Contains(beyondSchema, rule.Number) {
			continue
		}
		t.Run(rule.Slug, func(t *testing.T) {
			bad, good := rule.Examples()
			d, faults := readExample(t, bad)
			if got, want := lines(faults), exampleFaults[rule.Number]; got != want+"\n" {
				t.Errorf("bad example:\ngot  %swant %s", got, want)
			}
			if (d == nil) != (rule.Severity == schema.Error) {
				t.Errorf("bad example of a rule that is an %v: model %v", rule.Severity, d)
			}
			if d, faults := readExample(t, good); d == nil || len(faults) > 0 {
				t.Errorf("good example: %s", lines(faults))
			}
		})
	}
	t.Run("numbers rise", func(t *testing.T) {
		if !slices.IsSortedFunc(schema.Rules(), func(a, b schema.Rule) int { return a.Number - b.Number }) {
			t.Error("the table is not in the order of its numbers")
		}
	})
}

// beyondSchema are rules about the lock, the plugin's parameter and the files on
// disk; the packages that report them test their examples.
var beyondSchema = []int{4010, 4011, 4012, 5022, 5023}

// readExample reads a schema with the usual prism.yaml, or a prism.yaml with
// the usual schema.
func readExample(t *testing.T, text string) (*schema.Deployment, []schema.Diagnostic) {
	t.Helper()
	if strings.Contains(text, "namespaces:") {
		return read(t, text, order)
	}
	if strings.Contains(text, "(prism.v1.entity)") {
		return read(t, config, text)
	}
	return readFiles(t, config, map[string]string{"order.proto": file(order), "example.proto": file(text)})
}

// The files of a folder are one Go package, with one name.
func TestGoPackageName(t *testing.T) {
	other := strings.Replace(file(`message A {}`), ";shopv1", ";shop", 1)
	_, faults := readFiles(t, config, map[string]string{"a.proto": file(order), "b.proto": other})
	want := `shop/v1/b.proto:1:112: PRISM5003 [go.package] go_package of shop/v1/b.proto gives the package another name; in this release a schema file's go_package is <import_path>/out/contract/<the file's folder>; other Go packages come later; write "example.com/shop/out/contract/shop/v1;shopv1", as the folder's other files do
`
	if got := lines(faults); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// exampleFaults are what the bad examples give; the text of a schema begins in
// line 2.
var exampleFaults = map[int]string{
	1001: `shop/v1/order.proto:2:1: PRISM1001 [name.collision] entity shop.v1.Order generates shop.v1.OrderKey, which stands at shop/v1/order.proto:9:1; generated names differ; rename it, or write another plural`,
	1002: `shop/v1/order.proto:6:3: PRISM1002 [name.shape] field is named Status; messages are UpperCamelCase of letters and digits, while fields, columns, tables and indexes are [a-z][a-z0-9_]* and do not end with _; rename the field, as in user_id`,
	1003: `shop/v1/order.proto:5:3: PRISM1003 [name.length] orders_of_customers_who_signed_up_before_the_shop_moved_here_version, the sequence of table orders_of_customers_who_signed_up_before_the_shop_moved_here, has 68 bytes; a name in the store has at most 63 bytes; write another name`,
	1009: `shop/v1/order.proto:6:3: PRISM1009 [name.reserved] field is named prism_note; names that begin with prism_, and those of the store's own, are reserved; rename the field`,
	2010: `shop/v1/order.proto:2:1: PRISM2010 [key.missing] entity shop.v1.Order has no partition key; an entity has a partition key; write [(prism.v1.field).partition_key = 1] on the field that identifies it`,
	2011: `shop/v1/order.proto:6:21: PRISM2011 [key.order] partition_key is 3 on number, the 2nd of 2; the fields of the partition key, and those of the sort key, are numbered 1 to n, each once; write partition_key = 2`,
	2012: `shop/v1/order.proto:5:22: PRISM2012 [key.type] key field weight is of type double; a key is text, bytes, an integer, a bool, an open enum or a Timestamp; choose a field of another type`,
	2013: `shop/v1/order.proto:5:30: PRISM2013 [key.presence] key field number may be absent; every record has every field of its key; remove optional, or add (prism.v1.field).required = true`,
	2014: `shop/v1/order.proto:2:1: PRISM2014 [entity.abstraction] entity shop.v1.Order has no abstraction; an entity has exactly one abstraction; write option (prism.v1.entity).key_value = {}`,
	2015: `shop/v1/order.proto:3:3: PRISM2015 [namespace.name] namespace is "Orders"; a namespace is named [a-z][a-z0-9-]*, at most 63 bytes; write a name such as user-profiles`,
	2016: `shop/v1/order.proto:4:5: PRISM2016 [entity.place] entity shop.v1.Shop.Order stands inside another message; an entity is a top-level message; move the message to the top level of the file`,
	2018: `shop/v1/order.proto:10:19: PRISM2018 [field.entity] index stands on field sku of shop.v1.Line, which is no entity; field options other than pii stand only on top-level fields of entities; remove it, or make the message an entity`,
	2020: `shop/v1/order.proto:7:5: PRISM2020 [pii.index] index phone orders by phone, which is personal; personal data is found by equality only; index it for equality`,
	2021: `shop/v1/order.proto:8:5: PRISM2021 [pii.key] key field email is personal; a key is not personal: it stands in logs, page tokens and other records; use a surrogate key, such as a random id, and an index on this field`,
	2022: `shop/v1/order.proto:6:35: PRISM2022 [pii.type] pii stands on map phones, whose keys would be personal; personal data is not an enum and not a map; write pii on fields of the map's value, or use a repeated message`,
	2023: `shop/v1/order.proto:6:60: PRISM2023 [pii.protection] ENCRYPT of card is not built yet; a binary never stores in the clear what its schema calls protected; write MASK, or keep the field out of the schema until then`,
	2026: `shop/v1/order.proto:6:20: PRISM2026 [pii.category] pii of note has no category; personal data has a category; write pii.category = CUSTOM, or a closer one`,
	2030: `shop/v1/order.proto:7:16: PRISM2030 [index.field] index state names "statsu", which Order has not; an index names top-level fields of its entity; did you mean status?`,
	2031: `shop/v1/order.proto:8:5: PRISM2031 [index.shape] index number of Order is unique and ordered; an index over several fields has a name, 1 to 10 equality fields, each once, and is either unique or ordered; move the field to equality, or remove unique`,
	2032: `shop/v1/order.proto:6:21: PRISM2032 [index.type] indexed field price is of type double; an indexed field is text, bytes, an integer, a bool, an open enum or a Timestamp; choose a field of another type`,
	2033: `shop/v1/order.proto:11:31: PRISM2033 [enum.closed] status is of the closed enum shop.v1.Status; a key or indexed enum is open: an unknown number of a closed one is no value; use an enum of a proto3 file, or with features.enum_type = OPEN`,
	2034: `shop/v1/example.proto:4:3: PRISM2034 [type.messageset] message Old has message_set_wire_format; MessageSet encoding is not served; remove the option`,
	2035: `shop/v1/order.proto:6:29: PRISM2035 [column.type] column stands on tags of type repeated string; a column holds a top-level singular scalar, enum or Timestamp; remove it`,
	2036: `shop/v1/order.proto:6:20: PRISM2036 [bounds.type] max_length stands on count of type int64; lengths bound singular text and bytes, a range bounds a singular integer; remove it`,
	2037: `shop/v1/order.proto:6:20: PRISM2037 [bounds.empty] min 9 of count is above max 1; some value lies within bounds; exchange them`,
	2038: `shop/v1/order.proto:6:20: PRISM2038 [required.presence] absence of count cannot be told from its zero value; required stands on text, and on fields whose absence can be told; mark the field optional, or remove required`,
	2041: `shop/v1/order.proto:5:3: PRISM2041 [limit.key] id is in key and has no max_length; an encoded key, and an index entry with its key, is at most 1,024 bytes; write (prism.v1.field).max_length, at most 1024`,
	2043: `shop/v1/order.proto:6:20: PRISM2043 [index.presence] unique index code of Order is on a field without presence; a field without presence has a value in every record, so that only one record can leave it out; mark the field optional, or required`,
	2045: `shop/v1/order.proto:2:1: PRISM2045 [limit.parts] key of Order takes 34 columns; a key, and an index with its key, is at most 32 columns, a Timestamp counting as two; use fewer fields`,
	2046: `shop/v1/order.proto:5:3: PRISM2046 [index.key] index number of Order finds by the whole key; an index finds records by more than their key, which is found without it; remove the index, or the key's fields from it`,
	3001: `shop/v1/order.proto:5:28: message shop.v1.Order: option (prism.v1.entity).colour: field colour of prism.v1.Entity does not exist`,
	3002: `shop/v1/order.proto:5:3: PRISM3002 [option.range] ttl of Order is 1ms; a number in an option is within its limits; write 1 s to 10 years in whole milliseconds`,
	3003: `schemas/shop/prism.yaml:6:14: PRISM3003 [backend.unknown] backend "sqlit" is not known; a namespace is served by a backend of this compiler; known: memory, postgres, sqlite; did you mean sqlite?`,
	3004: `shop/v1/order.proto:3:3: PRISM3004 [namespace.unserved] prism.yaml has no namespace "archive"; every entity's namespace stands in prism.yaml; add {name: archive, backend: …} to namespaces`,
	3005: `schemas/shop/prism.yaml:7:11: PRISM3005 [namespace.empty] no entity of the packages is in namespace "carts"; a namespace in prism.yaml has entities; remove it, or write it on an entity`,
	3006: `schemas/shop/prism.yaml:7:27: PRISM3006 [backend.setting] synchronous of backend sqlite is "OFF"; config holds the settings of its backend, each with a legal value; write one of FULL, NORMAL`,
	3007: `schemas/shop/prism.yaml:7:11: PRISM3007 [namespace.twice] namespace "orders" is declared twice; a namespace is served by one backend; remove one`,
	3008: `schemas/shop/prism.yaml:9:9: PRISM3008 [namespace.limits] namespace "orders" has no method GetOrders; limits are whole numbers: in_flight calls at a time, and in rates the calls in a second of a method of the namespace; did you mean GetOrder?`,
	3011: `shop/v1/order.proto:5:3: PRISM3011 [durability] entity shop.v1.Order needs POWER_SAFE, and memory as namespace orders configures it promises LOST_ON_RESTART; a backend promises at least what its entities need; choose another backend or setting in prism.yaml, or declare LOST_ON_RESTART`,
	5003: `shop/v1/order.proto:2:1: PRISM5003 [go.package] go_package of shop/v1/order.proto is "example.com/shop/gen;shopv1"; in this release a schema file's go_package is <import_path>/out/contract/<the file's folder>; other Go packages come later; write option go_package = "example.com/shop/out/contract/shop/v1;shopv1"`,
	5030: `schemas/shop/prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml holds no secret; write ${env:NAME} or ${file:path} in its place`,
	5031: `schemas/shop/prism.yaml:4:1: PRISM5031 [yaml.syntax] did not find expected '-' indicator; prism.yaml is one YAML document; correct the text`,
	5032: `schemas/shop/prism.yaml:4:1: PRISM5032 [yaml.key] key "listn" is not known; every key of prism.yaml is known, and written once; known: deployment, import_path, packages, listen, namespaces; did you mean listen?`,
	5033: `schemas/shop/prism.yaml:3:11: PRISM5033 [yaml.type] packages is not a list; every key of prism.yaml has a value of its kind; write a list`,
	5034: `schemas/shop/prism.yaml:1:1: PRISM5034 [yaml.missing] deployment is missing; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write deployment: …`,
	5035: `schemas/shop/prism.yaml:1:13: PRISM5035 [deployment.name] deployment is "My-Shop"; a deployment is named [a-z][a-z0-9]*, and not as a folder with another meaning: contract, internal, main, testdata, vendor; write a name such as shop`,
	5036: `schemas/shop/prism.yaml:2:14: PRISM5036 [deployment.import_path] import_path is "/srv/shop"; import_path is the Go import path of the module's root; write the module's path as go.mod has it`,
	5037: `schemas/shop/prism.yaml:3:21: PRISM5037 [deployment.packages] no file has package cart.v1; packages are proto packages that have files, each once; correct the name, or remove it`,
	5038: `schemas/shop/prism.yaml:4:9: PRISM5038 [deployment.listen] 0.0.0.0:8980 can be reached from other machines; listen is a loopback address and a port: the proxy has no authentication yet; write 127.0.0.1:8980`,
}
