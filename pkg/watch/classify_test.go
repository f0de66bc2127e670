package watch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestClassify(t *testing.T) {
	widgets := schema.GroupResource{Group: "example.com", Resource: "widgets"}
	for name, test := range map[string]struct {
		err    error
		state  State
		reason string
	}{
		"forbidden":       {apierrors.NewForbidden(widgets, "", errors.New("no")), Forbidden, "Forbidden"},
		"unauthorized":    {apierrors.NewUnauthorized("no"), Forbidden, "Unauthorized"},
		"not served":      {apierrors.NewNotFound(widgets, ""), NotServed, "NotFound"},
		"webhook":         {apierrors.NewInternalError(errors.New("conversion webhook for example.com/v1 failed")), Broken, "ConversionWebhookFailed"},
		"undecodable":     {apierrors.NewInternalError(errors.New("corrupt object: object not decodable")), Broken, "UndecodableObject"},
		"hidden in a 429": {apierrors.NewTooManyRequests("storage is (re)initializing: object not decodable", 1), Broken, "UndecodableObject"},
		"too many":        {apierrors.NewTooManyRequests("slow down", 1), "", "TooManyRequests"},
		"expired":         {apierrors.NewResourceExpired("too old"), "", "Expired"},
		"server error":    {apierrors.NewInternalError(errors.New("etcd is down")), "", "ServerError"},
		"refused":         {&url.Error{Op: "Get", Err: syscall.ECONNREFUSED}, "", "Unreachable"},
		"late":            {context.DeadlineExceeded, "", "Unreachable"},
		"anything else":   {errors.New("what?"), "", "Error"},
	} {
		v := classify(test.err)
		if v.state != test.state || v.reason != test.reason {
			t.Errorf("%s: %q %q, want %q %q", name, v.state, v.reason, test.state, test.reason)
		}
	}
}

func TestOldestOf(t *testing.T) {
	for message, want := range map[string]string{
		"too old resource version: 383 (395)":                    "395",
		"too old resource version":                               "",
		"The resourceVersion for the provided watch is too old.": "",
	} {
		if got := oldestOf(apierrors.NewResourceExpired(message)); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

func TestVerbOf(t *testing.T) {
	for target, want := range map[string]string{
		"/apis/example.com/v1/widgets?watch=true":     "WATCH",
		"/apis/example.com/v1/widgets?limit=1":        "LIST",
		"/apis/example.com/v1/namespaces/a/widgets/b": "GET",
	} {
		req, err := http.NewRequest(http.MethodGet, "https://127.0.0.1"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := verbOf(req); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}
