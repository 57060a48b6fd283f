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

//go:embed moving.md
var moving string

// Guide returns what one does who breaks the rule on purpose, as Markdown, or "": it
// is what docs/moving.md says of that.
func (r Rule) Guide() string {
	switch r.Number {
	case RuleLockBackend, RuleLockNamespace, RuleLockEntity:
		return moving
	}
	return ""
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
	RuleContractPackage      = 1010
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
	RuleLimitKey             = 2041
	RuleIndexPresence        = 2043
	RuleIndexKey             = 2046
	RuleKeyValueWithout      = 2047
	RuleBoundsUnused         = 2048
	RuleAcknowledgeShape     = 2049
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
	RuleBackendLimit         = 3012
	RuleSettingShell         = 3014
	RuleEvolveKey            = 4001
	RuleEvolveReuse          = 4002
	RuleEvolveReserve        = 4003
	RuleEvolveRequired       = 4004
	RuleEvolveEnum           = 4005
	RuleEvolveType           = 4006
	RuleEvolvePII            = 4007
	RuleEvolveBounds         = 4008
	RuleEvolveDurability     = 4009
	RuleLockFormat           = 4010
	RuleLockNewer            = 4011
	RuleLockDeployment       = 4012
	RuleLockBackend          = 4013
	RuleLockNamespace        = 4014
	RuleLockEntity           = 4015
	RuleHistoryFile          = 4016
	RuleHistorySum           = 4017
	RuleReleaseEmpty         = 4018
	RuleEvolveColumn         = 4019
	RuleEvolveIndex          = 4020
	RuleEvolveDestroy        = 4021
	RuleEvolveContract       = 4030
	RuleEvolveLifetime       = 4031
	RuleEvolveStale          = 4032
	RulePathEscape           = 5001
	RuleGoImportpath         = 5002
	RuleGoPackage            = 5003
	RuleFileName             = 5004
	RuleImportMissing        = 5006
	RuleEdition              = 5007
	RuleProtoLanguage        = 5008
	RuleCommentDirective     = 5010
	RuleCommentControl       = 5011
	RuleLimitDescriptors     = 5020
	RuleLimitMessages        = 5021
	RulePluginParameter      = 5022
	RuleOutputForeign        = 5023
	RulePluginFiles          = 5024
	RulePluginOptions        = 5025
	RuleOptionsCopy          = 5026
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
	{RuleNameCollision, "name.collision", Error, "generated names are distinct"},
	{RuleNameShape, "name.shape", Error, "names of entities are UpperCamelCase letters and digits, and names of columns, tables and indexes match [a-z][a-z0-9_]* and do not end with _"},
	{RuleNameLength, "name.length", Error, "names of entities have at most 63 bytes, and names of tables and columns at most 255"},
	{RuleNameCase, "name.case", Error, "names of generated files differ in more than case"},
	{RuleGoKeyword, "go.keyword", Error, "a Go package is not named after a Go keyword, and stands where Go lets generated code import it"},
	{RuleJSONName, "json.name", Error, "a JSON name consists of letters, digits and _ $ @ . : / -"},
	{RuleNameReserved, "name.reserved", Error, "names of tables and columns that begin with prism_ are reserved"},
	{RuleContractPackage, "contract.package", Error, "the files of a package name one contract_package, in lower case, which is no package of the schema's"},
	{RuleTypeRecursive, "type.recursive", Warning, "messages in a record are nested at most 96 deep"},
	{RuleKeyMissing, "key.missing", Error, "an entity has a partition key"},
	{RuleKeyOrder, "key.order", Error, "the fields of the partition key are numbered 1 to n, each number once, and so are those of the sort key"},
	{RuleKeyType, "key.type", Error, "a key field is text, bytes, an integer, a bool, an open enum or a Timestamp"},
	{RuleKeyPresence, "key.presence", Error, "every record has every field of its key"},
	{RuleEntityAbstraction, "entity.abstraction", Error, "an entity has exactly one abstraction"},
	{RuleNamespaceName, "namespace.name", Error, "the name of a namespace matches [a-z][a-z0-9-]* and has at most 63 bytes"},
	{RuleEntityPlace, "entity.place", Error, "an entity is a top-level message"},
	{RuleFieldEntity, "field.entity", Error, "field options other than pii and bounds are allowed only on top-level fields of entities"},
	{RulePIIIndex, "pii.index", Error, "personal data is indexed for equality only"},
	{RulePIIKey, "pii.key", Error, "a key holds no personal data, because it appears in logs, page tokens and other records"},
	{RulePIIType, "pii.type", Error, "personal data is neither an enum nor a map"},
	{RulePIIProtection, "pii.protection", Error, "a proxy never stores in the clear what its schema declares protected"},
	{RulePIIContent, "pii.content", Error, "personal data has a definite type, and Any, Struct, Value and ListValue can hold anything"},
	{RulePIICategory, "pii.category", Error, "personal data has a category"},
	{RuleIndexField, "index.field", Error, "an index names top-level fields of its entity"},
	{RuleIndexShape, "index.shape", Error, "an index over several fields has a name and at least one equality field, names no field twice, and is not both unique and ordered"},
	{RuleIndexType, "index.type", Error, "an indexed field is text, bytes, an integer, a bool, an open enum or a Timestamp"},
	{RuleEnumClosed, "enum.closed", Error, "an enum in a key or an index is open, because an unknown number is not a value of a closed enum"},
	{RuleTypeMessageset, "type.messageset", Error, "MessageSet encoding is not supported"},
	{RuleColumnType, "column.type", Error, "a column holds a top-level singular scalar, enum or Timestamp"},
	{RuleBoundsType, "bounds.type", Error, "min_length and max_length apply to text and bytes, range to integers, and min_items and max_items to lists and maps"},
	{RuleBoundsEmpty, "bounds.empty", Error, "bounds allow at least one value"},
	{RuleRequiredPresence, "required.presence", Error, "required applies to text and to fields with presence, and min_items to lists and maps"},
	{RuleLimitKey, "limit.key", Error, "an encoded key, or an index entry with its key, has at most 1,024 bytes"},
	{RuleIndexPresence, "index.presence", Warning, "a field without presence has a value in every record, so only one record can leave it unset"},
	{RuleIndexKey, "index.key", Error, "an index does not contain the whole key, which needs no index"},
	{RuleKeyValueWithout, "key_value.without", Error, "without lists each part once"},
	{RuleBoundsUnused, "bounds.unused", Warning, "bounds are checked in records, so they stand in messages that an entity contains"},
	{RuleAcknowledgeShape, "acknowledge.shape", Error, "an acknowledgement names a rule of evolution that gives way to one, and has a reason"},
	{RuleOptionUnknown, "option.unknown", Error, "a schema uses only options that this compiler knows"},
	{RuleOptionRange, "option.range", Error, "a number in an option is within its limits"},
	{RuleBackendUnknown, "backend.unknown", Error, "a namespace names a backend that this compiler has"},
	{RuleNamespaceUnserved, "namespace.unserved", Error, "every entity's namespace is listed in prism.yaml"},
	{RuleNamespaceEmpty, "namespace.empty", Error, "every namespace in prism.yaml has at least one entity"},
	{RuleBackendSetting, "backend.setting", Error, "config holds settings of the namespace's backend, with valid values"},
	{RuleNamespaceTwice, "namespace.twice", Error, "a namespace is listed once and has one backend"},
	{RuleNamespaceLimits, "namespace.limits", Error, "limits are whole numbers: in_flight is how many calls may run at a time, and rates is how many calls per second each method may get"},
	{RuleBackendAbility, "backend.ability", Error, "a backend supports everything that its entities ask for"},
	{RuleDurability, "durability", Error, "a backend promises at least what its entities need"},
	{RuleBackendLimit, "backend.limit", Error, "a backend stores only what its database has names and room for"},
	{RuleSettingShell, "setting.shell", Warning, "a reference is written ${env:NAME} or ${file:path}; $NAME and $(NAME) stand for themselves"},
	{RuleEvolveKey, "evolve.key", Error, "an entity keeps its key, because its records are found by it"},
	{RuleEvolveReuse, "evolve.reuse", Error, "a number keeps its meaning for ever, because old records have it"},
	{RuleEvolveReserve, "evolve.reserve", Error, "the number of a field that is removed is reserved"},
	{RuleEvolveRequired, "evolve.required", Error, "what has to be there was there before"},
	{RuleEvolveEnum, "evolve.enum", Error, "an enum keeps the numbers of its values, and a closed one its values"},
	{RuleEvolveType, "evolve.type", Error, "the values of a field are read as they were written, by all whom the compatibility of its entity names"},
	{RuleEvolvePII, "evolve.pii", Error, "personal data stays marked, because old records hold it"},
	{RuleEvolveBounds, "evolve.bounds", Error, "bounds grow no narrower, because old records keep to those of their time"},
	{RuleEvolveDurability, "evolve.durability", Error, "an entity keeps the durability that it promised"},
	{RuleLockFormat, "lock.format", Error, "only the compiler writes prism.lock.json"},
	{RuleLockNewer, "lock.newer", Error, "a lock is read by the compiler that wrote it, and by later ones"},
	{RuleLockDeployment, "lock.deployment", Error, "a history belongs to one deployment, and the deployment's name does not change"},
	{RuleLockBackend, "lock.backend", Error, "a namespace keeps its backend and the settings that say where its records are, because nothing moves them"},
	{RuleLockNamespace, "lock.namespace", Error, "a namespace in the lock stays, with its name, because nothing moves its records"},
	{RuleLockEntity, "lock.entity", Error, "an entity in the lock stays, with its namespace, abstraction and table, because nothing moves its records"},
	{RuleHistoryFile, "history.file", Error, "what a release closed does not change"},
	{RuleHistorySum, "history.sum", Error, "a release follows the one before it"},
	{RuleReleaseEmpty, "release.empty", Error, "a release changes something"},
	{RuleEvolveColumn, "evolve.column", Error, "a field goes a release after its column, because the release before writes and serves that"},
	{RuleEvolveIndex, "evolve.index", Error, "a store without migrations has the indexes that its entities began with"},
	{RuleEvolveDestroy, "evolve.destroy", Error, "drop_tables and moved_from name what the last release has and this one leaves"},
	{RuleEvolveContract, "evolve.contract", Error, "the contract keeps what clients call, and how they write it"},
	{RuleEvolveLifetime, "evolve.lifetime", Error, "a record lives as long as it was promised"},
	{RuleEvolveStale, "evolve.stale", Error, "an acknowledgement is of a change that this release makes"},
	{RulePathEscape, "path.escape", Error, "a path does not lead out of its folder"},
	{RuleGoImportpath, "go.importpath", Error, "a file whose Go messages are imported has a go_package, or one in prism.yaml: a Go import path with a dot or a slash, which may end in a semicolon and the name of the package"},
	{RuleGoPackage, "go.package", Error, "the files of a folder have the go_package <import_path>/out/contract/<folder> if Prism generates their messages, and one outside out/contract if you do"},
	{RuleFileName, "file.name", Error, "each part of the path of a file that has entities, or whose Go is generated, begins with a letter or a digit, continues with letters, digits and _ . -, has at most 200 bytes, and has no special meaning to an operating system or to Go"},
	{RuleImportMissing, "import.missing", Error, "an import is the path of a file in the folder where the schema's imports begin, in one of import_paths, or of one that comes with the compiler: protobuf's own, prism/v1/options.proto, and google/api, google/rpc and google/type"},
	{RuleEdition, "edition", Error, "a file is of proto2, proto3 or edition 2023"},
	{RuleProtoLanguage, "proto.language", Error, "a .proto file is what the protobuf language allows"},
	{RuleCommentDirective, "comment.directive", Warning, "a comment is only text: generated files quote any line that a tool would act on"},
	{RuleCommentControl, "comment.control", Warning, "a comment is only what a reader sees: generated files leave out control and bidi characters"},
	{RuleLimitDescriptors, "limit.descriptors", Error, "the descriptors of one run have at most 50 MiB"},
	{RuleLimitMessages, "limit.messages", Error, "one run has at most 20,000 messages, each nested in at most 30 others"},
	{RulePluginParameter, "plugin.parameter", Error, "the plugin takes one parameter, config: the path of prism.yaml or of its folder, relative to the module's root, where the plugin runs"},
	{RuleOutputForeign, "output.foreign", Error, "the compiler overwrites only files that it generated"},
	{RulePluginFiles, "plugin.files", Error, "one run of the plugin generates all files of the packages in prism.yaml"},
	{RulePluginOptions, "plugin.options", Error, "the plugin receives the schema's options, which have source retention"},
	{RuleOptionsCopy, "options.copy", Warning, "a copy of prism/v1/options.proto, which editors, buf and clients read, is that of the compiler"},
	{RuleSecretInline, "secret.inline", Error, "prism.yaml contains no secrets"},
	{RuleYAMLSyntax, "yaml.syntax", Error, "prism.yaml is one YAML document"},
	{RuleYAMLKey, "yaml.key", Error, "prism.yaml has only known keys, each at most once"},
	{RuleYAMLType, "yaml.type", Error, "every key in prism.yaml has a value of the right type"},
	{RuleYAMLMissing, "yaml.missing", Error, "prism.yaml has deployment, import_path, packages and namespaces, and a namespace has name and backend"},
	{RuleDeploymentName, "deployment.name", Error, "the name of a deployment matches [a-z][a-z0-9]* and is not that of a folder with another meaning: contract, internal, main, testdata, vendor"},
	{RuleDeploymentImportPath, "deployment.import_path", Error, "import_path is the Go import path of the module's root"},
	{RuleDeploymentPackages, "deployment.packages", Error, "packages lists proto packages that have files, each once"},
	{RuleDeploymentListen, "deployment.listen", Error, "listen is a loopback address and a port, or unix: and a path, because the proxy has no authentication yet"},
	{RuleYAMLNeeded, "yaml.needed", Error, "a deployment has a prism.yaml"},
	{RuleDeploymentImport, "deployment.import", Warning, "a file whose go_package is in out/contract is generated by a deployment that lists its package"},
	{RuleDeploymentMemory, "deployment.memory", Error, "memory is a whole number of MiB or GiB, from 64MiB to 1024GiB"},
}
