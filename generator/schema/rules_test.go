package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/source"
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

// beyondSchema are rules about what was released, the lock, the plugin's request, the files on
// disk, several packages, and what is too large to show; the tests of what reports them show them
// broken.
var beyondSchema = []int{schema.RuleEvolveKey, schema.RuleEvolveReuse, schema.RuleEvolveReserve, schema.RuleEvolveRequired, schema.RuleEvolveEnum, schema.RuleEvolveType, schema.RuleEvolvePII, schema.RuleEvolveBounds, schema.RuleEvolveDurability, schema.RuleEvolveContract, schema.RuleEvolveLifetime, schema.RuleEvolveStale, schema.RuleLockFormat, schema.RuleLockNewer, schema.RuleLockDeployment, schema.RuleLockBackend, schema.RuleLockNamespace, schema.RuleLockEntity, schema.RuleHistoryFile, schema.RuleHistorySum, schema.RuleReleaseEmpty, schema.RuleEvolveColumn, schema.RuleEvolveIndex, schema.RuleEvolveDestroy, schema.RuleLimitDescriptors, schema.RulePluginParameter, schema.RuleOutputForeign, schema.RulePluginFiles, schema.RulePluginOptions, schema.RuleOptionsCopy, schema.RuleYAMLNeeded, schema.RuleDeploymentImport}

// readExample reads a schema with the usual prism.yaml, a prism.yaml with the
// usual schema, or files of which only the names matter.
func readExample(t *testing.T, text string) (*schema.Deployment, []schema.Diagnostic) {
	t.Helper()
	if strings.Contains(text, "namespaces:") {
		return read(t, text, order)
	}
	if names, ok := strings.CutPrefix(text, "# files\n"); ok {
		files := map[string]string{}
		for i, name := range strings.Fields(names) {
			files[strings.TrimPrefix(name, "shop/v1/")] = file([]string{order, "message Line {}\n"}[i])
		}
		return readFiles(t, config, files)
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
	want := `shop/v1/b.proto:1:112: PRISM5003 [go.package] go_package of shop/v1/b.proto gives the package another name; the files of a folder have the go_package <import_path>/out/contract/<folder> if Prism generates their messages, and one outside out/contract if you do; write "example.com/shop/out/contract/shop/v1;shopv1", as the folder's other files do
`
	if got := lines(faults); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// Files whose messages the user generates stand in Go where the user says, a
// folder as a whole: mixed, packages could import each other.
func TestGoPackagePlace(t *testing.T) {
	const inside = "example.com/shop/out/contract/shop/v1;shopv1"
	tests := []struct {
		name, a, b string // go_package of a.proto and of b.proto
		want       string
	}{
		{"generated", inside, inside, ""},
		{"the user's", "example.com/gen/shop;shop", "example.com/gen/other", ""},
		{"mixed", inside, "example.com/gen/shop;shop", `b.proto is "example.com/gen/shop;shop", but that of shop/v1/a.proto is "` + inside + `"`},
		{"mixed the other way", "example.com/gen/shop;shop", inside, `b.proto is "` + inside + `", but that of shop/v1/a.proto`},
		{"elsewhere below out/contract", "example.com/shop/out/contract/x", "example.com/gen", `a.proto is "example.com/shop/out/contract/x"`},
		{"out/contract itself", "example.com/shop/out/contract", "example.com/gen", `a.proto is "example.com/shop/out/contract"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			with := func(option, text string) string {
				return strings.Replace(file(text), inside, strings.ReplaceAll(option, `"`, `\"`), 1)
			}
			d, faults := readFiles(t, config, map[string]string{"a.proto": with(tt.a, order), "b.proto": with(tt.b, "message B {}")})
			if (d != nil) != (tt.want == "") || tt.want != "" && (len(faults) != 1 || faults[0].Number != schema.RuleGoPackage || !strings.Contains(faults[0].What, tt.want)) {
				t.Errorf("faults %v, want one of PRISM5003 with %q", faults, tt.want)
			}
		})
	}
}

