package layout

// Ready is the line that the command prints once /readyz is ok.
type Ready struct {
	// URL is the API server's, https://127.0.0.1:PORT.
	URL string `json:"url"`
	// Kubeconfig is the path of the admin's.
	Kubeconfig string `json:"kubeconfig"`
	// Version is what /version answers, such as v1.37.2.
	Version string `json:"version"`
	// Etcd is etcd's client URL, gRPC and JSON gateway, without authentication.
	Etcd string `json:"etcd"`
	// Log is the path of the log file.
	Log string `json:"log"`
	// PID is the process that serves.
	PID int `json:"pid"`
}
