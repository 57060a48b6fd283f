package backendtest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prism-proxy/prism/generator/schema"
)

// operation is one step of a random log. It refers to earlier answers only by
// position, so that it makes sense on every proxy, and even if earlier steps
// are left out.
type operation struct {
	number  int
	advance time.Duration // the clock moves, and nothing is called
	sweep   bool          // expired records are swept, and nothing is called

	entity, method string
	in             protoreflect.Message
	// version says which of the key's versions goes into the request.
	version versionChoice
	// list is the list that the answer's page token belongs to, and resume the
	// list whose token goes into the request; 0: none.
	list, resume int
}

func (o operation) String() string {
	switch {
	case o.advance > 0:
		return fmt.Sprintf("%d: the clock advances by %s", o.number, o.advance)
	case o.sweep:
		return fmt.Sprintf("%d: sweep", o.number)
	}
	s := fmt.Sprintf("%d: %s {%v}", o.number, o.method, o.in.Interface())
	if len(s) > 400 {
		s = s[:400] + "…"
	}
	if o.version != noVersion {
		s += fmt.Sprintf(", version: %s", o.version)
	}
	if o.resume > 0 {
		s += fmt.Sprintf(", page token of list %d", o.resume)
	}
	if o.list > 0 {
		s += fmt.Sprintf(", list %d", o.list)
	}
	return s
}

// versionChoice is how a log refers to a version of a record.
type versionChoice int

const (
	noVersion versionChoice = iota
	lastVersion
	firstVersion
	noSuchVersion
	negativeVersion
)

func (v versionChoice) String() string {
	return [...]string{"none", "the last seen", "the first seen", "never issued", "negative"}[v]
}

// randomLog returns the log of n operations for a seed, always the same, for
// backends that offer the abilities.
func randomLog(seed uint64, n int, can schema.Ability) []operation {
	w := &logWriter{Rand: rand.New(rand.NewPCG(seed, 0)), can: can}
	for len(w.log) < n {
		o := w.operation()
		served := o.method != "" && needed(o.entity, o.method)&^can == 0
		if served || o.advance > 0 || o.sweep {
			w.log = append(w.log, o)
		}
	}
	return w.log
}

// needed returns the ability that a method of an entity's service needs.
func needed(entity, method string) schema.Ability {
	switch verb, _, _ := strings.Cut(method, entity); {
	case verb == "CompareAndSwap":
		return schema.CanSwap
	case strings.HasPrefix(verb, "Batch"):
		return schema.CanBatch
	case verb == "Scan":
		return schema.CanScan
	case verb != "Find":
		return 0
	case field(message(method+"Response"), "records") == nil:
		return schema.CanUnique
	}
	return schema.CanList
}

type logWriter struct {
	*rand.Rand
	can   schema.Ability
	log   []operation
	lists []operation // those begun, numbered from 1
}

// recentLists is how many lists are resumed at the same time.
const recentLists = 6

func (w *logWriter) operation() operation {
	o := operation{number: len(w.log) + 1, entity: pick(w, entities)}
	switch p := w.IntN(100); {
	case p < 2:
		o.advance = pick(w, []time.Duration{time.Millisecond, 20 * time.Second, leaseTTL, 25 * time.Hour})
	case p < 3:
		o.sweep = true
	case p < 28:
		o.begin("Put" + o.entity)
		w.fill(o.entity, nested1(o.in))
	case p < 38:
		o.begin("CompareAndSwap" + o.entity)
		w.fill(o.entity, nested1(o.in))
		o.version = w.version()
	case p < 46:
		o.begin("Delete" + o.entity)
		w.fill(o.entity, nested1(o.in))
		o.version = w.version()
	case p < 56:
		o.begin("Get" + o.entity)
		w.fill(o.entity, nested1(o.in))
	case p < 68:
		o.begin(pick(w, []string{"BatchPut", "BatchGet", "BatchDelete"}) + o.entity + "s")
		list := o.in.Mutable(o.in.Descriptor().Fields().ByNumber(1)).List()
		for range w.IntN(6) {
			w.fill(o.entity, list.AppendMutable().Message())
		}
	case p < 84 || len(w.lists) == 0:
		w.list(&o)
	default:
		w.resume(&o)
	}
	return o
}

func (o *operation) begin(method string) {
	o.method, o.in = method, message(method+"Request")
}

// nested1 returns field 1 of a request, the record or the key.
func nested1(m protoreflect.Message) protoreflect.Message {
	return m.Mutable(m.Descriptor().Fields().ByNumber(1)).Message()
}