// What is imported from out/contract has to be generated: without its package
// in prism.yaml the proxy would not compile, and Go would not say why.
func TestImports(t *testing.T) {
	const option = "example.com/shop/out/contract/common/v1;commonv1"
	order := strings.Replace(file(order), "\n", "\nimport \"common/v1/money.proto\";\n", 1)
	const want = "shop/v1/order.proto:2:1: PRISM5041 [deployment.import] shop/v1/order.proto imports common/v1/money.proto, whose messages this deployment does not generate; " +
		"a file whose go_package is in out/contract is generated by a deployment that lists its package; add common.v1 to packages in prism.yaml\n"
	for _, tt := range []struct{ name, goPackage, packages, want string }{
		{"not served", option, "[shop.v1]", want},
		{"served", option, "[shop.v1, common.v1]", ""},
		{"the user's", "example.com/gen/common", "[shop.v1]", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := strings.Replace(config, "[shop.v1]", tt.packages, 1)
			money := fmt.Sprintf("syntax = \"proto3\"; package common.v1; option go_package = %q; message Money {}\n", tt.goPackage)
			descriptors, faults := source.Compile(t.Context(), []source.Folder{{Name: "schemas", FS: fstest.MapFS{
				"shop/v1/order.proto": {Data: []byte(order)}, "common/v1/money.proto": {Data: []byte(money)},
			}}}, schema.Packages([]byte(config)))
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			d, faults := schema.Read(schema.Input{Config: []byte(config), ConfigPath: configPath, Files: descriptors, Stores: backends})
			if got := lines(faults); d == nil || got != tt.want {
				t.Errorf("got  %swant %s", got, tt.want)
			}
		})
	}
}

