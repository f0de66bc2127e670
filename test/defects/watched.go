package defects

import (
	"context"
	"fmt"
	"time"
)

// Live returns the defects that only somebody sees who watches while they happen. They
// are of the group Watched.
func Live() []Defect {
	return []Defect{
		{
			Rule: "CRD006", Resource: crdResource, Object: "plans." + Watched,
			Story: "a release makes the schema stricter, and an object fails it", plant: loosePlans, happen: strictPlans,
		},
		{
			Rule: "CR007", Resource: "thermostats." + Watched, Object: "default/hall",
			Story: "two managers want different values, and each puts back its own", plant: settled("thermostats", "Thermostat", "hall"), happen: fight,
		},
		{
			Rule: "CR007", Resource: "pollers." + Watched, Object: "default/feed",
			Story: "a controller writes the status whenever it sees a change, its own ones too", plant: settled("pollers", "Poller", "feed"), happen: loop,
		},
	}
}

func watched(plural, kind, properties string) definition {
	d := one(plural, kind, properties)
	d.group = Watched
	return d
}

func plans(rate string) definition {
	return watched("plans", "Plan", "{spec: {type: object, properties: {rate: "+rate+"}}}")
}

func loosePlans(ctx context.Context, p *planter) error {
	d := plans("{type: integer}")
	if err := p.define(ctx, d); err != nil {
		return err
	}
	return p.write(ctx, developer, d, "v1", "large", "spec: {rate: 5000}")
}

func strictPlans(ctx context.Context, p *planter) error {
	return p.define(ctx, plans("{type: integer, maximum: 1000}"))
}

const settings = "{spec: {type: object, properties: {target: {type: integer}}}, status: {type: object, properties: {polls: {type: integer}}}}"

// settled makes an object that was left in peace for long: what is new may change often.
func settled(plural, kind, name string) func(context.Context, *planter) error {
	return func(ctx context.Context, p *planter) error {
		d := watched(plural, kind, settings)
		if err := p.define(ctx, d); err != nil {
			return err
		}
		if err := p.write(ctx, developer, d, "v1", name, "spec: {target: 20}"); err != nil {
			return err
		}
		return p.age(ctx, d, name, time.Hour)
	}
}

func fight(ctx context.Context, p *planter) error {
	const rounds = 3
	d := watched("thermostats", "Thermostat", settings)
	for range rounds {
		if err := p.write(ctx, "comfort-controller", d, "v1", "hall", "spec: {target: 23}"); err != nil {
			return err
		}
		if err := p.write(ctx, "saving-controller", d, "v1", "hall", "spec: {target: 20}"); err != nil {
			return err
		}
	}
	return nil
}

func loop(ctx context.Context, p *planter) error {
	const updates = 12
	d := watched("pollers", "Poller", settings)
	for i := range updates {
		if err := p.status(ctx, d, "feed", fmt.Sprintf("polls: %d", i+1)); err != nil {
			return err
		}
	}
	return nil
}
