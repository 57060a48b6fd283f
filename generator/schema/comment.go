package schema

import (
	"cmp"
	"regexp"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// comment returns what the schema says about d: the comment before it or else
// the one behind it. A schema is not trusted: what comes back holds no control
// and no bidi character, and no line of it is a directive when it is written
// as a comment of Go, proto or SQL, one line of comment a line.
func comment(d protoreflect.Descriptor) string {
	l := d.ParentFile().SourceLocations().ByDescriptor(d)
	text := l.LeadingComments
	if strings.TrimSpace(text) == "" {
		text = l.TrailingComments
	}
	return cleanComment(text)
}

// directive is a line that Go's tools would act upon.
var directive = regexp.MustCompile(`^(go:|line .*:[0-9]+$|export \w+$|extern \w+$|cgo |#cgo|\+build|nolint|lint:|Code generated .*DO NOT EDIT)`)

func cleanComment(text string) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		line = strings.Map(printable, line)
		line = strings.ReplaceAll(line, "*/", "* /")
		line = strings.ReplaceAll(line, "/*", "/ *")
		line = strings.TrimRight(strings.TrimPrefix(line, " "), " ")
		if bare := strings.TrimLeft(line, "/ "); bare != line && strings.HasPrefix(line, "//") || directive.MatchString(bare) {
			line = `"` + bare + `"`
		}
		lines = append(lines, line)
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// CleanComments cleans every comment of the file as those of the model are,
// for emitters that write comments themselves.
func CleanComments(p *descriptorpb.FileDescriptorProto) {
	clean := func(text string) string {
		if text = cleanComment(text); text == "" {
			return ""
		}
		return " " + strings.ReplaceAll(text, "\n", "\n ") + "\n"
	}
	for _, l := range p.GetSourceCodeInfo().GetLocation() {
		if l.LeadingComments != nil {
			l.LeadingComments = proto.String(clean(l.GetLeadingComments()))
		}
		if l.TrailingComments != nil {
			l.TrailingComments = proto.String(clean(l.GetTrailingComments()))
		}
		for i, text := range l.LeadingDetachedComments {
			l.LeadingDetachedComments[i] = clean(text)
		}
	}
}

// checkComments warns of what cleanComment changes.
func (r *reader) checkComments(d *Deployment) {
	for _, f := range d.Files {
		for i := range f.SourceLocations().Len() {
			l := f.SourceLocations().Get(i)
			at := Source{File: f.Path(), Line: l.StartLine + 1, Column: l.StartColumn + 1}
			acted, hidden := "", false
			for _, text := range append([]string{l.LeadingComments, l.TrailingComments}, l.LeadingDetachedComments...) {
				for line := range strings.SplitSeq(text, "\n") {
					line = strings.TrimSuffix(line, "\r")
					hidden = hidden || strings.Map(printable, line) != strings.ReplaceAll(line, "\t", " ")
					if bare := strings.TrimRight(strings.TrimLeft(strings.Map(printable, line), "/ "), " "); directive.MatchString(bare) || strings.Contains(bare, "*/") {
						acted = cmp.Or(acted, bare)
					}
				}
			}
			if acted != "" {
				r.report(RuleCommentDirective, at, "rephrase it", "a comment contains the line %q", acted)
			}
			if hidden {
				r.report(RuleCommentControl, at, "remove them", "a comment contains invisible characters")
			}
		}
	}
}

// printable keeps what a reader sees, tabs as spaces.
func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case r == '\u2028', r == '\u2029', unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
		return -1
	}
	return r
}
