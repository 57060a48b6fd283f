package source

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// importOptions is the fix of a file that uses the options without their file.
const importOptions = "write import \"" + prismv1.Path + "\";"

// ruled are faults that the compiler of .proto finds, and that a rule of ours is
// about. Number 0 is the language's own, for which a fix of ours helps.
var ruled = []struct {
	number int
	what   *regexp.Regexp
	fix    string
}{
	{schema.RuleOptionUnknown, regexp.MustCompile(`unknown extension \.?prism\.v1\.(entity|field)$`), importOptions},
	{schema.RuleOptionUnknown, regexp.MustCompile(`option \(prism\.v1\.entity\)\.ttl\b.*(field .* does not exist|field .* not found)$`), duration},
	{schema.RuleOptionUnknown, regexp.MustCompile(`option \(prism\.v1\..*(field .* does not exist|field .* not found|has no value named .*)$|unknown extension \.?prism\.v1\.`), "correct the name, or use a newer compiler"},
	{schema.RuleEdition, regexp.MustCompile(`^edition value .* not recognized`), editionFix},
	{schema.RuleLimitMessages, regexp.MustCompile(`^message nesting depth must be less than 32$`), "use flatter messages"},
	{0, regexp.MustCompile(`option \(prism\.v1\.entity\)\.ttl\b.*: expecting `), duration},
	{0, regexp.MustCompile(`option \(prism\.v1\.entity\)\.key_value\b.*: expecting message, got `), "write key_value = {}"},
	{0, regexp.MustCompile(`option \(prism\.v1\.entity\): expecting message, got (string|integer|float|identifier)$`), "write the value's members in braces; a duration is written as ttl: {seconds: 7776000}, which is 90 days"},
}

const duration = "write ttl = {seconds: 7776000}, which is 90 days"

// misnamed matches the name in a fault of RuleOptionUnknown.
var misnamed = regexp.MustCompile(`field (\w+) of ([\w.]+) does not exist$|field (\w+) not found$|enum ([\w.]+) has no value named (\w+)$|unknown extension \.?prism\.v1\.(\w+)$`)

// diagnostic returns a fault that the compiler of .proto found.
func diagnostic(at schema.Source, what string) schema.Diagnostic {
	for _, r := range ruled {
		switch {
		case !r.what.MatchString(what):
		case r.number == 0:
			return schema.Diagnostic{File: at.File, Line: at.Line, Column: at.Column, What: what, Fix: r.fix}
		default:
			fix := r.fix
			if near := meant(what); near != "" && fix != importOptions {
				fix += "; did you mean " + near + "?"
			}
			if m := misnamed.FindStringSubmatch(what); m != nil && m[6] != "" {
				if holder := memberOf(m[6]); holder != "" {
					fix = "write (prism.v1." + holder + ")." + m[6]
				}
			}
			return schema.NewDiagnostic(r.number, at, what, fix)
		}
	}
	return schema.Diagnostic{File: at.File, Line: at.Line, Column: at.Column, What: what}
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

// meant returns the name in options.proto that the one in a fault is like, or "".
func meant(what string) string {
	m := misnamed.FindStringSubmatch(what)
	if m == nil {
		return ""
	}
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
