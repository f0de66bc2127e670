package report

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The limits of both servers. requestTimeout is the write deadline that a request
// begins with; handlers that stream set their own for each write. There is no
// ReadTimeout: it would end the context of a stream (net/http watches the connection
// by reading from it).
const (
	readHeaderTimeout = 5 * time.Second
	requestTimeout    = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	drainTimeout      = 10 * time.Second
	// probeDrainTimeout is short: probes are answered at once.
	probeDrainTimeout = time.Second
)

// ServerOptions are the settings of a Server. All but History and TLS are required.
type ServerOptions struct {
	// Addresses to listen on; port 0 picks one.
	ReportAddress, ProbeAddress string
	Handler                     *Handler
	Logger                      *slog.Logger
	// History is nil for a server that keeps nothing.
	History Health
	// TLS is nil for a report server that speaks plain HTTP. The probes always do.
	TLS *TLSOptions
}

// Server is the report server and, apart from it, the probe server: what the kubelet
// asks must be answered even when the report server cannot.
type Server struct {
	handler        *Handler
	history        Health
	report, probes *http.Server
	certificates   *keyPairs
	reportListener net.Listener
	probeListener  net.Listener
	// reportEnded holds why the report server accepts no more; nil while it does.
	reportEnded atomic.Pointer[error]
	// draining makes readyz fail.
	draining atomic.Bool
}

// Listen opens both ports, so that a port in use is an error before anything has
// begun. The caller calls Run, which closes them.
func Listen(ctx context.Context, opts ServerOptions) (*Server, error) {
	var lc net.ListenConfig
	report, err := lc.Listen(ctx, "tcp", opts.ReportAddress)
	if err != nil {
		return nil, fmt.Errorf("listening for the report server: %w", err)
	}
	probes, err := lc.Listen(ctx, "tcp", opts.ProbeAddress)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening for the probe server: %w", err), report.Close())
	}
	certs, err := opts.certificates()
	if err != nil {
		return nil, errors.Join(err, report.Close(), probes.Close())
	}
	s := &Server{handler: opts.Handler, history: opts.History, certificates: certs, reportListener: report, probeListener: probes}
	s.report = newHTTPServer(opts.Handler, opts.Logger)
	if certs != nil {
		s.report.TLSConfig = certs.config()
	}
	s.probes = newHTTPServer(s.probeHandler(), opts.Logger)
	return s, nil
}

// certificates returns nil for plain HTTP.
func (o *ServerOptions) certificates() (*keyPairs, error) {
	if o.TLS == nil {
		return nil, nil
	}
	return loadCertificates(*o.TLS)
}

func newHTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// ReportAddr is the address that the report server listens on.
func (s *Server) ReportAddr() net.Addr { return s.reportListener.Addr() }

// ReportURL is where the report server is reached, without a path.
func (s *Server) ReportURL() string {
	if s.certificates != nil {
		return "https://" + s.reportListener.Addr().String()
	}
	return "http://" + s.reportListener.Addr().String()
}

// PageURL is a link to the page. Where nobody is asked who they are, it lets one browser
// in, and is another one from then on.
func (s *Server) PageURL() string {
	link := s.ReportURL() + "/"
	if s.handler.door != nil {
		link += s.handler.door.query()
	}
	return link
}

// ProbeAddr is the address that the probe server listens on.
func (s *Server) ProbeAddr() net.Addr { return s.probeListener.Addr() }

// Run serves until ctx ends, then drains, and returns when all it started has ended.
// A report server that fails does not end it: /livez says so, and whoever runs the
// process decides. Without the probes nobody could, so their failure ends it.
func (s *Server) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	var reportErr, probeErr error
	probesEnded := make(chan struct{})
	reload, stop := context.WithCancel(ctx)
	defer stop()
	if s.certificates != nil {
		wg.Go(func() { s.certificates.run(reload) })
	}
	wg.Go(func() { reportErr = s.serveReport() })
	wg.Go(func() {
		defer close(probesEnded)
		probeErr = serve(s.probes, s.probeListener, "probe")
	})
	select {
	case <-ctx.Done():
	case <-probesEnded:
	}
	drainErr := s.drain(context.WithoutCancel(ctx))
	stop()
	wg.Wait()
	return errors.Join(reportErr, probeErr, drainErr)
}

// serveReport remembers that it has ended, whatever the reason, for /livez.
func (s *Server) serveReport() error {
	err := serve(s.report, s.reportListener, "report")
	s.reportEnded.Store(&err)
	return err
}

// serve returns nil when the server was shut down.
func serve(server *http.Server, l net.Listener, name string) error {
	run := server.Serve
	if server.TLSConfig != nil {
		run = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if err := run(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the %s server: %w", name, err)
	}
	return nil
}

// drain ends both servers in the order that loses nobody: first nothing new is sent
// here, then the streams are told where to go on, then what runs may finish, and
// all the while the probes answer.
func (s *Server) drain(ctx context.Context) error {
	s.draining.Store(true)
	s.handler.EndStreams()
	return errors.Join(
		shutdown(ctx, s.report, drainTimeout, "report"),
		shutdown(ctx, s.probes, probeDrainTimeout, "probe"),
	)
}

// shutdown waits for the requests that run, and cuts off those that take too long.
func shutdown(ctx context.Context, server *http.Server, timeout time.Duration, name string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("draining the %s server: %w", name, err), server.Close())
	}
	return nil
}
