package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	kjson "sigs.k8s.io/json"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
	// maxAnswer bounds the answers that are read whole.
	maxAnswer = 64 << 20
)

// historyServer is the history behind a report endpoint.
type historyServer struct {
	base   *url.URL
	client *http.Client
}

// newHistoryServer takes credentials from kubectl's flags only, and none from a
// kubeconfig: those are the API server's.
func (o *historyOptions) newHistoryServer() (historySource, error) {
	base, err := url.Parse(o.server)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	c := o.connection
	if *c.BearerToken != "" && base.Scheme == "http" && !report.IsLoopback(base.Hostname()) {
		return nil, fmt.Errorf("--server: %s would send the token in the clear: use https", base.Redacted())
	}
	transport, err := rest.TransportFor(&rest.Config{
		Host: o.server, BearerToken: *c.BearerToken, UserAgent: "crdwatch/" + buildInfo().Version,
		TLSClientConfig: rest.TLSClientConfig{
			Insecure: *c.Insecure, ServerName: *c.TLSServerName,
			CAFile: *c.CAFile, CertFile: *c.CertFile, KeyFile: *c.KeyFile,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the connection to %s: %w", base.Redacted(), err)
	}
	return &historyServer{base: base, client: &http.Client{
		Transport: transport,
		// The token would go wherever a redirect leads.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (h *historyServer) close() { h.client.CloseIdleConnections() }

// get returns an answer of the media type that was asked for. The server has some time
// to begin it, and all the time to end it. Whoever gets it closes its body and calls end.
func (h *historyServer) get(ctx context.Context, media, path string, query url.Values) (resp *http.Response, end func(), err error) {
	u := h.base.JoinPath(path)
	u.RawQuery = query.Encode()
	ctx, cancel := context.WithCancelCause(ctx)
	end = func() { cancel(nil) }
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("asking %s: %w", h.base.Redacted(), err)
	}
	r.Header.Set("Accept", media)
	late := time.AfterFunc(preflightTimeout, func() { cancel(errLate) })
	resp, err = h.client.Do(r)
	late.Stop()
	if err != nil {
		err = h.unreachable(err, context.Cause(ctx))
	} else {
		err = h.refused(resp, media)
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	return resp, end, nil
}

var errLate = fmt.Errorf("it does not answer within %s", preflightTimeout)

// unreachable says what to do about err. What net/http says of the request, with the
// whole URL, is left out.
func (h *historyServer) unreachable(err, cause error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	if errors.Is(cause, errLate) {
		err = errLate
	}
	hint := "does crdwatch serve run there, and is this its --report-address?"
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		hint = "name the authority that signed it with --certificate-authority"
	}
	return fmt.Errorf("cannot reach the server %s: %w (%s)", h.base.Redacted(), err, hint)
}

// refused says in words what an answer other than the one asked for means, and closes it.
func (h *historyServer) refused(resp *http.Response, media string) error {
	got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK && got == media {
		return nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", h.base.Redacted(), err)
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) != nil || status.Kind != "Status" || status.Message == "" {
		return fmt.Errorf("%s answers %s as %q: is it the report endpoint of crdwatch serve?", h.base.Redacted(), resp.Status, got)
	}
	message := printable(status.Message)
	if resp.StatusCode == http.StatusServiceUnavailable {
		return fmt.Errorf("the server %s is not ready: %s (it has to see all resources first; try again in a moment)", h.base.Redacted(), message)
	}
	return fmt.Errorf("the server %s refuses: %s", h.base.Redacted(), message)
}

// printable keeps what a server says from controlling the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// fetch reads a JSON answer.
func (h *historyServer) fetch(ctx context.Context, path string, query url.Values, into any) error {
	resp, end, err := h.get(ctx, mediaJSON, path, query)
	if err != nil {
		return err
	}
	defer end()
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", h.base.Redacted(), err)
	}
	return nil
}

// resources knows no short names: the inventory does not have them.
func (h *historyServer) resources(ctx context.Context) ([]discovery.Resource, error) {
	var list report.ResourceList
	if err := h.fetch(ctx, "api/v1/resources", nil, &list); err != nil {
		return nil, err
	}
	known := []discovery.Resource{discovery.CRDs()}
	for _, item := range list.Items {
		if item.Name == known[0].CRD {
			continue
		}
		known = append(known, discovery.Resource{
			CRD: item.Name, UID: item.UID, Kind: item.Kind, Singular: strings.ToLower(item.Kind),
			GVR:            schema.GroupVersionResource{Group: item.Group, Version: item.Version, Resource: item.Resource},
			ServedVersions: item.ServedVersions, Namespaced: item.Scope == "Namespaced",
		})
	}
	return sortedByCRD(known), nil
}

// events leaves the newest events to the caller: the server counts from the oldest.
func (h *historyServer) events(ctx context.Context, f report.Filter, _ int) timeline {
	query := url.Values{}
	for name, value := range map[string]string{
		"resource": f.Resource, "namespace": f.Namespace, "name": f.Name, "type": string(f.Type), "manager": f.Manager,
		"since": timeParameter(f.Since), "until": timeParameter(f.Until),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return filtered(h.lines(ctx, query), f)
}

func timeParameter(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (h *historyServer) lines(ctx context.Context, query url.Values) timeline {
	return func(yield func(watch.Event, error) bool) {
		resp, end, err := h.get(ctx, mediaNDJSON, "api/v1/events", query)
		if err != nil {
			yield(watch.Event{}, err)
			return
		}
		defer end()
		defer resp.Body.Close()
		lines := bufio.NewReader(resp.Body)
		for {
			ev, err := readLine(lines)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(watch.Event{}, fmt.Errorf("reading events from %s: %w", h.base.Redacted(), err))
				return
			}
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// readLine returns io.EOF at the end. An answer that is cut off has none: the server
// leaves out the end of one that it could not complete.
func readLine(lines *bufio.Reader) (watch.Event, error) {
	var ev watch.Event
	line, err := lines.ReadBytes('\n')
	switch {
	case errors.Is(err, io.EOF) && len(line) > 0, errors.Is(err, io.ErrUnexpectedEOF):
		return ev, errors.New("the answer is cut off")
	case err != nil:
		return ev, err
	}
	// Integers stay integers, as in the history.
	return ev, kjson.UnmarshalCaseSensitivePreserveInts(line, &ev)
}

// oldest is that of what the caller may see.
func (h *historyServer) oldest(ctx context.Context) (time.Time, error) {
	var page report.Page
	err := h.fetch(ctx, "api/v1/events", url.Values{"limit": {"1"}}, &page)
	if err != nil || len(page.Items) == 0 {
		return time.Time{}, err
	}
	return page.Items[0].Time, nil
}
