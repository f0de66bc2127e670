package synth

import (
	"math/rand/v2"
	"strings"
)

// The vocabularies that names, enumerations and prose are made of.
var (
	firsts = strings.Fields(`access allocated allow associate auto availability backup billing bucket
		cache capacity certificate cluster compression container copy customer data database default
		delegated deletion deployment destination dns domain dual dynamic ebs egress elastic enable
		encryption endpoint engine event failover final force gateway global grant health host iam
		identity image ingress initial instance internet intra key kms launch license lifecycle load
		local log maintenance managed master max metric min minimum monitoring multi network node
		object option outpost owner parameter performance permission placement policy port preferred
		private public query read record recovery regional replica request resource restore retention
		role route rule schedule secret security server session share skip snapshot source stack
		storage stream subnet target throughput tier timeout traffic transit user version volume vpc
		warm window workload zone`)
	seconds = strings.Fields(`account action address alias allocation arn attachment attribute base
		block class code config configuration count cidr days delay description device duration
		enabled expression filter flag format group hours identifier index interval iops kind label
		level limit list lock mapping message method mode name number option order owner pattern
		percentage period policy pool prefix priority profile protection protocol range rate reason
		reference region replicas retention role scope selector settings size spec state status
		strategy suffix target template threshold ttl type unit url value version weight window`)
	kinds = strings.Fields(`Bucket Instance Cluster Subnet Table Queue Topic Function Role Policy
		Certificate Record Zone Gateway Listener Balancer Volume Snapshot Key Secret Repository Stream
		Pipeline Workflow Rule Alarm Dashboard Endpoint Service Task Database Replica Proxy Group User
		Account Grant Cache Broker Domain Distribution Origin Firewall Route Peering Attachment
		Address Fleet Image Template Schedule Backup Vault Plan Catalog Crawler Job Trigger Model`)
	services = strings.Fields(`compute storage network identity database messaging analytics security
		delivery monitoring containers registry edge search streaming billing backup media machine
		catalog`)
	values = strings.Fields(`standard premium basic general-purpose provisioned on-demand reserved spot
		enabled disabled suspended automatic manual default custom inherited public private internal
		external regional zonal global single multi active passive primary secondary read-only
		read-write inbound outbound both none all gp2 gp3 io1 io2 st1 t3.medium t3.large m6i.large
		m6i.xlarge r6g.2xlarge c7g.4xlarge db.t4g.medium db.r6g.large postgres mysql mariadb aurora
		redis kafka tcp udp http https tls grpc ipv4 ipv6 dualstack aes256 aws:kms rsa-2048 ecdsa-p256
		hourly daily weekly monthly rolling recreate blue-green canary best-effort guaranteed`)
	regions  = strings.Fields(`eu-central-1 eu-west-1 eu-west-3 eu-north-1 us-east-1 us-east-2 us-west-2 ap-southeast-1 ap-northeast-1`)
	accounts = strings.Fields(`104482917735 219950274418 330187264509 448710932265 557204918836 662309174428 771250983346 889104726651`)
	teams    = strings.Fields(`payments checkout search identity ledger catalog shipping pricing fraud media platform observability`)
	prose    = strings.Fields(`a the of to in for is be this that with and or by as on it from when which
		must may will can only not if are used resource value name object field provider set created
		specified associated default number list configuration region identifier instance type
		whether existing attribute policy determines example optional required block documentation
		below change new time maximum minimum supported valid values one more between seconds
		enabled disabled request access role key security group network subnet storage version
		update deletion managed cluster database endpoint encryption replication retention backup`)
)

// sentence writes a description of n words, such as a generator takes from a
// provider's documentation.
func sentence(r *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		w := pick(r, prose)
		switch {
		case i == 0:
			w = strings.ToUpper(w[:1]) + w[1:]
		case r.IntN(12) == 0:
			b.WriteString(". ")
			w = strings.ToUpper(w[:1]) + w[1:]
		default:
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	return b.String() + "."
}

func pick[T any](r *rand.Rand, from []T) T {
	return from[r.IntN(len(from))]
}

// random returns n characters of the alphabet.
func random(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	hexDigits = "0123456789abcdef"
	letters   = "bcdfghjklmnpqrstvwxz2456789"
)

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
