package report

import (
	_ "embed"
	"net/http"
)

// openAPIDocument describes the HTTP API in OpenAPI 3.0. It is written by hand; the tests
// compare it with what the handler does.
//
//go:embed openapi.json
var openAPIDocument string

func openAPI(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseParameters(r); err != nil {
		return err
	}
	writeBody(w, r, http.StatusOK, mediaJSON, []byte(openAPIDocument))
	return nil
}
