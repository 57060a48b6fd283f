package schema

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// checkRecursion warns of messages of the deployment's packages that contain
// themselves, once a cycle.
func (r *reader) checkRecursion(d *Deployment) {
	const open, done = 1, 2
	state := map[protoreflect.FullName]int{}
	var follow func(m protoreflect.MessageDescriptor)
	follow = func(m protoreflect.MessageDescriptor) {
		state[m.FullName()] = open
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			below := f.Message()
			if f.IsMap() { // its entry is nowhere in the source
				below = f.MapValue().Message()
			}
			switch {
			case below == nil:
			case state[below.FullName()] == 0:
				follow(below)
			case state[below.FullName()] == open && slices.Contains(d.Packages, string(f.ParentFile().Package())):
				r.report(RuleTypeRecursive, place(f), "limit the depth in the code that writes it", "%s contains %s again", f.FullName(), below.FullName())
			}
		}
		state[m.FullName()] = done
	}
	for _, e := range r.entities {
		if state[e.Desc.FullName()] == 0 {
			follow(e.Desc)
		}
	}
}
