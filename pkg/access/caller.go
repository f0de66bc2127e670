package access

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// maxDecided bounds what one Caller has at hand.
const maxDecided = 4096

// User is who the API server takes somebody for.
type User struct {
	Name, UID string
	Groups    []string
	Extra     map[string][]string
}

// Attributes are what somebody wants to do: something with resources, or GET Path. Those
// that are empty stand for all.
type Attributes struct {
	Verb, Group, Resource, Namespace, Name string
	Path                                   string
}

// decision is an answer, and when it was given.
type decision struct {
	allowed bool
	until   time.Time
}

// Caller is somebody whom the Gate let in. It is safe for concurrent use.
type Caller struct {
	gate        *Gate
	certificate *x509.Certificate
	token       string

	mu sync.Mutex
	// user is as of the last Renew, and id tells it from others.
	user User
	id   string
	// decided spares the HMAC of each event of a stream.
	decided map[Attributes]decision
}

// Name is who it is, as the API server calls them.
func (c *Caller) Name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user.Name
}

// Renew finds out again who the caller is. Its errors are those of Gate.Admit; after one
// the Caller may see nothing any more.
func (c *Caller) Renew(ctx context.Context) error {
	user, err := c.identify(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.user, c.id = User{}, ""
		return err
	}
	if id := c.gate.mac(user.parts()...); id != c.id {
		c.user, c.id = user, id
		clear(c.decided)
	}
	return nil
}

func (c *Caller) identify(ctx context.Context) (User, error) {
	if c.certificate == nil {
		return c.gate.whose(ctx, c.token)
	}
	// It was verified when the connection began, which may be long ago.
	now := c.gate.opts.Now()
	if now.After(c.certificate.NotAfter) || c.certificate.Subject.CommonName == "" {
		return User{}, ErrUnauthenticated
	}
	// The API server reads certificates in this way, and adds the group.
	return User{
		Name:   c.certificate.Subject.CommonName,
		Groups: append(append([]string{}, c.certificate.Subject.Organization...), "system:authenticated"),
	}, nil
}

// MayRead tells whether the caller may list (or watch, as the verb says) an object: as
// one of all, as one of its namespace, or by its name. A name that is empty stands for
// all of the namespace, a namespace for all of them. It blocks while the API server is
// asked; the error is an *UnavailableError or the context's.
func (c *Caller) MayRead(ctx context.Context, verb string, r schema.GroupResource, namespace, name string) (bool, error) {
	a := Attributes{Verb: verb, Group: r.Group, Resource: r.Resource}
	if allowed, err := c.may(ctx, a); allowed || err != nil {
		return allowed, err
	}
	if a.Namespace = namespace; namespace != "" {
		if allowed, err := c.may(ctx, a); allowed || err != nil {
			return allowed, err
		}
	}
	if a.Name = name; name == "" {
		return false, nil
	}
	return c.may(ctx, a)
}

// MayGet tells whether the caller may get a path that is no resource.
func (c *Caller) MayGet(ctx context.Context, path string) (bool, error) {
	return c.may(ctx, Attributes{Verb: "get", Path: path})
}

func (c *Caller) may(ctx context.Context, a Attributes) (bool, error) {
	c.mu.Lock()
	d, ok := c.decided[a]
	user, id := c.user, c.id
	c.mu.Unlock()
	if id == "" {
		return false, fmt.Errorf("deciding for nobody: %w", ErrUnauthenticated)
	}
	if ok && c.gate.opts.Now().Before(d.until) {
		return d.allowed, nil
	}
	d, err := c.gate.decide(ctx, user, id, a)
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.decided) >= maxDecided {
		clear(c.decided)
	}
	if c.id == id {
		c.decided[a] = d
	}
	return d.allowed, nil
}
