package main

import (
	"context"
	"log/slog"
	"strings"
)

// clientGoHandler passes on what client-go logs. What it logs about the reflector's
// retries is dropped below debug: the state of each watch is logged once, by us.
type clientGoHandler struct {
	slog.Handler
}

// Handle implements slog.Handler.
func (h clientGoHandler) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "Warning: ") {
		r.Level = slog.LevelDebug
		if !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h clientGoHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return clientGoHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h clientGoHandler) WithGroup(name string) slog.Handler {
	return clientGoHandler{h.Handler.WithGroup(name)}
}
