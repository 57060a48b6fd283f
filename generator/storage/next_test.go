package storage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/prism-proxy/prism/generator/schema"
	"github.com/prism-proxy/prism/generator/storage"
)

// order is an entity of columns, each as number:name:kind and further marks: key,
// optional, oneof=3. An index is name=columns, and unique if it begins with !.
func order(fields []string, indexes ...string) storage.Entity {
	life := storage.Life{State: storage.Live, Since: 1}
	e := storage.Entity{Name: "shop.v1.Order", Namespace: "orders", Table: "orders", Release: 1, Life: life}
	for _, text := range append([]string{"1:id:string:key"}, fields...) {
		parts := strings.Split(text, ":")
		c := storage.Column{Name: parts[1], Kind: storage.Kind(parts[2]), Role: storage.Marked, Life: life}
		fmt.Sscan(parts[0], &c.Field)
		for _, mark := range parts[3:] {
			switch mark {
			case "key":
				c.Role = storage.Partition
			case "optional":
				c.Presence = true
			default:
				var sibling int32
				fmt.Sscanf(mark, "oneof=%d", &sibling)
				c.Oneof = append(c.Oneof, sibling)
			}
		}
		e.Columns = append(e.Columns, c)
	}
	for _, text := range indexes {
		name, columns, _ := strings.Cut(text, "=")
		unique := strings.HasPrefix(name, "!")
		name = strings.TrimPrefix(name, "!")
		e.Indexes = append(e.Indexes, storage.Index{Name: name, SQLName: "orders_" + name, Columns: strings.Split(columns, ","), Unique: unique, Life: life})
	}
	return e
}

func fields(f ...string) []string { return f }

