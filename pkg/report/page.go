package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// The page is made of these. Its script is of four parts for the reader's sake; it is one
// module for the browser.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageStyle string
	//go:embed page/words.js
	pageWords string
	//go:embed page/rows.js
	pageRows string
	//go:embed page/api.js
	pageAPI string
	//go:embed page/page.js
	pageScript string
)

// webPage is what a browser is shown: one document that loads nothing but answers of the API.
type webPage struct {
	html []byte
	// policy lets a browser run what is in html, byte for byte, and nothing else.
	policy string
}

func newPage() *webPage {
	script := strings.Join([]string{pageWords, pageRows, pageAPI, pageScript}, "\n")
	return &webPage{
		html: []byte(strings.NewReplacer("{{style}}", pageStyle, "{{script}}", script).Replace(pageHTML)),
		policy: fmt.Sprintf("default-src 'none'; script-src %s; style-src %s; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
			contentHash(script), contentHash(pageStyle)),
	}
}

// contentHash is how a Content-Security-Policy names what stands between two tags
// (https://www.w3.org/TR/CSP3/#grammardef-hash-source).
func contentHash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// serve answers whatever the parameters are: they mean nothing here.
func (p *webPage) serve(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Security-Policy", p.policy)
	writeBody(w, r, http.StatusOK, mediaHTML, p.html)
	return nil
}
