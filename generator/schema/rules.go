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

// Numbers of rules, each named after the rule's slug. A number is never given
// again.
const (
	RuleNameCollision        = 1001
	RuleNameShape            = 1002
	RuleNameLength           = 1003
	RuleNameCase             = 1005
	RuleGoKeyword            = 1007
	RuleJSONName             = 1008
	RuleNameReserved         = 1009
	RuleTypeRecursive        = 2003
	RuleKeyMissing           = 2010
	RuleKeyOrder             = 2011
	RuleKeyType              = 2012
	RuleKeyPresence          = 2013
	RuleEntityAbstraction    = 2014
	RuleNamespaceName        = 2015
	RuleEntityPlace          = 2016
	RuleFieldEntity          = 2018
	RulePIIIndex             = 2020
	RulePIIKey               = 2021
	RulePIIType              = 2022
	RulePIIProtection        = 2023
	RulePIIContent           = 2025
	RulePIICategory          = 2026
	RuleIndexField           = 2030
	RuleIndexShape           = 2031
	RuleIndexType            = 2032
	RuleEnumClosed           = 2033
	RuleTypeMessageset       = 2034
	RuleColumnType           = 2035
	RuleBoundsType           = 2036
	RuleBoundsEmpty          = 2037
	RuleRequiredPresence     = 2038
	RuleLimitColumns         = 2040
	RuleLimitKey             = 2041
	RuleIndexPresence        = 2043
	RuleLimitParts           = 2045
	RuleIndexKey             = 2046
	RuleKeyValueWithout      = 2047
	RuleOptionUnknown        = 3001
	RuleOptionRange          = 3002
	RuleBackendUnknown       = 3003
	RuleNamespaceUnserved    = 3004
	RuleNamespaceEmpty       = 3005
	RuleBackendSetting       = 3006
	RuleNamespaceTwice       = 3007
	RuleNamespaceLimits      = 3008
	RuleBackendAbility       = 3010
	RuleDurability           = 3011
	RuleLockFormat           = 4010
	RuleLockRelease          = 4011
	RuleLockDeployment       = 4012
	RulePathEscape           = 5001
	RuleGoImportpath         = 5002
	RuleGoPackage            = 5003
	RuleFileName             = 5004
	RuleCommentDirective     = 5010
	RuleCommentControl       = 5011
	RuleLimitDescriptors     = 5020
	RuleLimitMessages        = 5021
	RulePluginParameter      = 5022
	RuleOutputForeign        = 5023
	RulePluginFiles          = 5024
	RulePluginOptions        = 5025
	RuleSecretInline         = 5030
	RuleYAMLSyntax           = 5031
	RuleYAMLKey              = 5032
	RuleYAMLType             = 5033
	RuleYAMLMissing          = 5034
	RuleDeploymentName       = 5035
	RuleDeploymentImportPath = 5036
	RuleDeploymentPackages   = 5037
	RuleDeploymentListen     = 5038
	RuleYAMLNeeded           = 5040
	RuleDeploymentImport     = 5041
	RuleDeploymentMemory     = 5042
)

