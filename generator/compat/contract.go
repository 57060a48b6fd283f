package compat

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/prism-proxy/prism/generator/schema"
)

// contract compares what clients call. Records, and the fields of them in requests,
// are compared as such; here is what Prism adds.
func (c *comparison) contract() {
	if !c.mode.Promised() {
		return
	}
	if was, now := c.was.FullServiceName(), c.now.FullServiceName(); was != now {
		c.report(schema.RuleEvolveContract, c.now.Source, nil, "keep the names of the message and of the contract's package",
			"service %s is called %s now, and who calls it gets UNIMPLEMENTED", was, now)
		return
	}
	for _, was := range c.was.Service.Methods {
		at, path := c.indexed(was)
		i := slices.IndexFunc(c.now.Service.Methods, func(m *schema.Method) bool { return m.Name == was.Name })
		if i < 0 {
			c.report(schema.RuleEvolveContract, at, path, "keep it until nobody calls it",
				"method %s is gone, and who calls it gets UNIMPLEMENTED", was.Name)
			continue
		}
		now := c.now.Service.Methods[i]
		var changed []string
		changed = requests(was.Request, now.Request, "", changed)
		if was.Operation != now.Operation || was.Shape != now.Shape {
			changed = append(changed, "its response is another")
		}
		if len(changed) > 0 {
			c.report(schema.RuleEvolveContract, at, path, "keep the method, and add an index with another name",
				"who calls %s as before is not understood: %s", was.Name, strings.Join(changed, ", "))
		}
	}
}

// indexed returns where the index of a Find that was is declared now, and the path of
// an acknowledgement: that of the field if it was an index on one. Other methods are
// of the entity as a whole.
func (c *comparison) indexed(m *schema.Method) (schema.Source, []int32) {
	at := c.now.Source
	if m.Index == nil {
		return at, nil
	}
	for _, x := range c.now.Indexes {
		if x.Name == m.Index.Name {
			at = x.Source
		}
	}
	fields := m.Index.Fields()
	if len(fields) != 1 {
		return at, nil
	}
	if f := c.now.Desc.Fields().ByNumber(protoreflect.FieldNumber(fields[0].Number)); f != nil && at == c.now.Source {
		at = place(f)
	}
	return at, []int32{fields[0].Number}
}

// requests adds to changed in what a request is no longer what it was: a field that is
// gone, since the server would answer as if it had not been sent, and a value to find
// by that is new, since older clients do not send it.
func requests(was, now *schema.Message, prefix string, changed []string) []string {
	for _, f := range was.Fields {
		i := slices.IndexFunc(now.Fields, func(other *schema.MessageField) bool { return other.Number == f.Number })
		switch {
		case i < 0:
			changed = append(changed, prefix+f.Name+" is gone")
		case sort(f) != sort(now.Fields[i]):
			changed = append(changed, prefix+f.Name+" has another type")
		case f.Type.Message != nil:
			changed = requests(f.Type.Message, now.Fields[i].Type.Message, prefix+f.Name+".", changed)
		}
	}
	if was.Name != "By" {
		return changed
	}
	for _, f := range now.Fields {
		if !slices.ContainsFunc(was.Fields, func(other *schema.MessageField) bool { return other.Number == f.Number }) {
			changed = append(changed, prefix+f.Name+" is new")
		}
	}
	return changed
}

// sort is what kind of field one of a request is.
func sort(f *schema.MessageField) string {
	return fmt.Sprint(f.Repeated, f.Type.Scalar, f.Type.Time, f.Type.Field != nil, f.Type.Entity != nil, f.Type.Message != nil)
}
