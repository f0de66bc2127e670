package controlplane

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

// listener accepts for the proxy and keeps track of its connections.
type listener struct {
	net.Listener
	proxy     *Proxy
	blackhole atomic.Bool // connections accepted from now on are silent
	closed    sync.Once
}

// Close closes once: both Refuse and http.Server do it, in either order.
func (l *listener) Close() error {
	var err error
	l.closed.Do(func() { err = l.Listener.Close() })
	return err
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	wrapped := &conn{Conn: c, proxy: l.proxy}
	if !l.proxy.track(l, wrapped) {
		// It came in while Refuse was closing the port, and has missed the
		// reset of the others.
		wrapped.reset()
		return nil, net.ErrClosed
	}
	l.proxy.stats.accepted.Add(1)
	return wrapped, nil
}

// track remembers the connection, unless its listener is no longer in use.
func (p *Proxy) track(l *listener, c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != l {
		return false
	}
	p.conns[c] = struct{}{}
	// Under the lock: Blackhole sets the flag before it looks for connections,
	// so that it misses none.
	c.silent.Store(l.blackhole.Load())
	return true
}

// conn is one TCP connection below TLS. A silent one swallows what it reads and
// what it is to write, as a network does that lost it: the peer's kernel sees a
// connection that is open, and nobody ever answers.
type conn struct {
	net.Conn
	proxy  *Proxy
	silent atomic.Bool
}

func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.silent.Load() {
			return n, err
		}
	}
}

func (c *conn) Write(b []byte) (int, error) {
	if c.silent.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *conn) Close() error {
	c.proxy.mu.Lock()
	delete(c.proxy.conns, c)
	c.proxy.mu.Unlock()
	return c.Conn.Close()
}

// reset closes with a RST instead of a FIN.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// HalfOpen makes all connections that are open now silent for good, without
// FIN or RST, and returns their number. New connections work.
func (p *Proxy) HalfOpen() int {
	conns := p.connections()
	for _, c := range conns {
		c.silent.Store(true)
	}
	return len(conns)
}

// Blackhole is HalfOpen, and connections that come until Restore are silent
// from the start: TCP connects and the TLS handshake hangs.
func (p *Proxy) Blackhole() {
	p.mu.Lock()
	l := p.listener
	p.mu.Unlock()
	if l != nil {
		l.blackhole.Store(true)
	}
	p.HalfOpen()
}

// CutConnections resets all connections that are open now and returns their
// number. New connections work.
func (p *Proxy) CutConnections() int {
	conns := p.connections()
	for _, c := range conns {
		c.reset()
	}
	return len(conns)
}

// Refuse closes the port and resets all connections: clients get connection
// refused until Restore.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	l := p.listener
	p.listener = nil
	p.mu.Unlock()
	if l != nil {
		_ = l.Close()
	}
	p.CutConnections()
}

// Restore ends Refuse and Blackhole: the proxy accepts at the same port as ever.
// Connections that went silent stay so.
func (p *Proxy) Restore() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return http.ErrServerClosed
	case p.listener != nil:
		p.listener.blackhole.Store(false)
		return nil
	}
	// Listening blocks no longer than a system call does.
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return fmt.Errorf("listening at the proxy's port: %w", err)
	}
	own := &listener{Listener: l, proxy: p}
	p.listener = own
	p.serves.Go(func() {
		// It ends by Refuse or Close, which both are no failures.
		_ = p.server.ServeTLS(own, "", "")
	})
	return nil
}

func (p *Proxy) connections() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Keys(p.conns))
}
