package source

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// importOptions is the fix of a file that uses the options without their file.
const importOptions = "write import \"" + prismv1.Path + "\";"

// ruled are faults that the compiler of .proto finds, each with the rule that it
// breaks and what helps, in which $1 is the first group of what. The first one that
// matches counts; the last one matches all.
var ruled = []rule{
	{schema.RuleOptionUnknown, regexp.MustCompile(`unknown extension \.?prism\.v1\.(entity|field)$`), importOptions},
	{schema.RuleOptionUnknown, regexp.MustCompile(`option \(prism\.v1\.entity\)\.ttl\b.*(field .* does not exist|field .* not found)$`), duration},
	{schema.RuleOptionUnknown, regexp.MustCompile(`option \(prism\.v1\..*(field .* does not exist|field .* not found|has no value named .*)$|unknown extension \.?prism\.v1\.`), "correct the name, or use a newer compiler"},
	{schema.RuleEdition, regexp.MustCompile(`^edition value .* not recognized`), editionFix},
	{schema.RuleLimitMessages, regexp.MustCompile(`^message nesting depth must be less than 32$`), "use flatter messages"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`option \(prism\.v1\.entity\)\.ttl\b.*: expecting `), duration},
	{schema.RuleProtoLanguage, regexp.MustCompile(`option \(prism\.v1\.entity\)\.key_value\b.*: expecting message, got `), "write key_value = {}"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`option \(prism\.v1\.entity\): expecting message, got (?:string|integer|float|identifier)$`), "write the value's members in braces; a duration is written as ttl: {seconds: 7776000}, which is 90 days"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`option \(prism\.v1\.field\)\.pii: expecting message, got `), "write its members in braces, or one of them behind a dot: pii.category = …"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`: expecting message, got `), "write its members in braces"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`: expecting enum(?: name)?, got `), "write the name of one of its values, without quotes"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`: expecting (\w+), got `), "write a value of type $1"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`: value .* is out of range for (\w+)$`), "write a value that $1 can hold"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`^syntax error: .*\bexpecting (.+)$`), "complete what stands before this place, where $1 was expected"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`unknown (?:request |response |extendee )?type \S+$`), "correct the name, or import the file that declares it"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`^symbol .* already defined at `), "rename one, or remove it"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`^tag number .*(?:reserved|greater than zero|max allowed)`), "write a number from 1 to 536870911 that is not in 19000 to 19999"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`both have the same tag `), "give one of them another number, which no field has had"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`JSON name .* conflicts with `), "rename one, or give it another json_name"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`^cycle found in imports|closes a cycle$`), "move what the files share to a file that imports none of them"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`^invalid (?:control )?character`), "remove it"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`option prism\.v1\.`), "write the extension's name in parentheses, as in (prism.v1.field)"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`^compact option must have a value`), "write name = value"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`^syntax error: unexpected \$end`), "close the brace that is open"},
	{schema.RuleProtoLanguage, regexp.MustCompile(`^syntax error`), "remove it, or complete what stands before it"},
	{schema.RuleProtoLanguage, regexp.MustCompile(``), languageFix},
}

const (
	duration    = "write ttl = {seconds: 7776000}, which is 90 days"
	languageFix = "correct what the text names; https://protobuf.dev/reference/protobuf describes the language"
)

type rule struct {
	number int
	what   *regexp.Regexp
	fix    string
}

// misnamed matches the name in a fault of RuleOptionUnknown.
var misnamed = regexp.MustCompile(`field (\w+) of ([\w.]+) does not exist$|field (\w+) not found$|enum ([\w.]+) has no value named (\w+)$|unknown extension \.?prism\.v1\.(\w+)$`)

