package source

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/prism-proxy/prism/generator/schema"
)

const (
	maxBytes    = 50 << 20 // of all descriptors
	maxMessages = 20_000
	maxNesting  = 31 // of messages inside one another, as protocompile has it
)

// size finds what is too large to compile, before anything is made of it. Only
// the first message that is too deep or too many is reported: the rest follows
// from it.
func size(protos []*descriptorpb.FileDescriptorProto) []schema.Diagnostic {
	bytes, messages := 0, 0
	for _, p := range protos {
		if bytes += proto.Size(p); bytes > maxBytes {
			return []schema.Diagnostic{schema.NewDiagnostic(schema.RuleLimitDescriptors, schema.Source{File: p.GetName()},
				fmt.Sprintf("the descriptors up to this file have %d bytes", bytes), "compile fewer files in one deployment")}
		}
		var fault *schema.Diagnostic
		report := func(path []int32, what string) bool {
			d := schema.NewDiagnostic(schema.RuleLimitMessages, position(p, path), what, "use flatter messages, and fewer in one deployment")
			fault = &d
			return false
		}
		everyMessage(p, func(m *descriptorpb.DescriptorProto, path []int32) bool {
			messages++
			switch {
			case messages > maxMessages:
				return report(path, fmt.Sprintf("message %s is number %d of all files", m.GetName(), messages))
			case len(path)/2 > maxNesting:
				return report(path, fmt.Sprintf("message %s is nested in %d others", m.GetName(), len(path)/2-1))
			}
			return true
		})
		if fault != nil {
			return []schema.Diagnostic{*fault}
		}
	}
	return nil
}

// messageSets finds the messages that no linker accepts, while their place is
// still known.
func messageSets(protos []*descriptorpb.FileDescriptorProto) []schema.Diagnostic {
	var faults []schema.Diagnostic
	for _, p := range protos {
		everyMessage(p, func(m *descriptorpb.DescriptorProto, path []int32) bool {
			if m.GetOptions().GetMessageSetWireFormat() {
				faults = append(faults, schema.NewDiagnostic(schema.RuleTypeMessageset, position(p, append(slices.Clone(path), 7, 1)),
					"message "+m.GetName()+" has message_set_wire_format", "remove the option"))
			}
			return true
		})
	}
	schema.SortDiagnostics(faults)
	return faults
}

// editionFix is the way out of an edition that is not known.
const editionFix = `write edition = "2023"; or syntax = "proto3";`

// editions finds the files of an edition whose rules this compiler does not know.
func editions(protos []*descriptorpb.FileDescriptorProto) []schema.Diagnostic {
	var faults []schema.Diagnostic
	for _, p := range protos {
		if p.GetEdition() > descriptorpb.Edition_EDITION_2023 {
			faults = append(faults, schema.NewDiagnostic(schema.RuleEdition, position(p, []int32{14}),
				"the file has edition "+strings.TrimPrefix(p.GetEdition().String(), "EDITION_"), editionFix))
		}
	}
	schema.SortDiagnostics(faults)
	return faults
}

// reservedNumbers finds the field numbers that front ends refuse and linkers do
// not.
func reservedNumbers(protos []*descriptorpb.FileDescriptorProto) []schema.Diagnostic {
	var faults []schema.Diagnostic
	for _, p := range protos {
		everyMessage(p, func(m *descriptorpb.DescriptorProto, path []int32) bool {
			for i, f := range m.GetField() {
				if n := protowire.Number(f.GetNumber()); n >= protowire.FirstReservedNumber && n <= protowire.LastReservedNumber {
					at := position(p, append(slices.Clone(path), 2, int32(i)))
					faults = append(faults, schema.NewDiagnostic(schema.RuleProtoLanguage, at,
						fmt.Sprintf("field %s has number %d, and 19000 to 19999 are protobuf's own", f.GetName(), n), "give it another number"))
				}
			}
			return true
		})
	}
	schema.SortDiagnostics(faults)
	return faults
}

// everyMessage visits the messages of a file, each before those inside it, as
// long as visit returns true. A path is only good during the visit.
func everyMessage(p *descriptorpb.FileDescriptorProto, visit func(m *descriptorpb.DescriptorProto, path []int32) bool) {
	var walk func(messages []*descriptorpb.DescriptorProto, path []int32) bool
	walk = func(messages []*descriptorpb.DescriptorProto, path []int32) bool {
		for i, m := range messages {
			path[len(path)-1] = int32(i)
			if !visit(m, path) || !walk(m.GetNestedType(), append(path, 3, 0)) {
				return false
			}
		}
		return true
	}
	walk(p.GetMessageType(), []int32{4, 0})
}

// position returns where a front end says that a path of the file stands.
func position(p *descriptorpb.FileDescriptorProto, path []int32) schema.Source {
	at := schema.Source{File: p.GetName()}
	for _, l := range p.GetSourceCodeInfo().GetLocation() {
		// A span has three numbers, or four; other front ends may send others.
		if slices.Equal(l.GetPath(), path) && len(l.GetSpan()) >= 3 {
			at.Line, at.Column = int(l.GetSpan()[0])+1, int(l.GetSpan()[1])+1
			break
		}
	}
	return at
}
