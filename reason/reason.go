// Package reason tells Go clients why a call to a proxy failed.
package reason

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	prismv1 "github.com/prism-proxy/prism/schemas/prism/v1"
)

// Of returns the reason why a call failed, as the RPCs' comments name it:
//
//	if reason.Of(err) == prismv1.Reason_VERSION_MISMATCH { … }
//
// It is REASON_UNSPECIFIED if err is nil, does not come from a proxy, or has a
// reason newer than this package; then only the code of err is known. An error
// that wraps a call's error has its reason.
func Of(err error) prismv1.Reason {
	return prismv1.Reason(prismv1.Reason_value[info(err).GetReason()])
}

// Metadata returns further details of a proxy's error, such as the
// current_version of a VERSION_MISMATCH. It is nil if err does not come from a
// proxy. The caller owns the map.
func Metadata(err error) map[string]string { return info(err).GetMetadata() }

func info(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "prism" {
			return info
		}
	}
	return nil
}
