package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// whose asks who a token belongs to.
func (g *Gate) whose(ctx context.Context, token string) (User, error) {
	key := g.mac("token", token)
	if known, ok := g.tokens.Get(key); ok {
		return identity(known.(*authenticationv1.TokenReviewStatus), g.opts.Audiences)
	}
	status, err := once(ctx, g, key, func(ctx context.Context) (*authenticationv1.TokenReviewStatus, error) {
		// The answer is not older than the question.
		until := g.opts.Now().Add(Remembered)
		review := authenticationv1.TokenReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"},
			Spec:     authenticationv1.TokenReviewSpec{Token: token, Audiences: g.opts.Audiences},
		}
		if err := g.create(ctx, authenticationv1.SchemeGroupVersion.WithResource("tokenreviews"), &review); err != nil {
			return nil, err
		}
		g.tokens.Add(key, &review.Status, until.Sub(g.opts.Now()))
		return &review.Status, nil
	})
	if err != nil {
		return User{}, err
	}
	return identity(status, g.opts.Audiences)
}

// identity reads a TokenReview. An authenticator of the cluster that knows nothing of
// audiences returns none, and must not be believed where one was asked for.
func identity(s *authenticationv1.TokenReviewStatus, audiences []string) (User, error) {
	meant := len(audiences) == 0 || slices.ContainsFunc(s.Audiences, func(a string) bool { return slices.Contains(audiences, a) })
	if !s.Authenticated || !meant || s.User.Username == "" {
		return User{}, ErrUnauthenticated
	}
	user := User{Name: s.User.Username, UID: s.User.UID, Groups: s.User.Groups}
	for key, values := range s.User.Extra {
		if user.Extra == nil {
			user.Extra = map[string][]string{}
		}
		user.Extra[key] = values
	}
	return user, nil
}

// decide asks whether a user may do something. The id is that of the user.
func (g *Gate) decide(ctx context.Context, user User, id string, a Attributes) (decision, error) {
	key := g.mac("decision", id, a.Verb, a.Group, a.Resource, a.Namespace, a.Name, a.Path)
	if known, ok := g.decisions.Get(key); ok {
		return known.(decision), nil
	}
	return once(ctx, g, key, func(ctx context.Context) (decision, error) {
		until := g.opts.Now().Add(Remembered)
		review := newReview(user, a)
		if err := g.create(ctx, authorizationv1.SchemeGroupVersion.WithResource("subjectaccessreviews"), review); err != nil {
			g.opts.Decided("error")
			return decision{}, err
		}
		d := decision{allowed: review.Status.Allowed && !review.Status.Denied, until: until}
		g.opts.Decided(map[bool]string{true: "allowed", false: "denied"}[d.allowed])
		g.decisions.Add(key, d, until.Sub(g.opts.Now()))
		return d, nil
	})
}

func newReview(user User, a Attributes) *authorizationv1.SubjectAccessReview {
	review := &authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SubjectAccessReview"},
		Spec:     authorizationv1.SubjectAccessReviewSpec{User: user.Name, UID: user.UID, Groups: user.Groups},
	}
	for key, values := range user.Extra {
		if review.Spec.Extra == nil {
			review.Spec.Extra = map[string]authorizationv1.ExtraValue{}
		}
		review.Spec.Extra[key] = values
	}
	if a.Path != "" {
		review.Spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: a.Path, Verb: a.Verb}
		return review
	}
	review.Spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
		Verb: a.Verb, Group: a.Group, Resource: a.Resource, Namespace: a.Namespace, Name: a.Name,
	}
	return review
}

// create has the API server answer a review, in place. The error is an *UnavailableError.
func (g *Gate) create(ctx context.Context, resource schema.GroupVersionResource, review any) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(review)
	if err != nil {
		return &UnavailableError{Err: fmt.Errorf("encoding a review: %w", err)}
	}
	answer, err := g.opts.Client.Resource(resource).Create(ctx, &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	if err != nil {
		return &UnavailableError{Err: fmt.Errorf("creating %s: %w", resource.Resource, err)}
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(answer.Object, review); err != nil {
		return &UnavailableError{Err: fmt.Errorf("decoding the answer to %s: %w", resource.Resource, err)}
	}
	return nil
}

// mac is the key of what is remembered of something. The lengths keep the parts apart.
func (g *Gate) mac(parts ...string) string {
	mac := hmac.New(sha256.New, g.key)
	var length [binary.MaxVarintLen64]byte
	for _, p := range parts {
		mac.Write(length[:binary.PutUvarint(length[:], uint64(len(p)))])
		mac.Write([]byte(p))
	}
	return string(mac.Sum(nil))
}

// parts are all that the API server's answers may depend on.
func (u User) parts() []string {
	parts := []string{"user", u.Name, u.UID, strconv.Itoa(len(u.Groups))}
	parts = append(parts, u.Groups...)
	for _, key := range slices.Sorted(maps.Keys(u.Extra)) {
		parts = append(parts, key, strconv.Itoa(len(u.Extra[key])))
		parts = append(parts, u.Extra[key]...)
	}
	return parts
}