func pick[E any](w *logWriter, list []E) E { return list[w.IntN(len(list))] }

// chance is true with the given probability.
func (w *logWriter) chance(percent int) bool { return w.IntN(100) < percent }

func (w *logWriter) version() versionChoice {
	return pick(w, []versionChoice{
		noVersion, noVersion, noVersion, noVersion, noVersion, noVersion, noVersion,
		lastVersion, lastVersion, lastVersion, lastVersion, lastVersion, lastVersion, lastVersion, lastVersion, lastVersion,
		firstVersion, firstVersion, noSuchVersion, negativeVersion,
	})
}

// list begins a list, or calls the Find of a unique index, if the entity has any.
func (w *logWriter) list(o *operation) {
	methods := slices.DeleteFunc(listMethods(o.entity), func(m string) bool { return needed(o.entity, m)&^w.can != 0 })
	if len(methods) == 0 {
		return
	}
	o.begin(pick(w, methods))
	fields := o.in.Descriptor().Fields()
	for i := range fields.Len() {
		switch f := fields.Get(i); f.Name() {
		case "page_size":
			o.in.Set(f, protoreflect.ValueOf(pick(w, []int32{0, 1, 1, 2, 2, 3, 7, 1000, -1})))
		case "page_token":
		case "reverse":
			o.in.Set(f, protoreflect.ValueOf(w.chance(40)))
		case "partition":
			if w.chance(60) {
				w.fill(o.entity, o.in.Mutable(f).Message())
			}
		case "from", "to":
			switch {
			case w.chance(60):
			case f.Message().Name() == "Bound":
				w.setAll(o.in.Mutable(f).Message())
			default:
				w.fill(o.entity, o.in.Mutable(f).Message())
			}
		case "by":
			w.setAll(o.in.Mutable(f).Message())
		}
	}
	if fields.ByName("page_token") != nil {
		w.lists = append(w.lists, *o)
		o.list = len(w.lists)
	}
}

// listMethods returns the methods of an entity's service that find records by
// something other than their key.
func listMethods(entity string) []string {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("conformance.v1." + entity + "Service"))
	if err != nil {
		panic(fmt.Sprintf("backendtest: %v", err))
	}
	var methods []string
	all := d.(protoreflect.ServiceDescriptor).Methods()
	for i := range all.Len() {
		if name := string(all.Get(i).Name()); strings.HasPrefix(name, "Scan") || strings.HasPrefix(name, "Find") {
			methods = append(methods, name)
		}
	}
	return methods
}

// resume continues one of the latest lists, now and then with the token of
// another.
func (w *logWriter) resume(o *operation) {
	newest := len(w.lists)
	o.list = newest - w.IntN(min(newest, recentLists))
	begun := w.lists[o.list-1]
	o.entity, o.method = begun.entity, begun.method
	o.in = proto.Clone(begun.in.Interface()).ProtoReflect()
	o.resume = o.list
	switch {
	case w.chance(5):
		o.resume, o.list = newest-w.IntN(min(newest, recentLists)), 0
	case w.chance(3):
		reverse := o.in.Descriptor().Fields().ByName("reverse")
		o.in.Set(reverse, protoreflect.ValueOf(!o.in.Get(reverse).Bool()))
		o.list = 0
	case w.chance(20):
		set(o.in, "page_size", int32(1+w.IntN(9)))
	}
}

// often says, in percent, how often a field is set if not at the usual rate:
// without some fields little of an entity is reached, and unique fields with
// few values cause nearly every write to be refused.
var often = map[protoreflect.Name]int{"consent": 97, "name": 97, "room": 90, "chair": 90, "master": 20, "title": 97, "rank": 97,
	"shelf": 5, "slot": 5, "floor": 5, "depth": 5, "batch": 5, "maker": 5, "gate": 5, "lane": 5, "imprint": 5}

// fill sets the fields of an entity, of its key or of a part of the key. Key
// fields are set nearly always and to few values, so that keys recur.
func (w *logWriter) fill(entity string, m protoreflect.Message) {
	key := message(entity + "Key").Descriptor().Fields()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case key.ByNumber(f.Number()) != nil:
			if !w.chance(2) {
				w.set(m, f, []int{0, 12, 4, 3, 2, 2, 1}[min(key.Len(), 6)])
			}
		case w.chance(cmp.Or(often[f.Name()], 40)):
			w.set(m, f, 0)
		}
	}
}

// setAll sets all fields that a Find is asked for.
func (w *logWriter) setAll(m protoreflect.Message) {
	for i := range m.Descriptor().Fields().Len() {
		w.set(m, m.Descriptor().Fields().Get(i), 0)
	}
}