// diagnostic returns a fault that the compiler of .proto found.
func diagnostic(at schema.Source, what string) schema.Diagnostic {
	i := slices.IndexFunc(ruled, func(r rule) bool { return r.what.MatchString(what) })
	number, match := ruled[i].number, ruled[i].what.FindStringSubmatchIndex(what)
	fix := string(ruled[i].what.ExpandString(nil, ruled[i].fix, what, match))
	m := misnamed.FindStringSubmatch(what)
	if values := enumValues(what); len(values) > 0 {
		fix = "write one of " + strings.Join(values, ", ")
	}
	if m != nil && number == schema.RuleOptionUnknown {
		if near := meant(m); near != "" && fix != importOptions {
			fix += "; did you mean " + near + "?"
		}
		if holder := memberOf(m[6]); holder != "" {
			fix = "write (prism.v1." + holder + ")." + m[6]
		}
	}
	if m := unknownType.FindStringSubmatch(what); m != nil {
		if near := schema.Nearest(m[1], scalars); near != "" {
			fix += "; did you mean " + near + "?"
		}
	}
	return schema.NewDiagnostic(number, at, what, fix)
}

// unknownType matches the name of a type that nothing declares; scalars are the
// language's own types.
var (
	unknownType = regexp.MustCompile(`unknown type ([a-z]\w*)$`)
	scalars     = strings.Fields("double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes")
)

// enumOption matches a fault in the value of an option of ours that is an enum, with
// the option's name and members.
var enumOption = regexp.MustCompile(`option \(prism\.v1\.(\w+)\)([.\w]*): expecting enum(?: name)?, got `)

// enumValues returns the values that may stand where what says that something else
// does, nil if that is no enum of options.proto.
func enumValues(what string) []string {
	var enum protoreflect.Name
	var parent protoreflect.FullName
	if m := enumOption.FindStringSubmatch(what); m != nil {
		message := prismv1.File_prism_v1_options_proto.Extensions().ByName(protoreflect.Name(m[1])).Message()
		for name := range strings.SplitSeq(strings.TrimPrefix(m[2], "."), ".") {
			f := message.Fields().ByName(protoreflect.Name(name))
			if f == nil {
				return nil
			}
			if f.Enum() != nil {
				enum, parent = f.Enum().Name(), f.Enum().Parent().FullName()
			}
			message = f.Message()
		}
	} else if m := misnamed.FindStringSubmatch(what); m != nil {
		full := protoreflect.FullName(m[4])
		enum, parent = full.Name(), full.Parent()
	}
	var values []string
	for _, d := range named() {
		if v, ok := d.(protoreflect.EnumValueDescriptor); ok && v.Number() > 0 && v.Parent().Name() == enum && v.Parent().Parent().FullName() == parent {
			values = append(values, string(v.Name()))
		}
	}
	return values
}

// memberOf returns the option that has a member of the name, "" if none has.
func memberOf(name string) string {
	for _, d := range named() {
		f, ok := d.(protoreflect.FieldDescriptor)
		if !ok || f.IsExtension() || string(f.Name()) != name {
			continue
		}
		switch f.Parent().Name() {
		case "Entity", "Field", "File":
			return strings.ToLower(string(f.Parent().Name()))
		}
	}
	return ""
}

// meant returns the name in options.proto that the one in a match of misnamed is
// like, or "".
func meant(m []string) string {
	var known []string
	for _, d := range named() {
		if m[2] == "" && m[4] == "" || d.Parent().FullName() == protoreflect.FullName(m[2]+m[4]) {
			known = append(known, string(d.Name()))
		}
	}
	return schema.Nearest(m[1]+m[3]+m[5]+m[6], known)
}

// named returns all that options are written with: the extensions, the fields of
// messages, and the values of enums.
func named() []protoreflect.Descriptor {
	file := prismv1.File_prism_v1_options_proto
	var all []protoreflect.Descriptor
	enums := func(list protoreflect.EnumDescriptors) {
		for i := range list.Len() {
			for j := range list.Get(i).Values().Len() {
				all = append(all, list.Get(i).Values().Get(j))
			}
		}
	}
	var messages func(protoreflect.MessageDescriptors)
	messages = func(list protoreflect.MessageDescriptors) {
		for i := range list.Len() {
			for j := range list.Get(i).Fields().Len() {
				all = append(all, list.Get(i).Fields().Get(j))
			}
			enums(list.Get(i).Enums())
			messages(list.Get(i).Messages())
		}
	}
	for i := range file.Extensions().Len() {
		all = append(all, file.Extensions().Get(i))
	}
	enums(file.Enums())
	messages(file.Messages())
	return all
}
