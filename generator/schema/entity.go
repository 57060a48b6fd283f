package schema

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

const (
	maxName   = 63 // bytes of the name of an entity or a namespace: files are named after them
	maxTTL    = 3650 * 24 * time.Hour
	maxRate   = 10_000_000
	maxCount  = 1_000_000_000_000_000
	maxRecord = 3 << 20
	maxItems  = 100_000 // what a record holds at all depths: wire.MaxElements
)

var (
	messageShape = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	fieldShape   = regexp.MustCompile(`^[a-z]([a-z0-9_]*[a-z0-9])?$`)
)

// entity reads one entity into its namespace. Each part reports its faults and
// leaves something that the next parts can be read against.
func (r *reader) entity(m protoreflect.MessageDescriptor, o *prismv1.Entity) {
	e := &Entity{
		Release:    1,
		Desc:       m,
		Name:       string(m.Name()),
		Comment:    comment(m),
		Durability: Durability(o.GetDurability()),
		Source:     place(m),
	}
	r.entities = append(r.entities, e)
	r.unknown(m, entityOption, o.ProtoReflect())
	r.entityNames(e, o)
	e.Abstraction = r.abstraction(e, o)
	r.capacity(e, o.GetCapacity())
	r.evolution(e, o)
	r.fields(e, o.GetColumns() == prismv1.Entity_ALL)
	e.Abstraction.read(r, e, o)
	r.columns(e)
	r.sizes(e)
	r.personal(e)
	r.nested(e)
	e.Service = e.Abstraction.service(e)
	r.namespace(e, o)
}

func (r *reader) entityNames(e *Entity, o *prismv1.Entity) {
	if !messageShape.MatchString(e.Name) {
		r.report(RuleNameShape, e.Source, "rename the message, as in UserProfile", "entity is named %s", e.Name)
	}
	e.Plural = plural(e.Name)
	if p := o.GetPlural(); p != "" {
		e.Plural = p
		if !messageShape.MatchString(p) {
			r.report(RuleNameShape, place(e.Desc, option(entityOption, entityPlural)...), "write it as in UserProfiles", "plural of %s is %q", e.Name, p)
		}
	}
	e.Label, e.Labels, e.GoPackage = snake(e.Name), snake(e.Plural), goPackageOf(e.Name)
	e.Table = e.Labels
	e.Dir, e.Contract = entityDir(string(e.Desc.ParentFile().Package()), e.GoPackage), contractOf(e.Desc.ParentFile())
	if slices.Contains(recordFields, e.Label) {
		e.Label += "_record"
	}
	fix := `write option (prism.v1.entity).table = "…"`
	if t := o.GetTable(); t != "" {
		e.Table = t
		fix = "write another name"
		if !fieldShape.MatchString(t) {
			r.report(RuleNameShape, e.TableSource(), "write it as in user_profiles", "table of %s is %q", e.Name, t)
		}
	}
	switch {
	case len(e.Table) > maxIdentifier:
		r.report(RuleNameLength, e.TableSource(), fix, "table %s… has %d bytes", e.Table[:32], len(e.Table))
	case reserved(e.Table):
		r.report(RuleNameReserved, e.TableSource(), fix, "table is named %s", e.Table)
	}
	if len(e.Name) > maxName {
		r.report(RuleNameLength, e.Source, "write a shorter name", "%s… has %d bytes", e.Name[:32], len(e.Name))
	}
}

// recordFields stand beside the entity's own field in generated messages.
var recordFields = []string{"version", "expire_time", "expected_version"}

// reserved reports whether a name is of Prism's own.
func reserved(name string) bool { return strings.HasPrefix(name, "prism_") }

