package report

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// retryAfterSeconds is what a client is told to wait for readiness.
const retryAfterSeconds = 1

// failure returns an error that is answered as a metav1.Status, as the API server
// does, so that clients of the one understand the other.
func failure(code int, reason metav1.StatusReason, message string) *apierrors.StatusError {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure,
		Code:     int32(code), Reason: reason, Message: message,
	}}
}

// badParameter names the query parameter that cannot be understood.
func badParameter(name, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	err := failure(http.StatusBadRequest, metav1.StatusReasonBadRequest,
		fmt.Sprintf("parameter %q: %s", name, message))
	err.ErrStatus.Details = &metav1.StatusDetails{Causes: []metav1.StatusCause{{
		Type: metav1.CauseTypeFieldValueInvalid, Field: name, Message: message,
	}}}
	return err
}

// expired carries the cursor to go on with where the API server carries its own
// continue token when that has expired: in metadata.continue.
func expired(err *ExpiredError) error {
	answer := failure(http.StatusGone, metav1.StatusReasonExpired, err.Error())
	answer.ErrStatus.Continue = err.Oldest.String()
	return answer
}

func notReady(reason error) error {
	err := failure(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable,
		fmt.Sprintf("not ready yet: %v", reason))
	err.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: retryAfterSeconds}
	return err
}

// writeError answers with err. An error that no handler meant for the client is
// answered without its text, which may say what the client must not know.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	var gone *ExpiredError
	if errors.As(err, &gone) {
		err = expired(gone)
	}
	err = explainAccess(err)
	var answer *apierrors.StatusError
	if !errors.As(err, &answer) {
		answer = failure(http.StatusInternalServerError, metav1.StatusReasonInternalError, "internal error")
	}
	status := answer.ErrStatus
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
	}
	if status.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	body, err := marshalLine(status)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	writeBody(w, r, int(status.Code), mediaJSON, body)
}
