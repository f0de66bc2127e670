package layout

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/crdwatch/crdwatch/test/controlplane/internal/pki"
)

// WriteKubeconfig writes a kubeconfig that holds its certificates itself, so
// that the file can be moved. It replaces what was there.
func WriteKubeconfig(path, url string, servingCA []byte, user string, client pki.Pair) error {
	const name = "controlplane"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: servingCA}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{
		ClientCertificateData: client.Cert,
		ClientKeyData:         client.Key,
	}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("writing kubeconfig of %s: %w", user, err)
	}
	return nil
}
