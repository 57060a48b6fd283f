package backendtest

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// player plays a log on one proxy. Its answers are comparable with those of
// other proxies: a version is represented by its position among those shown for
// the record, and a page token by whether there is one, since it is used later.
type player struct {
	*Proxy
	seen   map[string][]int64 // the versions shown, by key
	tokens map[int]string     // each list's last token
}

func (p *player) play(ctx context.Context, o operation) string {
	switch {
	case o.advance > 0:
		p.Advance(o.advance)
		return "advanced"
	case o.sweep:
		if _, err := p.Server.RunTasks(ctx); err != nil {
			return "sweep failed: " + err.Error()
		}
		return "swept" // the number depends on the backend
	}
	in := proto.Clone(o.in.Interface()).ProtoReflect()
	p.choose(in, o)
	if o.resume > 0 {
		if p.tokens[o.resume] == "" {
			return "the list has ended"
		}
		set(in, "page_token", p.tokens[o.resume])
	}
	out, err := p.invoke(ctx, o.entity, o.method, in.Interface())
	if err != nil {
		return p.refusal(err, in)
	}
	return p.answer(out, in, o)
}

// choose puts the version that the operation refers to into the request.
func (p *player) choose(in protoreflect.Message, o operation) {
	if o.version == noVersion {
		return
	}
	version := int64(0)
	switch seen := p.seen[keyText(in)]; {
	case o.version == negativeVersion:
		version = -1
	case o.version == noSuchVersion || len(seen) == 0:
		version = 1 << 60
	case o.version == firstVersion:
		version = seen[0]
	default:
		version = seen[len(seen)-1]
	}
	in.Set(in.Descriptor().Fields().ByNumber(2), protoreflect.ValueOf(version))
}

// keyText names the key that field 1 of a request or record holds.
func keyText(m protoreflect.Message) string {
	f := m.Descriptor().Fields().ByNumber(1)
	if f == nil || f.Message() == nil || f.IsList() {
		return ""
	}
	return keyOfMessage(m.Get(f).Message())
}

// keyOfMessage names the key that an entity or a key message holds.
func keyOfMessage(m protoreflect.Message) string {
	name := string(m.Descriptor().Name())
	if entity, ok := strings.CutSuffix(name, "Key"); ok {
		return entity + " " + prototext.Format(m.Interface())
	}
	return name + " " + prototext.Format(keyOf(m).Interface())
}

// place returns the position of a version among those seen for a key; a new one
// is added at the end.
func (p *player) place(key string, version int64) int64 {
	i := slices.Index(p.seen[key], version)
	if i < 0 {
		i = len(p.seen[key])
		p.seen[key] = append(p.seen[key], version)
	}
	return int64(i + 1)
}

// atVersion matches the version in a text, which is also in the metadata.
var atVersion = regexp.MustCompile(`at version \d+`)

// refusal formats an error without what differs from call to call.
func (p *player) refusal(err error, in protoreflect.Message) string {
	s := status.Convert(err)
	text := fmt.Sprintf("%v %s", s.Code(), atVersion.ReplaceAllString(s.Message(), ""))
	for _, detail := range s.Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok {
			text += fmt.Sprintf(" %v", detail)
			continue
		}
		text += " " + info.Reason
		for _, key := range slices.Sorted(maps.Keys(info.Metadata)) {
			value := info.Metadata[key]
			switch key {
			case "request_id":
				continue
			case "current_version":
				var version int64
				fmt.Sscan(value, &version)
				value = fmt.Sprint(p.place(keyText(in), version))
			}
			text += fmt.Sprintf(" %s=%s", key, value)
		}
	}
	return text
}

// answer formats an answer with positions for its versions.
func (p *player) answer(out, in protoreflect.Message, o operation) string {
	if f := out.Descriptor().Fields().ByName("version"); f != nil {
		out.Set(f, protoreflect.ValueOf(p.place(keyText(in), out.Get(f).Int())))
	}
	if f := out.Descriptor().Fields().ByName("record"); f != nil {
		p.record(out.Get(f).Message())
	}
	if f := out.Descriptor().Fields().ByName("records"); f != nil {
		for i := range out.Get(f).List().Len() {
			p.record(out.Get(f).List().Get(i).Message())
		}
	}
	if f := out.Descriptor().Fields().ByName("results"); f != nil {
		p.results(out.Get(f).List(), in)
	}
	if f := out.Descriptor().Fields().ByName("next_page_token"); f != nil {
		p.tokens[o.list] = out.Get(f).String()
		if out.Has(f) {
			out.Set(f, protoreflect.ValueOf("more"))
		}
	}
	return prototext.Format(out.Interface())
}

func (p *player) record(r protoreflect.Message) {
	if !r.IsValid() { // the empty message of an unset field
		return
	}
	f := field(r, "version")
	r.Set(f, protoreflect.ValueOf(p.place(keyText(r), r.Get(f).Int())))
}

// results replaces the versions of a batch by positions.
func (p *player) results(results protoreflect.List, in protoreflect.Message) {
	items := in.Get(in.Descriptor().Fields().ByNumber(1)).List()
	for i := range results.Len() {
		r := results.Get(i).Message()
		if f := r.Descriptor().Fields().ByName("version"); f != nil {
			r.Set(f, protoreflect.ValueOf(p.place(keyOfMessage(items.Get(i).Message()), r.Get(f).Int())))
		}
		if f := r.Descriptor().Fields().ByName("record"); f != nil {
			p.record(r.Get(f).Message())
		}
	}
}

// randomReasons are the reasons that a random log causes.
var randomReasons = []refusal{
	fieldRequired, fieldTooLong, fieldTooShort, fieldRange, fieldCharset, timeRange, pageSizeRange, tokenInvalid,
	batchEmpty, batchDuplicate, notFound, versionMismatch, exists, unique,
}

// reasonIn returns the reason in a normalised answer, "" for a success.
func reasonIn(answer string) string {
	for _, r := range randomReasons {
		if strings.HasPrefix(answer, r.code.String()+" ") && strings.Contains(answer, " "+r.reason+" ") {
			return r.reason
		}
	}
	return ""
}