// Names of files decide where generated files stand; those that could not
// stand there, or would not be compiled there, are refused.
func TestFileNames(t *testing.T) {
	tests := []struct{ name, want string }{
		{"order.proto", ""},
		{"a.b-c_d/order_line.v2.proto", ""},
		{"order_windowed.proto", ""},
		{"../order.proto", `has the part ".."`},
		{"-o.proto", `has the part "-o.proto"`},
		{"_order.proto", `has the part "_order.proto"`},
		{"o\nx.proto", `has the part "o\nx.proto"`},
		{"o x.proto", `has the part "o x.proto"`},
		{"CON.proto", "has the part CON.proto, which is a device on Windows"},
		{"nul/a.proto", "has the part nul, which is a device on Windows"},
		{strings.Repeat("o", 195) + ".proto", "has a part of 201 bytes"},
		{"order.txt", "does not end with .proto"},
		{"order_windows.proto", "ends with _windows, which Go compiles for that platform only"},
	}
	for _, tt := range tests {
		_, faults := schema.Read(schema.Input{
			Config: []byte(config), ConfigPath: configPath, Files: []protoreflect.FileDescriptor{named(t, "shop/v1/"+tt.name)}, Stores: backends,
		})
		got := ""
		for _, f := range faults {
			if f.Number == schema.RuleFileName {
				got = f.String()
			}
		}
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("%q: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Two files of one name come of names that are legal by themselves.
func TestGeneratedFiles(t *testing.T) {
	_, faults := readFiles(t, config, map[string]string{"order.proto": file(order), "order_prism.proto": file("message Line {}")})
	want := "shop/v1/order.proto:2:1: PRISM1001 [name.collision] shop/v1/order_prism.proto and entity shop.v1.Order both generate shop/v1/order_prism.pb.go; generated names are distinct; rename one\n"
	if got := lines(faults); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

// named returns an empty file, which no front end has checked.
func named(t *testing.T, path string) protoreflect.FileDescriptor {
	t.Helper()
	f, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{Name: &path, Package: proto.String("shop.v1"), Syntax: proto.String("proto3")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// exampleFaults are what the bad examples give; the text of a schema begins in
// line 2.
var exampleFaults = map[int]string{
	1001: `shop/v1/order.proto:2:1: PRISM1001 [name.collision] entity shop.v1.Order generates shop.v1.OrderService, which stands at shop/v1/order.proto:9:1; and shop.v1.GetOrderRequest, which stands at shop/v1/order.proto:13:1; generated names are distinct; write option (prism.v1.file).contract_package = "shop.data.v1" in every file of package shop.v1`,
	1002: `shop/v1/order.proto:6:22: PRISM1002 [name.shape] column of status is "Status"; names of entities are UpperCamelCase letters and digits, and names of columns, tables and indexes match [a-z][a-z0-9_]* and do not end with _; write (prism.v1.field).column = {name: "…"}, as in user_id`,
	1003: `shop/v1/order.proto:2:1: PRISM1003 [name.length] OrderOfCustomersWhoSignedUpBefor… has 68 bytes; names of entities have at most 63 bytes, and names of tables and columns at most 255; write a shorter name`,
	1005: `shop/v1/order.proto: PRISM1005 [name.case] shop/v1/Order.proto generates shop/v1/Order.pb.go, and shop/v1/order.proto generates shop/v1/order.pb.go; names of generated files differ in more than case; rename one`,
	1007: `shop/v1/order.proto:2:1: PRISM1007 [go.keyword] go_package of shop/v1/order.proto names the package func; a Go package is not named after a Go keyword, and stands where Go lets generated code import it; write another name after the semicolon`,
	1008: `shop/v1/order.proto:6:20: PRISM1008 [json.name] the JSON name of note is "note\",omitempty"; a JSON name consists of letters, digits and _ $ @ . : / -; write another json_name`,
	1009: `shop/v1/order.proto:6:3: PRISM1009 [name.reserved] column of prism_note is named prism_note; names of tables and columns that begin with prism_ are reserved; write (prism.v1.field).column = {name: "…"}`,
	1010: `shop/v1/order.proto:2:1: PRISM1010 [contract.package] contract_package of shop/v1/order.proto is "shop.v1", which is the package of shop/v1/order.proto; the files of a package name one contract_package, in lower case, which is no package of the schema's; write option (prism.v1.file).contract_package = "shop.data.v1" in every file of package shop.v1`,
	2003: `shop/v1/order.proto:10:3: PRISM2003 [type.recursive] shop.v1.Line.parts contains shop.v1.Line again; messages in a record are nested at most 96 deep; limit the depth in the code that writes it`,
	2010: `shop/v1/order.proto:2:1: PRISM2010 [key.missing] entity shop.v1.Order has no partition key; an entity has a partition key; write [(prism.v1.field).partition_key = 1] on the field that identifies it`,
	2011: `shop/v1/order.proto:6:21: PRISM2011 [key.order] partition_key is 3 on number, the 2nd of 2; the fields of the partition key are numbered 1 to n, each number once, and so are those of the sort key; write partition_key = 2`,
	2012: `shop/v1/order.proto:5:22: PRISM2012 [key.type] key field weight is of type double; a key field is text, bytes, an integer, a bool, an open enum or a Timestamp; choose a field of another type`,
	2013: `shop/v1/order.proto:5:30: PRISM2013 [key.presence] key field number may be absent; every record has every field of its key; remove optional, or add (prism.v1.field).required = true`,
	2014: `shop/v1/order.proto:2:1: PRISM2014 [entity.abstraction] entity shop.v1.Order has no abstraction; an entity has exactly one abstraction; write option (prism.v1.entity).key_value = {}`,
	2015: `shop/v1/order.proto:3:3: PRISM2015 [namespace.name] namespace is "Orders"; the name of a namespace matches [a-z][a-z0-9-]* and has at most 63 bytes; write a name such as user-profiles`,
	2016: `shop/v1/order.proto:4:5: PRISM2016 [entity.place] entity shop.v1.Shop.Order is nested in another message; an entity is a top-level message; move the message to the top level of the file`,
	2018: `shop/v1/order.proto:10:19: PRISM2018 [field.entity] index is set on field sku of shop.v1.Line, which is not an entity; field options other than pii and bounds are allowed only on top-level fields of entities; remove it, or make the message an entity`,
	2020: `shop/v1/order.proto:7:5: PRISM2020 [pii.index] index phone orders by phone, which is personal data; personal data is indexed for equality only; index it for equality`,
	2021: `shop/v1/order.proto:8:5: PRISM2021 [pii.key] key field email is personal data; a key holds no personal data, because it appears in logs, page tokens and other records; use a surrogate key, such as a random id, and an index on this field`,
	2022: `shop/v1/order.proto:6:35: PRISM2022 [pii.type] pii is set on map phones, whose keys would be personal data; personal data is neither an enum nor a map; write pii on fields of the map's value, or use a repeated message`,
	2023: `shop/v1/order.proto:6:60: PRISM2023 [pii.protection] ENCRYPT of card is not built yet; a proxy never stores in the clear what its schema declares protected; write MASK, or keep the field out of the schema until then`,
	2025: `shop/v1/order.proto:7:39: PRISM2025 [pii.content] pii is set on answers, which has type google.protobuf.Struct; personal data has a definite type, and Any, Struct, Value and ListValue can hold anything; use a message with fields of its own`,
	2026: `shop/v1/order.proto:6:20: PRISM2026 [pii.category] pii of note has no category; personal data has a category; write pii.category = CUSTOM, or a closer one`,
	2030: `shop/v1/order.proto:7:16: PRISM2030 [index.field] index state names "statsu", which Order does not have; an index names top-level fields of its entity; did you mean status?`,
	2031: `shop/v1/order.proto:8:5: PRISM2031 [index.shape] index number of Order is unique and ordered; an index over several fields has a name and at least one equality field, names no field twice, and is not both unique and ordered; move the field to equality, or remove unique`,
	2032: `shop/v1/order.proto:6:21: PRISM2032 [index.type] indexed field price is of type double; an indexed field is text, bytes, an integer, a bool, an open enum or a Timestamp; choose a field of another type`,
	2033: `shop/v1/order.proto:11:31: PRISM2033 [enum.closed] status has the closed enum type shop.v1.Status; an enum in a key or an index is open, because an unknown number is not a value of a closed enum; use an enum of a proto3 file, or with features.enum_type = OPEN`,
	2034: `shop/v1/example.proto:4:3: PRISM2034 [type.messageset] message Old has message_set_wire_format; MessageSet encoding is not supported; remove the option`,
	2035: `shop/v1/order.proto:6:29: PRISM2035 [column.type] column is set on tags, which has type repeated string; a column holds a top-level singular scalar, enum or Timestamp; remove it`,
	2036: `shop/v1/order.proto:6:20: PRISM2036 [bounds.type] max_length is set on count, which has type int64; min_length and max_length apply to text and bytes, range to integers, and min_items and max_items to lists and maps; remove it`,
	2037: `shop/v1/order.proto:6:20: PRISM2037 [bounds.empty] min 9 of count is above max 1; bounds allow at least one value; swap them`,
	2038: `shop/v1/order.proto:6:20: PRISM2038 [required.presence] an absent count cannot be told apart from its zero value; required applies to text and to fields with presence, and min_items to lists and maps; mark the field optional, or remove required`,
	2041: `shop/v1/order.proto:5:3: PRISM2041 [limit.key] id is in key and has no max_length; an encoded key, or an index entry with its key, has at most 1,024 bytes; write (prism.v1.field).max_length, at most 1022, or less where other fields are in the key or index, too`,
	2043: `shop/v1/order.proto:6:20: PRISM2043 [index.presence] unique index code of Order is on a field without presence; a field without presence has a value in every record, so only one record can leave it unset; mark the field optional, or required`,
	2046: `shop/v1/order.proto:5:3: PRISM2046 [index.key] index number of Order contains the whole key; an index does not contain the whole key, which needs no index; remove the index, or the key's fields from it`,
	2047: `shop/v1/order.proto:7:7: PRISM2047 [key_value.without] entity Order lists SCAN twice under without; without lists each part once; remove one`,
	2048: `shop/v1/order.proto:9:3: PRISM2048 [bounds.unused] no entity contains shop.v1.Line, whose sku is bounded; bounds are checked in records, so they stand in messages that an entity contains; use the message in an entity, or remove its bounds`,
	2049: `shop/v1/order.proto:5:43: PRISM2049 [acknowledge.shape] an acknowledgement of Order names rule "evolve.typo"; an acknowledgement names a rule of evolution that gives way to one, and has a reason; write one of evolve.reuse, evolve.reserve, evolve.required, evolve.enum, evolve.type, evolve.pii, evolve.bounds, evolve.durability, evolve.contract, evolve.lifetime`,
	3001: `shop/v1/order.proto:5:28: PRISM3001 [option.unknown] message shop.v1.Order: option (prism.v1.entity).colour: field colour of prism.v1.Entity does not exist; a schema uses only options that this compiler knows; correct the name, or use a newer compiler`,
	3002: `shop/v1/order.proto:5:3: PRISM3002 [option.range] ttl of Order is 1ms; a number in an option is within its limits; write 1 s to 10 years in whole milliseconds`,
	3003: `schemas/shop/prism.yaml:6:14: PRISM3003 [backend.unknown] backend "sqlit" is unknown; a namespace names a backend that this compiler has; known: memory, nats, postgres, sqlite; did you mean sqlite?`,
	3004: `shop/v1/order.proto:3:3: PRISM3004 [namespace.unserved] schemas/shop/prism.yaml has no namespace "order"; every entity's namespace is listed in prism.yaml; add {name: order, backend: …} to namespaces; did you mean orders?`,
	3005: `schemas/shop/prism.yaml:7:11: PRISM3005 [namespace.empty] no entity in the packages has namespace "carts"; every namespace in prism.yaml has at least one entity; remove it, or write it on an entity`,
	3006: `schemas/shop/prism.yaml:7:27: PRISM3006 [backend.setting] synchronous of backend sqlite is "OFF"; config holds settings of the namespace's backend, with valid values; write one of FULL, NORMAL`,
	3007: `schemas/shop/prism.yaml:7:11: PRISM3007 [namespace.twice] namespace "orders" is declared twice; a namespace is listed once and has one backend; remove one`,
	3008: `schemas/shop/prism.yaml:9:9: PRISM3008 [namespace.limits] namespace "orders" has no method GetOrders; limits are whole numbers: in_flight is how many calls may run at a time, and rates is how many calls per second each method may get; did you mean GetOrder?`,
	3010: `shop/v1/order.proto:4:3: PRISM3010 [backend.ability] key_value of Order needs scans, which nats does not support: the subjects of a stream have no order; a backend supports everything that its entities ask for; write without: SCAN, or choose one of memory, postgres, sqlite in prism.yaml`,
	3011: `shop/v1/order.proto:5:3: PRISM3011 [durability] entity shop.v1.Order needs POWER_SAFE, but memory as configured in namespace orders promises LOST_ON_RESTART; a backend promises at least what its entities need; choose another backend or setting in prism.yaml, or declare LOST_ON_RESTART`,
	3012: `shop/v1/order.proto:5:3: PRISM3012 [backend.limit] table sqlite_orders begins with sqlite_, which the database reserves; a backend stores only what its database has names and room for; write another name`,
	3014: `schemas/shop/prism.yaml:7:19: PRISM3014 [setting.shell] url of backend postgres has a $ before a name; a reference is written ${env:NAME} or ${file:path}; $NAME and $(NAME) stand for themselves; write ${env:NAME}, or %24 for a $ that is meant`,
	5001: `shop/v1/order.proto:2:1: PRISM5001 [path.escape] go_package of shop/v1/order.proto is "example.com/shop/../../../srv/x;shopv1"; a path does not lead out of its folder; write option go_package = "example.com/shop/out/contract/shop/v1;shopv1"`,
	5002: `shop/v1/order.proto:2:1: PRISM5002 [go.importpath] go_package of shop/v1/order.proto is "/srv/shop;shopv1"; a file whose Go messages are imported has a go_package, or one in prism.yaml: a Go import path with a dot or a slash, which may end in a semicolon and the name of the package; write option go_package = "example.com/shop/out/contract/shop/v1;shopv1"`,
	5003: `shop/v1/order.proto:2:1: PRISM5003 [go.package] go_package of shop/v1/order.proto is "example.com/shop/out/contract/shop;shopv1"; the files of a folder have the go_package <import_path>/out/contract/<folder> if Prism generates their messages, and one outside out/contract if you do; write option go_package = "example.com/shop/out/contract/shop/v1;shopv1"`,
	5004: `shop/v1/-o.proto: PRISM5004 [file.name] "shop/v1/-o.proto" has the part "-o.proto"; each part of the path of a file that has entities, or whose Go is generated, begins with a letter or a digit, continues with letters, digits and _ . -, has at most 200 bytes, and has no special meaning to an operating system or to Go; rename it, as in shop/v1/user_profile.proto`,
	5006: `shop/v1/order.proto:2:8: PRISM5006 [import.missing] google/type/mony.proto is not in schemas, and does not come with the compiler; an import is the path of a file in the folder where the schema's imports begin, in one of import_paths, or of one that comes with the compiler: protobuf's own, prism/v1/options.proto, and google/api, google/rpc and google/type; correct the path, or add the folder in which google/type/mony.proto stands to import_paths in prism.yaml`,
	5007: `shop/v1/order.proto:1:11: PRISM5007 [edition] edition value "2024" not recognized; should be one of ["2023"]; a file is of proto2, proto3 or edition 2023; write edition = "2023"; or syntax = "proto3";`,
	5008: `shop/v1/example.proto:3:16: PRISM5008 [proto.language] tag number 0 must be greater than zero; a .proto file is what the protobuf language allows; write a number from 1 to 536870911 that is not in 19000 to 19999`,
	5010: `shop/v1/order.proto:7:3: PRISM5010 [comment.directive] a comment contains the line "go:generate rm -r ."; a comment is only text: generated files quote any line that a tool would act on; rephrase it`,
	5011: `shop/v1/order.proto:7:3: PRISM5011 [comment.control] a comment contains invisible characters; a comment is only what a reader sees: generated files leave out control and bidi characters; remove them`,
	5021: `shop/v1/order.proto:9:43: PRISM5021 [limit.messages] message nesting depth must be less than 32; one run has at most 20,000 messages, each nested in at most 30 others; use flatter messages`,
	5030: `schemas/shop/prism.yaml:8:12: PRISM5030 [secret.inline] url of backend postgres holds a password; prism.yaml contains no secrets; write ${env:NAME} or ${file:path} instead`,
	5031: `schemas/shop/prism.yaml:6:4: PRISM5031 [yaml.syntax] did not find expected '-' indicator; prism.yaml is one YAML document; indent the line as the key or the element that it belongs to; an element of a list begins with -`,
	5032: `schemas/shop/prism.yaml:4:1: PRISM5032 [yaml.key] key "listn" is unknown; prism.yaml has only known keys, each at most once; known: deployment, import_path, packages, listen, memory, namespaces, drop_tables, test_kit, contract, root, import_paths, go_packages; did you mean listen?`,
	5033: `schemas/shop/prism.yaml:3:11: PRISM5033 [yaml.type] packages is not a list; every key in prism.yaml has a value of the right type; write a list`,
	5034: `schemas/shop/prism.yaml:1:1: PRISM5034 [yaml.missing] deployment is missing; prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend; write deployment: …`,
	5035: `schemas/shop/prism.yaml:1:13: PRISM5035 [deployment.name] deployment is "My-Shop"; the name of a deployment matches [a-z][a-z0-9]* and is not that of a folder with another meaning: contract, internal, main, testdata, vendor; write a name such as shop`,
	5036: `schemas/shop/prism.yaml:2:14: PRISM5036 [deployment.import_path] import_path is "/srv/shop"; import_path is the Go import path of the module's root; write the module's path as go.mod has it`,
	5037: `schemas/shop/prism.yaml:3:21: PRISM5037 [deployment.packages] no file has package cart.v1; packages lists proto packages that have files, each once; correct the name, or remove it`,
	5038: `schemas/shop/prism.yaml:4:9: PRISM5038 [deployment.listen] 0.0.0.0:8980 can be reached from other machines; listen is a loopback address and a port, or unix: and a path, because the proxy has no authentication yet; write 127.0.0.1:8980 or unix:/run/name.sock`,
	5042: `schemas/shop/prism.yaml:4:9: PRISM5042 [deployment.memory] memory is "256 MB"; memory is a whole number of MiB or GiB, from 64MiB to 1024GiB; write a size such as 256MiB`,
}
