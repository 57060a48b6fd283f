package schema

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Rule is one thing that always holds for a schema, under the number that its
// diagnostics carry.
type Rule struct {
	Number   int
	Slug     string // key.missing
	Severity Severity
	Text     string
}

// NewDiagnostic returns the diagnostic of a rule; it panics when the table of
// rules has no such number.
func NewDiagnostic(number int, at Source, what, fix string) Diagnostic {
	rule, ok := FindRule(number)
	if !ok {
		panic(fmt.Sprintf("schema: no rule %d", number))
	}
	return Diagnostic{
		Number: number, Slug: rule.Slug, Severity: rule.Severity, Rule: rule.Text,
		File: at.File, Line: at.Line, Column: at.Column, What: what, Fix: fix,
	}
}

// FindRule returns the rule with a number.
func FindRule(number int) (Rule, bool) {
	for _, r := range rules {
		if r.Number == number {
			return r, true
		}
	}
	return Rule{}, false
}

// Rules returns all rules in the order of their numbers.
func Rules() []Rule { return slices.Clone(rules) }

//go:embed examples.txt
var examples string

// Examples returns a schema, or a prism.yaml, that breaks the rule and nothing
// else, and one that keeps it.
func (r Rule) Examples() (bad, good string) {
	return example(r.Number, "bad"), example(r.Number, "good")
}

func example(number int, kind string) string {
	_, text, _ := strings.Cut("\n"+examples, fmt.Sprintf("\n-- %d %s --\n", number, kind))
	text, _, _ = strings.Cut(text, "\n-- ")
	return strings.TrimSuffix(text, "\n") + "\n"
}