// set gives a field a random value: for a key field one of that many, for any
// other one of those that stores tend to get wrong.
func (w *logWriter) set(m protoreflect.Message, f protoreflect.FieldDescriptor, keys int) {
	switch {
	case f.IsMap():
	case f.IsList():
		if f.Message() == nil {
			for range w.IntN(4) {
				m.Mutable(f).List().Append(w.value(f, keys))
			}
		}
	case f.Message() == nil:
		m.Set(f, w.value(f, keys))
	case f.Message().Name() == "Timestamp":
		times := []*timestamppb.Timestamp{at(0, 0), at(0, 1), at(-62135596800, 0), at(253402300799, 999999999), at(-1, 999999999), at(1700000000, 123456789), at(0, 1000)}
		if keys > 0 {
			times = times[:min(keys, len(times))]
		} else if w.chance(2) {
			times = []*timestamppb.Timestamp{at(0, -1), at(253402300800, 0)}
		}
		m.Set(f, protoreflect.ValueOfMessage(pick(w, times).ProtoReflect()))
	default:
		w.nested(m.Mutable(f).Message())
	}
}

// nested sets a title and usually what is required.
func (w *logWriter) nested(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Name() == "title" || f.Cardinality() == protoreflect.Required && w.chance(95) {
			w.set(m, f, 0)
		}
	}
}

var plainTexts = []string{"", "a", "ab", "A", "b", "z", "\u00e9", "\U0001f600", "' OR 1=1 --", "a\x01"}

// values returns the first n of all, or all of them if n is 0.
func values[E any](n int, all ...E) []E {
	if n == 0 {
		return all
	}
	return all[:min(n, len(all))]
}

func (w *logWriter) value(f protoreflect.FieldDescriptor, keys int) protoreflect.Value {
	switch f.Name() { // those with narrow bounds, or that only collide in combination
	case "age", "balance", "quota":
		if f.Kind() == protoreflect.Uint64Kind {
			return protoreflect.ValueOf(pick(w, []uint64{0, 1, 500, 1000, 1001}))
		}
		return protoreflect.ValueOf(pick(w, []int64{0, 1, 2, 150, -101}))
	case "room":
		return protoreflect.ValueOf(pick(w, []string{"", "a"}))
	case "chair":
		return protoreflect.ValueOf(pick(w, []int64{0, 1}))
	case "code":
		return protoreflect.ValueOf(pick(w, []string{"abc", "abcdefgh", "ab"}))
	case "digest", "imprint":
		return protoreflect.ValueOf(pick(w, [][]byte{{}, {0}, {0, 0xff}, {0xff}, []byte("a")}))
	case "note", "remark", "content":
		return protoreflect.ValueOf(strings.Repeat(pick(w, plainTexts), w.IntN(1500)))
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		switch {
		case keys > 0:
			return protoreflect.ValueOf(fmt.Sprint("k", w.IntN(keys)))
		case w.chance(2):
			return protoreflect.ValueOf(pick(w, []string{"\x00", strings.Repeat("long", 100)}))
		}
		return protoreflect.ValueOf(pick(w, plainTexts))
	case protoreflect.BytesKind:
		if keys > 0 || w.chance(50) {
			return protoreflect.ValueOf(pick(w, values(keys, []byte{}, []byte{0}, []byte{0, 0xff}, []byte{0xff}, []byte("\xff\xff"), []byte("a"))))
		}
		return protoreflect.ValueOf([]byte(strings.Repeat("\xff\x00", w.IntN(2000))))
	case protoreflect.BoolKind:
		return protoreflect.ValueOf(w.chance(50))
	case protoreflect.EnumKind:
		return protoreflect.ValueOf(pick(w, values(keys, protoreflect.EnumNumber(0), -1, 1, 2, math.MaxInt32, math.MinInt32)))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOf(pick(w, values(keys, uint64(0), math.MaxUint64, 1, 1<<63, 1<<63-1)))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOf(pick(w, []uint32{0, 1, math.MaxUint32}))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOf(pick(w, []int32{0, -1, math.MinInt32, math.MaxInt32}))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOf(pick(w, []float64{0, math.Inf(-1), math.Copysign(0, -1)}))
	case protoreflect.FloatKind:
		return protoreflect.ValueOf(pick(w, []float32{0, 1.5}))
	}
	return protoreflect.ValueOf(pick(w, values(max(keys, 5), int64(0), -1, 1, math.MinInt64, math.MaxInt64, 2, 3, 4, 5, 6, 7, 8)))
}