// namespace puts the entity where prism.yaml says.
func (r *reader) namespace(e *Entity, o *prismv1.Entity) {
	at := e.NamespaceSource()
	name := o.GetNamespace()
	switch {
	case name == "":
		r.report(RuleNamespaceName, e.Source, fmt.Sprintf("write option (prism.v1.entity).namespace = %q", strings.ReplaceAll(e.Labels, "_", "-")),
			"entity %s has no namespace", e.Desc.FullName())
		return
	case !namespaceName.MatchString(name) || len(name) > maxName:
		r.report(RuleNamespaceName, at, "write a name such as user-profiles", "namespace is %q", name)
		return
	}
	n := r.namespaces[name]
	if n == nil {
		r.unserved(at, name)
		return
	}
	e.Namespace = n
	n.Entities = append(n.Entities, e)
	i := slices.IndexFunc(r.stores, func(s Store) bool { return s.Name == n.Backend })
	if i < 0 || n.Config == nil {
		return // reported where prism.yaml says it
	}
	r.served(e, r.stores[i])
	if check := r.stores[i].Check; check != nil {
		for _, b := range check(e) {
			r.report(RuleBackendLimit, b.At, b.Fix, "%s", b.What)
		}
	}
	if promised := r.stores[i].Durability(n.Config); promised < e.Durability {
		r.report(RuleDurability, place(e.Desc, option(entityOption, entityDurability)...), "choose another backend or setting in prism.yaml, or declare "+promised.String(),
			"entity %s needs %s, but %s as configured in namespace %s promises %s", e.Desc.FullName(), e.Durability, n.Backend, n.Name, promised)
	}
}

// unserved reports a namespace that prism.yaml does not have, unless nobody knows
// which it has.
func (r *reader) unserved(at Source, name string) {
	if r.places.unnamed {
		return
	}
	known := slices.Sorted(maps.Keys(r.namespaces))
	if near := Nearest(name, known); near != "" {
		r.places.meant[near] = true
	}
	r.report(RuleNamespaceUnserved, at, fmt.Sprintf("add {name: %s, backend: …} to namespaces", name)+didYouMean(name, known),
		"%s has no namespace %q", r.places.file, name)
}

func (r *reader) ttl(e *Entity, o *prismv1.Entity) {
	if o.GetTtl() == nil {
		return
	}
	e.TTL = o.GetTtl().AsDuration()
	if o.GetTtl().CheckValid() != nil || e.TTL < time.Second || e.TTL > maxTTL || e.TTL%time.Millisecond != 0 {
		r.report(RuleOptionRange, place(e.Desc, option(entityOption, entityTTL)...), "write 1 s to 10 years in whole milliseconds", "ttl of %s is %s", e.Name, e.TTL)
	}
}

func (r *reader) capacity(e *Entity, c *prismv1.Capacity) {
	e.Capacity = Capacity{
		PeakReads:      c.GetPeakReadsPerSecond(),
		PeakWrites:     c.GetPeakWritesPerSecond(),
		Records:        c.GetRecords(),
		BytesPerRecord: c.GetBytesPerRecord(),
	}
	for _, bound := range []struct {
		number int32
		name   string
		value  uint64
		most   uint64
	}{
		{capacityPeakReads, "peak_reads_per_second", e.Capacity.PeakReads, maxRate},
		{capacityPeakWrites, "peak_writes_per_second", e.Capacity.PeakWrites, maxRate},
		{capacityRecords, "records", e.Capacity.Records, maxCount},
		{capacityBytesPerRecord, "bytes_per_record", e.Capacity.BytesPerRecord, maxRecord},
	} {
		if bound.value > bound.most {
			r.report(RuleOptionRange, place(e.Desc, option(entityOption, entityCapacity, bound.number)...), fmt.Sprintf("write at most %d", bound.most),
				"%s of %s is %d", bound.name, e.Name, bound.value)
		}
	}
}

// unknown refuses members and values of options that this compiler does not
// know: ignoring them would be silent.
func (r *reader) unknown(d protoreflect.Descriptor, path []int32, options protoreflect.Message) {
	strange := len(options.GetUnknown()) > 0
	options.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := option(path, int32(f.Number()))
		switch {
		case f.Enum() != nil && f.IsList():
			for i := range v.List().Len() {
				strange = strange || f.Enum().Values().ByNumber(v.List().Get(i).Enum()) == nil
			}
		case f.Enum() != nil && f.Enum().Values().ByNumber(v.Enum()) == nil:
			strange = true
		case f.Message() != nil && f.IsList():
			for i := range v.List().Len() {
				r.unknown(d, option(at, int32(i)), v.List().Get(i).Message())
			}
		case f.Message() != nil:
			r.unknown(d, at, v.Message())
		}
		return true
	})
	if strange {
		r.report(RuleOptionUnknown, place(d, path...), "use a newer compiler", "%s has an option or a value that this compiler does not know", d.FullName())
	}
}
