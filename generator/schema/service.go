package schema

import "google.golang.org/protobuf/reflect/protoreflect"

// Service is what the contract offers of an entity. Contract text, handlers,
// clients and limits are made from it, and nothing else lists RPCs.
type Service struct {
	Name    string // UserProfileService
	Comment string
	Methods []*Method // in the order of the contract
	// Messages are those that several methods have in common, such as the key.
	Messages []*Message
}

// Operation is what a method does, whatever its entity.
type Operation int

// The operations of KeyValue.
const (
	Put Operation = iota + 1
	Get
	Delete
	CompareAndSwap
	BatchPut
	BatchGet
	BatchDelete
	Scan
	FindOne // by a unique index
	FindPage
)

// Shape is how many messages go each way in a call.
type Shape int

const (
	Unary        Shape = iota
	ServerStream       // the answer is a stream
)

// Method is one RPC.
type Method struct {
	Name      string // PutUserProfile
	GoName    string // put: of the handler, and of what it asks of the store
	Operation Operation
	Index     *Index // of a Find; else nil
	Write     bool
	Shape     Shape
	Comment   string
	Reasons   []string // of errors that not every method has, as its comment lists them

	Request, Response *Message
}

// Message is a message of the contract.
type Message struct {
	Name    string // PutUserProfileRequest; one that is nested, without the outer's: By
	Comment string
	Nested  []*Message
	Fields  []*MessageField
}

// MessageField is a field of a message of the contract. Its number is frozen:
// clients have it compiled in.
type MessageField struct {
	Number  int32
	Name    string
	Comment string
	Type    MessageType

	Repeated bool
	Optional bool // a scalar whose absence can be told
}

// MessageType is the type of a field: one of its members is set.
type MessageType struct {
	Scalar  protoreflect.Kind // of what Prism itself adds: a version, a page's size
	Time    bool              // google.protobuf.Timestamp, of what Prism itself adds
	Field   *Field            // that of a field of the entity, whose name and number it has
	Entity  *Entity           // the entity as a whole
	Message *Message
}

// FullName is the service's name with that of its package: shop.v1.UserProfileService.
func (e *Entity) FullServiceName() string {
	return string(protoreflect.FullName(e.Contract.Package).Append(protoreflect.Name(e.Service.Name)))
}
