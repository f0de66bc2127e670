package watch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// verdict is what an error says about a resource. A zero State means that it says
// nothing yet: the trouble may pass, or lie with the API server as a whole.
type verdict struct {
	state           State
	reason, message string
}

// brokenMessages are phrases of the API server that tell what is wrong with a
// resource. They are looked at before the status code, which may be that of
// something else: an undecodable object can hide inside a 429.
var brokenMessages = []struct{ phrase, reason string }{
	{"conversion webhook for", "ConversionWebhookFailed"},
	{"not decodable", "UndecodableObject"},
	{"invalid group/version", "UndecodableObject"},
	{"no kind \"", "UndecodableObject"},
}

// classify says what an error of List or Watch means for the resource.
func classify(err error) verdict {
	message := err.Error()
	for _, b := range brokenMessages {
		if strings.Contains(message, b.phrase) {
			return verdict{Broken, b.reason, message}
		}
	}
	switch {
	case apierrors.IsForbidden(err):
		return verdict{Forbidden, "Forbidden", message}
	case apierrors.IsUnauthorized(err):
		return verdict{Forbidden, "Unauthorized", message}
	case apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err):
		return verdict{NotServed, "NotFound", message}
	}
	return verdict{"", transientReason(err), message}
}

// transientReason names an error that may pass. The words are few and fixed: they
// are metric labels.
func transientReason(err error) string {
	var netErr net.Error
	switch {
	case apierrors.IsTooManyRequests(err):
		return "TooManyRequests"
	case isExpired(err):
		return "Expired"
	case isTooLarge(err):
		return "ResourceVersionTooLarge"
	case utilnet.IsConnectionRefused(err), utilnet.IsConnectionReset(err), utilnet.IsProbableEOF(err):
		return "Unreachable"
	case errors.Is(err, context.DeadlineExceeded), utilnet.IsTimeout(err), errors.As(err, &netErr):
		return "Unreachable"
	case statusCode(err) >= http.StatusInternalServerError:
		return "ServerError"
	}
	return "Error"
}

// isExpired: the API server no longer has the revisions after the one asked for.
func isExpired(err error) bool {
	return apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
}

// isTooLarge: the API server says that it has not seen this resourceVersion yet.
// It means that it is behind for a moment, or that etcd was restored from a backup.
func isTooLarge(err error) bool {
	return apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge)
}

// tooOld is what the watch cache of the API server writes into its 410: the
// resourceVersion asked for and, in parentheses, the earliest that it can serve
// (k8s.io/apiserver/pkg/storage/cacher).
var tooOld = regexp.MustCompile(`too old resource version: \d+ \((\d+)\)`)

// oldestOf returns the earliest resourceVersion that the API server can resume from,
// if a 410 says so.
func oldestOf(err error) string {
	if m := tooOld.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
}

// rejectsWatchList: the API server does not know, or not allow, sendInitialEvents.
func rejectsWatchList(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

func statusCode(err error) int {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return int(status.Status().Code)
	}
	return 0
}