// TestNext leads an entity from release to release: what is declared, and the steps
// and names that come of it.
func TestNext(t *testing.T) {
	none := fields()
	tests := []struct {
		name     string
		releases []storage.Entity
		want     []string // of each release after the first: its steps, and what is not live
	}{
		{"nothing", []storage.Entity{order(none), order(none)}, []string{""}},
		{"a column", []storage.Entity{order(none), order(fields("2:note:string"))}, []string{"expand +note, fence, fill"}},
		{"an index on a new column", []storage.Entity{order(none), order(fields("2:note:string"), "note=note,id")}, []string{"expand +note, fence, fill, index +orders_note"}},
		{"an index on a column", []storage.Entity{order(fields("2:note:string")), order(fields("2:note:string"), "note=note,id")}, []string{"index +orders_note"}},
		{"a column goes in two steps", []storage.Entity{order(fields("2:note:string")), order(none), order(none), order(none)}, []string{"; note kept", "contract -note; note idle", "; note idle"}},
		{"an index goes with its column", []storage.Entity{order(fields("2:note:string"), "note=note,id"), order(none), order(none)},
			[]string{"; note kept, orders_note kept", "contract -orders_note, contract -note; note idle, orders_note idle"}},
		{"kept and live again", []storage.Entity{order(fields("2:note:string")), order(none), order(fields("2:note:string"))}, []string{"; note kept", ""}},
		{"idle and back is another", []storage.Entity{order(fields("2:note:string")), order(none), order(none), order(fields("2:note:string"))},
			[]string{"; note kept", "contract -note; note idle", "expand +note_r4, fence, fill; note idle"}},
		{"a renamed field keeps its column and its index", []storage.Entity{order(fields("2:note:string"), "note=note,id"), order(fields("2:remark:string"), "remark=remark,id")}, []string{""}},
		{"the name of another number", []storage.Entity{order(fields("2:note:string")), order(fields("3:note:string"))}, []string{"expand +note_r2, fence, fill; note kept"}},
		{"a wider kind has the same column", []storage.Entity{order(fields("2:count:int32")), order(fields("2:count:int64"))}, []string{"fence, fill"}},
		{"an enum is an int32", []storage.Entity{order(fields("2:count:int32")), order(fields("2:count:enum"))}, []string{""}},
		{"another encoding has another column", []storage.Entity{order(fields("2:count:int32"), "count=count,id"), order(fields("2:count:sint32"), "count=count,id")},
			[]string{"expand +count_r2, fence, fill, index +orders_count_r2; count kept, orders_count kept"}},
		{"presence", []storage.Entity{order(fields("2:count:int32")), order(fields("2:count:int32:optional"))}, []string{"expand +count_r2, fence, fill; count kept"}},
		{"a oneof", []storage.Entity{order(fields("2:count:int32:optional")), order(fields("2:count:int32:optional:oneof=3"))}, []string{"expand +count_r2, fence, fill; count kept"}},
		{"to unique", []storage.Entity{order(fields("2:note:string"), "note=note,id"), order(fields("2:note:string"), "!note=note")}, []string{"index +orders_note_r2; orders_note kept"}},
		{"another composite of the name", []storage.Entity{order(fields("2:a:string", "3:b:string"), "x=a,id"), order(fields("2:a:string", "3:b:string"), "x=b,id")},
			[]string{"index +orders_x_r2; orders_x kept"}},
		{"a time has two names", []storage.Entity{order(fields("2:at:timestamp", "3:at_nanos:int32")), order(none), order(fields("2:at:timestamp"))},
			[]string{"; at kept, at_nanos kept", "contract -at_nanos; at_nanos idle"}},
		{"a name that a time has taken", []storage.Entity{order(fields("2:at:timestamp")), order(fields("2:at:timestamp", "3:at_nanos:int32"))}, []string{"expand +at_nanos_r2, fence, fill"}},
		{"a later fence covers the one before", []storage.Entity{order(none), order(fields("2:a:string")), order(fields("2:a:string", "3:b:string"))},
			[]string{"expand +a, fence, fill", "expand +b, fence, fill, contract -fence 2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			model, _ := storage.Next(storage.Model{}, storage.Model{Entities: tt.releases[:1]}, 1, nil)
			var got []string
			for i, declared := range tt.releases[1:] {
				var steps []storage.Step
				before := fmt.Sprintf("%+v", model)
				model, steps = storage.Next(model, storage.Model{Entities: []storage.Entity{declared}}, i+2, nil)
				got = append(got, told(model, steps))
				if i == 0 {
					first, _ := storage.Next(storage.Model{}, storage.Model{Entities: tt.releases[:1]}, 1, nil)
					if fmt.Sprintf("%+v", first) != before {
						t.Error("the model of the release before was changed")
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// told is what a release does, and what is not live behind it.
func told(m storage.Model, steps []storage.Step) string {
	var done, rest []string
	for _, s := range steps {
		switch s.Kind {
		case storage.AddFence, storage.Fill:
			done = append(done, s.Phase().String())
		case storage.DropFence:
			done = append(done, fmt.Sprintf("contract -fence %d", s.Fence))
		case storage.DropIndex, storage.DropColumn:
			done = append(done, s.Phase().String()+" -"+s.Column+s.Index)
		default:
			done = append(done, s.Phase().String()+" +"+s.Column+s.Index)
		}
	}
	for _, e := range m.Entities {
		for _, c := range e.Columns {
			if c.State != storage.Live {
				rest = append(rest, fmt.Sprintf("%s %s", c.Name, c.State))
			}
		}
		for _, x := range e.Indexes {
			if x.State != storage.Live {
				rest = append(rest, fmt.Sprintf("%s %s", x.SQLName, x.State))
			}
		}
	}
	text := strings.Join(done, ", ")
	if len(rest) > 0 {
		text += "; " + strings.Join(rest, ", ")
	}
	return text
}

// An entity that comes again is another one: its table has another name, and so have
// all that it brings along.
func TestEntityComesAgain(t *testing.T) {
	first, _ := storage.Next(storage.Model{}, storage.Model{Entities: []storage.Entity{order(fields("2:note:string"), "note=note,id")}}, 1, nil)
	gone, steps := storage.Next(first, storage.Model{}, 2, nil)
	if len(steps) > 0 || gone.Entity("shop.v1.Order") != nil || len(gone.Entities) != 1 {
		t.Errorf("gone: %+v, %v", gone, steps)
	}
	again, steps := storage.Next(gone, storage.Model{Entities: []storage.Entity{order(fields("2:note:string"), "note=note,id")}}, 3, nil)
	e := again.Entity("shop.v1.Order")
	if e.Table != "orders_r3" || e.DeclaredTable() != "orders" || e.Indexes[0].SQLName != "orders_note_r3" || e.Release != 3 || len(steps) != 1 || steps[0].Kind != storage.CreateTable {
		t.Errorf("again: %+v, %v", e, steps)
	}
	if !slices.ContainsFunc(again.Entities, func(e storage.Entity) bool { return e.Table == "orders" && e.State == storage.Idle }) {
		t.Error("the table of before is forgotten")
	}
}

// An entity is found by its table where its message was renamed.
func TestRenamedMessage(t *testing.T) {
	first, _ := storage.Next(storage.Model{}, storage.Model{Entities: []storage.Entity{order(nil)}}, 1, nil)
	renamed := order(nil)
	renamed.Name = "shop.v1.Purchase"
	second, steps := storage.Next(first, storage.Model{Entities: []storage.Entity{renamed}}, 2, nil)
	if e := second.Entity("shop.v1.Purchase"); len(steps) > 0 || e == nil || e.Table != "orders" || len(second.Entities) != 1 {
		t.Errorf("%+v, %v", second, steps)
	}
}

// A column can be read by what the lock has of it alone.
func TestDescriptor(t *testing.T) {
	for _, kind := range []storage.Kind{
		"string", "bytes", "bool", "timestamp", "int32", "sint32", "sfixed32", "int64", "sint64", "sfixed64",
		"uint32", "fixed32", "enum", "uint64", "fixed64", "float", "double",
	} {
		for _, c := range []storage.Column{
			{Field: 7, Kind: kind, Presence: kind == "timestamp"}, {Field: 7, Kind: kind, Presence: true}, {Field: 7, Kind: kind, Presence: true, Oneof: []int32{3, 12}},
		} {
			f := c.Descriptor()
			got := storage.Of(&schema.Field{Desc: f, Number: 7, Presence: f.HasPresence(), Role: schema.Marked})
			siblings := (&schema.Field{Desc: f}).OneofSiblings()
			if !got.ReadsAs(c) || len(siblings) != len(c.Oneof) {
				t.Errorf("%+v is read as %+v", c, got)
			}
		}
	}
}