// rules are in the order of their numbers; a number is never given again.
var rules = []Rule{
	{1001, "name.collision", Error, "generated names differ"},
	{1002, "name.shape", Error, "messages are UpperCamelCase of letters and digits, while fields, columns, tables and indexes are [a-z][a-z0-9_]* and do not end with _; a field of another message begins with a letter"},
	{1003, "name.length", Error, "a name in the store, and that of an entity, has at most 63 bytes, any other at most 255"},
	{1005, "name.case", Error, "names of generated files differ in more than case"},
	{1007, "go.keyword", Error, "a Go package is not named as a keyword of Go, nor kept in a folder internal, testdata or vendor"},
	{1008, "json.name", Error, "a JSON name is of letters, digits and _ $ @ . : / -"},
	{1009, "name.reserved", Error, "names that begin with prism_, and those of the store's own, are reserved"},
	{2003, "type.recursive", Warning, "a record is at most 96 messages deep"},
	{2010, "key.missing", Error, "an entity has a partition key"},
	{2011, "key.order", Error, "the fields of the partition key, and those of the sort key, are numbered 1 to n, each once"},
	{2012, "key.type", Error, "a key is text, bytes, an integer, a bool, an open enum or a Timestamp"},
	{2013, "key.presence", Error, "every record has every field of its key"},
	{2014, "entity.abstraction", Error, "an entity has exactly one abstraction"},
	{2015, "namespace.name", Error, "a namespace is named [a-z][a-z0-9-]*, at most 63 bytes"},
	{2016, "entity.place", Error, "an entity is a top-level message"},
	{2018, "field.entity", Error, "field options other than pii stand only on top-level fields of entities"},
	{2020, "pii.index", Error, "personal data is found by equality only"},
	{2021, "pii.key", Error, "a key is not personal: it stands in logs, page tokens and other records"},
	{2022, "pii.type", Error, "personal data is not an enum and not a map"},
	{2023, "pii.protection", Error, "a binary never stores in the clear what its schema calls protected"},
	{2025, "pii.content", Error, "personal data is of a type: nothing says what Any, Struct, Value and ListValue hold"},
	{2026, "pii.category", Error, "personal data has a category"},
	{2030, "index.field", Error, "an index names top-level fields of its entity"},
	{2031, "index.shape", Error, "an index over several fields has a name, at least one equality field, each once, and is either unique or ordered"},
	{2032, "index.type", Error, "an indexed field is text, bytes, an integer, a bool, an open enum or a Timestamp"},
	{2033, "enum.closed", Error, "a key or indexed enum is open: an unknown number of a closed one is no value"},
	{2034, "type.messageset", Error, "MessageSet encoding is not served"},
	{2035, "column.type", Error, "a column holds a top-level singular scalar, enum or Timestamp"},
	{2036, "bounds.type", Error, "lengths bound singular text and bytes, a range bounds a singular integer"},
	{2037, "bounds.empty", Error, "some value lies within bounds"},
	{2038, "required.presence", Error, "required stands on text, and on fields whose absence can be told"},
	{2040, "limit.columns", Error, "an entity has at most 1,500 columns: a store has at most 1,600"},
	{2041, "limit.key", Error, "an encoded key, and an index entry with its key, is at most 1,024 bytes"},
	{2043, "index.presence", Warning, "a field without presence has a value in every record, so that only one record can leave it out"},
	{2045, "limit.parts", Error, "a key, and an index with its key, is at most 32 columns, a Timestamp counting as two"},
	{2046, "index.key", Error, "an index finds records by more than their key, which is found without it"},
	{2047, "key_value.without", Error, "what an entity does without is named once"},
	{3001, "option.unknown", Error, "every option is one that this compiler knows"},
	{3002, "option.range", Error, "a number in an option is within its limits"},
	{3003, "backend.unknown", Error, "a namespace is served by a backend of this compiler"},
	{3004, "namespace.unserved", Error, "every entity's namespace stands in prism.yaml"},
	{3005, "namespace.empty", Error, "a namespace in prism.yaml has entities"},
	{3006, "backend.setting", Error, "config holds the settings of its backend, each with a legal value"},
	{3007, "namespace.twice", Error, "a namespace is served by one backend"},
	{3008, "namespace.limits", Error, "limits are whole numbers: in_flight calls at a time, and in rates the calls in a second of a method of the namespace"},
	{3010, "backend.ability", Error, "a backend serves all that its entities ask for"},
	{3011, "durability", Error, "a backend promises at least what its entities need"},
	{4010, "lock.format", Error, "prism.lock.json is written by the compiler alone, in format 1 and under the rules of that format"},
	{4011, "lock.release", Error, "this release of the compiler plans a deployment's first migration only"},
	{4012, "lock.deployment", Error, "a history belongs to one deployment, whose name does not change"},
	{5001, "path.escape", Error, "a path stays in its folder"},
	{5002, "go.importpath", Error, "a go_package is a Go import path with a dot or a slash, and may name the package behind a semicolon"},
	{5003, "go.package", Error, "the go_package of a folder's files is <import_path>/out/contract/<folder>, where Prism generates their messages, or outside of out/contract, where you do"},
	{5004, "file.name", Error, "the parts of a schema file's path begin with a letter or a digit, go on with those and _ . -, have at most 200 bytes, and have no meaning of their own for a system or for Go"},
	{5010, "comment.directive", Warning, "comments are words: what a tool would act upon is put into quotes wherever it is written"},
	{5011, "comment.control", Warning, "comments are what a reader sees: control and bidi characters are left out wherever they are written"},
	{5020, "limit.descriptors", Error, "the descriptors of a run have at most 50 MiB"},
	{5021, "limit.messages", Error, "a run has at most 20,000 messages, none inside more than 30 others"},
	{5022, "plugin.parameter", Error, "the plugin has one parameter, config: the path of prism.yaml, or of its folder, from the module's root, where the plugin runs"},
	{5023, "output.foreign", Error, "the compiler replaces only what it has written"},
	{5024, "plugin.files", Error, "a run of the plugin generates all files of the packages in prism.yaml"},
	{5025, "plugin.options", Error, "the plugin is sent the options of the schema, which have source retention"},
	{5030, "secret.inline", Error, "prism.yaml holds no secret"},
	{5031, "yaml.syntax", Error, "prism.yaml is one YAML document"},
	{5032, "yaml.key", Error, "every key of prism.yaml is known, and written once"},
	{5033, "yaml.type", Error, "every key of prism.yaml has a value of its kind"},
	{5034, "yaml.missing", Error, "prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend"},
	{5035, "deployment.name", Error, "a deployment is named [a-z][a-z0-9]*, and not as a folder with another meaning: contract, internal, main, testdata, vendor"},
	{5036, "deployment.import_path", Error, "import_path is the Go import path of the module's root"},
	{5037, "deployment.packages", Error, "packages are proto packages that have files, each once"},
	{5038, "deployment.listen", Error, "listen is a loopback address and a port: the proxy has no authentication yet"},
	{5040, "yaml.needed", Error, "a deployment has a prism.yaml"},
	{5041, "deployment.import", Warning, "a file whose go_package is in out/contract is generated by the deployment, or by another one, that has its package"},
	{5042, "deployment.memory", Error, "memory is a whole number of MiB or GiB, from 64MiB to 1024GiB"},
}
