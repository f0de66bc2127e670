package scan

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

const (
	// firstPage and largestPage are how many objects a LIST asks for at once: few at
	// first, which are read of many resources at the same time, then as many as make a
	// page of about pageBytes as JSON. Decoded, they take some seven times that.
	firstPage, largestPage = 10, 500
	pageBytes              = 2 << 20
	// restarts is how often a list may begin anew.
	restarts = 2
	// pause is the wait before a failed request is made again.
	pause = 250 * time.Millisecond
)

// lister reads a list page by page, as of one moment where that can be had.
type lister struct {
	client dynamic.ResourceInterface
	opts   metav1.ListOptions
	// most is the size of a page; 0: it follows the size of the objects.
	most int64

	// attempts is how often the last request was made.
	attempts int
	// restarted: the page that next returned is the first one again; what earlier pages
	// had counts no more.
	restarted bool

	begun, ended bool
	// expired is how often a token expired since the last page.
	expired, restarts int
	objects, volume   int64
}

// next returns the next page, nil after the last one.
//
// A continue token holds for some minutes only, which is less than a large resource
// may take. The error that says so brings another token, which goes on behind the last
// page with the objects as they are now: each is still read once. Without that, the list
// begins anew.
func (l *lister) next(ctx context.Context) ([]unstructured.Unstructured, error) {
	l.restarted = false
	if l.ended {
		return nil, nil
	}
	for {
		list, err := l.request(ctx)
		switch {
		case err == nil:
			return l.accept(list), nil
		case !l.begun || !watch.Expired(err) || !l.resume(err):
			return nil, err
		}
	}
}

// accept returns the objects of a page, not nil.
func (l *lister) accept(list *unstructured.UnstructuredList) []unstructured.Unstructured {
	l.begun, l.expired = true, 0
	l.opts.Continue = list.GetContinue()
	l.ended = l.opts.Continue == ""
	if list.Items == nil {
		return []unstructured.Unstructured{}
	}
	return list.Items
}

// resume finds the way on after an expired token, unless it was tried too often.
func (l *lister) resume(err error) bool {
	l.expired++
	if token := continueAfter(err); token != "" && l.expired <= restarts {
		l.opts.Continue = token
		return true
	}
	l.restarts++
	l.expired, l.opts.Continue, l.restarted = 0, "", true
	return l.restarts <= restarts
}

func (l *lister) request(ctx context.Context) (list *unstructured.UnstructuredList, err error) {
	l.opts.Limit = l.limit()
	l.attempts, err = watch.Persist(ctx, pause, func(ctx context.Context) error {
		list, err = l.client.List(ctx, l.opts)
		return err
	})
	return list, err
}

func (l *lister) limit() int64 {
	switch {
	case l.most > 0:
		return l.most
	case l.volume == 0:
		return firstPage
	}
	return max(1, min(largestPage, pageBytes*l.objects/l.volume))
}

// read notes the size of an object.
func (l *lister) read(size int) {
	l.objects++
	l.volume += int64(size)
}

// continueAfter returns the token that the error of an expired one brings.
func continueAfter(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return ""
	}
	return status.Status().Continue
}
