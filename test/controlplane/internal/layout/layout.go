// Package layout says where everything lies in a control plane's data
// directory, and which command lines follow from that. The command and the
// helper package share it, so that both start the same API server.
package layout

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/pki"
)

// Dir is a data directory. Its methods are paths inside it.
type Dir string

// PKI holds the certificates and keys.
func (d Dir) PKI() string { return filepath.Join(string(d), "pki") }

// Etcd is etcd's own data directory.
func (d Dir) Etcd() string { return filepath.Join(string(d), "etcd") }

// Kubeconfig is the admin's kubeconfig.
func (d Dir) Kubeconfig() string { return filepath.Join(string(d), "admin.kubeconfig") }

// Log is the one log file of etcd and kube-apiserver; starts append to it.
func (d Dir) Log() string { return filepath.Join(string(d), "controlplane.log") }

func (d Dir) cert(name string) string { return filepath.Join(d.PKI(), name+".crt") }
func (d Dir) key(name string) string  { return filepath.Join(d.PKI(), name+".key") }

// idlePlugins are admission plugins for pods, nodes and volumes. Each costs
// informers and watch caches, and none of them sees custom resources.
var idlePlugins = []string{
	"CertificateApproval", "CertificateSigning", "CertificateSubjectRestriction",
	"DefaultIngressClass", "DefaultStorageClass", "DefaultTolerationSeconds",
	"LimitRanger", "PersistentVolumeClaimResize", "PodSecurity", "Priority",
	"ResourceQuota", "RuntimeClass", "ServiceAccount",
	"StorageObjectInUseProtection", "TaintNodesByCondition",
}

// APIServerArgs are kube-apiserver's flags; extra come last and so win.
func (d Dir) APIServerArgs(etcdURL string, port int, extra []string) []string {
	return append([]string{
		"--etcd-servers=" + etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + d.cert(pki.APIServer),
		"--tls-private-key-file=" + d.key(pki.APIServer),
		"--client-ca-file=" + d.cert(pki.ClientCA),
		"--requestheader-client-ca-file=" + d.cert(pki.FrontProxyCA),
		"--requestheader-allowed-names=" + pki.FrontProxy,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + d.key(pki.ServiceAccount),
		"--service-account-signing-key-file=" + d.key(pki.ServiceAccount),
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
		"--disable-admission-plugins=" + strings.Join(idlePlugins, ","),
		// Nobody serves the service kubernetes, and its reconciler would
		// refuse a loopback address.
		"--endpoint-reconciler-type=none",
		// One client here stands for a whole cluster's, so nothing may
		// throttle it: thousands of watches, 500 writes/s.
		"--enable-priority-and-fairness=false",
		"--max-requests-inflight=4000",
		"--max-mutating-requests-inflight=4000",
		// A stop ends watches with a clean EOF at once, and does not wait
		// a request timeout (60 s) for their connections to go away.
		"--shutdown-delay-duration=0s",
		"--shutdown-send-retry-after=true",
		"--shutdown-watch-termination-grace-period=1s",
	}, extra...)
}

// EtcdArgs are the flags of a separate etcd process; peer is a port that it
// needs and nobody calls.
func (d Dir) EtcdArgs(clientURL string, peerPort int) []string {
	peerURL := fmt.Sprintf("http://127.0.0.1:%d", peerPort)
	return []string{
		"--name=controlplane",
		"--data-dir=" + d.Etcd(),
		"--listen-client-urls=" + clientURL,
		"--advertise-client-urls=" + clientURL,
		"--listen-peer-urls=" + peerURL,
		"--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=controlplane=" + peerURL,
		"--unsafe-no-fsync",
	}
}
