// Package number has the numbers of Prism's own fields in the messages of a
// contract. Clients have them compiled in, so none may ever change. The package
// imports nothing, so that the compiler, which writes the messages, and the
// runtime, which reads them, can both use it.
package number

// The fields of requests about records.
const (
	Item      = 1 // the record or key; in a batch all of them; in a Find the values to find by
	IfVersion = 2 // the expected version
)

// The fields of requests for lists. A Find has its Item besides.
const (
	Partition = 1
	From      = 11
	To        = 12
	Reverse   = 13
	PageSize  = 14
	PageToken = 15
)

// The fields of responses. The results of a batch have those of the response to
// one record.
const (
	Results       = 1 // of a batch
	Version       = 1 // of what was put or swapped
	ExpireTime    = 2 // of what was put or swapped
	Existed       = 1 // of what was deleted
	Record        = 1 // one record, or those of a page
	NextPageToken = 2
)

// The fields of a Record.
const (
	Entity           = 1
	RecordVersion    = 2
	RecordExpireTime = 3
)