// rules are in the order of their numbers.
var rules = []Rule{
	{RuleNameCollision, "name.collision", Error, "generated names differ"},
	{RuleNameShape, "name.shape", Error, "messages are UpperCamelCase of letters and digits, while fields, columns, tables and indexes are [a-z][a-z0-9_]* and do not end with _; a field of another message begins with a letter"},
	{RuleNameLength, "name.length", Error, "a name in the store, and that of an entity, has at most 63 bytes, any other at most 255"},
	{RuleNameCase, "name.case", Error, "names of generated files differ in more than case"},
	{RuleGoKeyword, "go.keyword", Error, "a Go package is not named as a keyword of Go, nor kept in a folder internal, testdata or vendor"},
	{RuleJSONName, "json.name", Error, "a JSON name is of letters, digits and _ $ @ . : / -"},
	{RuleNameReserved, "name.reserved", Error, "names that begin with prism_, and those of the store's own, are reserved"},
	{RuleTypeRecursive, "type.recursive", Warning, "a record is at most 96 messages deep"},
	{RuleKeyMissing, "key.missing", Error, "an entity has a partition key"},
	{RuleKeyOrder, "key.order", Error, "the fields of the partition key, and those of the sort key, are numbered 1 to n, each once"},
	{RuleKeyType, "key.type", Error, "a key is text, bytes, an integer, a bool, an open enum or a Timestamp"},
	{RuleKeyPresence, "key.presence", Error, "every record has every field of its key"},
	{RuleEntityAbstraction, "entity.abstraction", Error, "an entity has exactly one abstraction"},
	{RuleNamespaceName, "namespace.name", Error, "a namespace is named [a-z][a-z0-9-]*, at most 63 bytes"},
	{RuleEntityPlace, "entity.place", Error, "an entity is a top-level message"},
	{RuleFieldEntity, "field.entity", Error, "field options other than pii stand only on top-level fields of entities"},
	{RulePIIIndex, "pii.index", Error, "personal data is found by equality only"},
	{RulePIIKey, "pii.key", Error, "a key is not personal: it stands in logs, page tokens and other records"},
	{RulePIIType, "pii.type", Error, "personal data is not an enum and not a map"},
	{RulePIIProtection, "pii.protection", Error, "a binary never stores in the clear what its schema calls protected"},
	{RulePIIContent, "pii.content", Error, "personal data is of a type: nothing says what Any, Struct, Value and ListValue hold"},
	{RulePIICategory, "pii.category", Error, "personal data has a category"},
	{RuleIndexField, "index.field", Error, "an index names top-level fields of its entity"},
	{RuleIndexShape, "index.shape", Error, "an index over several fields has a name, at least one equality field, each once, and is either unique or ordered"},
	{RuleIndexType, "index.type", Error, "an indexed field is text, bytes, an integer, a bool, an open enum or a Timestamp"},
	{RuleEnumClosed, "enum.closed", Error, "a key or indexed enum is open: an unknown number of a closed one is no value"},
	{RuleTypeMessageset, "type.messageset", Error, "MessageSet encoding is not served"},
	{RuleColumnType, "column.type", Error, "a column holds a top-level singular scalar, enum or Timestamp"},
	{RuleBoundsType, "bounds.type", Error, "lengths bound singular text and bytes, a range bounds a singular integer"},
	{RuleBoundsEmpty, "bounds.empty", Error, "some value lies within bounds"},
	{RuleRequiredPresence, "required.presence", Error, "required stands on text, and on fields whose absence can be told"},
	{RuleLimitColumns, "limit.columns", Error, "an entity has at most 1,500 columns: a store has at most 1,600"},
	{RuleLimitKey, "limit.key", Error, "an encoded key, and an index entry with its key, is at most 1,024 bytes"},
	{RuleIndexPresence, "index.presence", Warning, "a field without presence has a value in every record, so that only one record can leave it out"},
	{RuleLimitParts, "limit.parts", Error, "a key, and an index with its key, is at most 32 columns, a Timestamp counting as two"},
	{RuleIndexKey, "index.key", Error, "an index finds records by more than their key, which is found without it"},
	{RuleKeyValueWithout, "key_value.without", Error, "what an entity does without is named once"},
	{RuleOptionUnknown, "option.unknown", Error, "every option is one that this compiler knows"},
	{RuleOptionRange, "option.range", Error, "a number in an option is within its limits"},
	{RuleBackendUnknown, "backend.unknown", Error, "a namespace is served by a backend of this compiler"},
	{RuleNamespaceUnserved, "namespace.unserved", Error, "every entity's namespace stands in prism.yaml"},
	{RuleNamespaceEmpty, "namespace.empty", Error, "a namespace in prism.yaml has entities"},
	{RuleBackendSetting, "backend.setting", Error, "config holds the settings of its backend, each with a legal value"},
	{RuleNamespaceTwice, "namespace.twice", Error, "a namespace is served by one backend"},
	{RuleNamespaceLimits, "namespace.limits", Error, "limits are whole numbers: in_flight calls at a time, and in rates the calls in a second of a method of the namespace"},
	{RuleBackendAbility, "backend.ability", Error, "a backend serves all that its entities ask for"},
	{RuleDurability, "durability", Error, "a backend promises at least what its entities need"},
	{RuleLockFormat, "lock.format", Error, "prism.lock.json is written by the compiler alone, in format 1 and under the rules of that format"},
	{RuleLockRelease, "lock.release", Error, "this release of the compiler plans a deployment's first migration only"},
	{RuleLockDeployment, "lock.deployment", Error, "a history belongs to one deployment, whose name does not change"},
	{RulePathEscape, "path.escape", Error, "a path stays in its folder"},
	{RuleGoImportpath, "go.importpath", Error, "a go_package is a Go import path with a dot or a slash, and may name the package behind a semicolon"},
	{RuleGoPackage, "go.package", Error, "the go_package of a folder's files is <import_path>/out/contract/<folder>, where Prism generates their messages, or outside of out/contract, where you do"},
	{RuleFileName, "file.name", Error, "the parts of a schema file's path begin with a letter or a digit, go on with those and _ . -, have at most 200 bytes, and have no meaning of their own for a system or for Go"},
	{RuleCommentDirective, "comment.directive", Warning, "comments are words: what a tool would act upon is put into quotes wherever it is written"},
	{RuleCommentControl, "comment.control", Warning, "comments are what a reader sees: control and bidi characters are left out wherever they are written"},
	{RuleLimitDescriptors, "limit.descriptors", Error, "the descriptors of a run have at most 50 MiB"},
	{RuleLimitMessages, "limit.messages", Error, "a run has at most 20,000 messages, none inside more than 30 others"},
	{RulePluginParameter, "plugin.parameter", Error, "the plugin has one parameter, config: the path of prism.yaml, or of its folder, from the module's root, where the plugin runs"},
	{RuleOutputForeign, "output.foreign", Error, "the compiler replaces only what it has written"},
	{RulePluginFiles, "plugin.files", Error, "a run of the plugin generates all files of the packages in prism.yaml"},
	{RulePluginOptions, "plugin.options", Error, "the plugin is sent the options of the schema, which have source retention"},
	{RuleSecretInline, "secret.inline", Error, "prism.yaml holds no secret"},
	{RuleYAMLSyntax, "yaml.syntax", Error, "prism.yaml is one YAML document"},
	{RuleYAMLKey, "yaml.key", Error, "every key of prism.yaml is known, and written once"},
	{RuleYAMLType, "yaml.type", Error, "every key of prism.yaml has a value of its kind"},
	{RuleYAMLMissing, "yaml.missing", Error, "prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend"},
	{RuleDeploymentName, "deployment.name", Error, "a deployment is named [a-z][a-z0-9]*, and not as a folder with another meaning: contract, internal, main, testdata, vendor"},
	{RuleDeploymentImportPath, "deployment.import_path", Error, "import_path is the Go import path of the module's root"},
	{RuleDeploymentPackages, "deployment.packages", Error, "packages are proto packages that have files, each once"},
	{RuleDeploymentListen, "deployment.listen", Error, "listen is a loopback address and a port: the proxy has no authentication yet"},
	{RuleYAMLNeeded, "yaml.needed", Error, "a deployment has a prism.yaml"},
	{RuleDeploymentImport, "deployment.import", Warning, "a file whose go_package is in out/contract is generated by the deployment, or by another one, that has its package"},
	{RuleDeploymentMemory, "deployment.memory", Error, "memory is a whole number of MiB or GiB, from 64MiB to 1024GiB"},
}
