// Package reason says why a call to a proxy failed, in the types of Go.
package reason

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// Of returns why a call failed, as the comments of the RPCs name it:
//
//	if reason.Of(err) == prismv1.Reason_VERSION_MISMATCH { … }
//
// It is REASON_UNSPECIFIED where err is nil, does not come from a proxy, or has a
// reason that is newer than this package; the code of err is then all there is. An
// error that wraps that of a call has its reason.
func Of(err error) prismv1.Reason {
	return prismv1.Reason(prismv1.Reason_value[info(err).GetReason()])
}

// Metadata returns what else an error of a proxy says, such as the current_version
// of a VERSION_MISMATCH. It is nil where err does not come from a proxy. The map is
// the caller's.
func Metadata(err error) map[string]string { return info(err).GetMetadata() }

func info(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "prism" {
			return info
		}
	}
	return nil
}
