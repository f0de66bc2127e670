package diff

import "testing"

// The decisions on names, most of them from CRDs in the wild. The comments say which
// way a doubtful one was decided, and why.
func TestClassify(t *testing.T) {
	tests := map[sensitivity][]string{
		password: {
			"password", "Password", "PASSWORD", "passwd", "passphrase", "adminPassword", "admin_password",
			"admin-password", "db.password", "keystorePassword", "pass", "smtpPass", "smtp_pass", "pwd", "dbPwd",
			"newpassword", "userpassword", "MYSQL_ROOT_PASSWORD", "encryptedPassword",
		},
		secret: {
			// tokens
			"token", "tokens", "apiToken", "api_token", "accessToken", "refreshToken", "bearerToken", "bearer_token",
			"authtoken", "GITHUB_TOKEN", "sasToken", "idToken", "tokenValue", "tokenvalue", "token2", "TOKEN_PROD",
			"tokenSecret",
			// secrets
			"secret", "clientSecret", "client_secret", "clientsecret", "client-secret", "CLIENT_SECRET", "sharedSecret",
			"webhookSecret", "hmacSecret", "secretValue", "secretString", "secretData", "secretHash", "secretId",
			"SECRET_ID", "secretAccessKey", "secret_access_key", "secretaccesskey", "AWS_SECRET_ACCESS_KEY",
			// keys
			"apiKey", "apikey", "api_key", "api-key", "API_KEY", "X-Api-Key", "apiKeys", "apiKeyValue", "datadogApiKey",
			"privateKey", "private_key", "sshPrivateKey", "sshprivatekey", "privateKeyPem", "privateKeyPEM",
			"accessKey", "access-key", "accountKey", "storageAccountKey", "sharedKey", "presharedKey", "preSharedKey",
			"encryptionKey", "signingKey", "masterKey", "authKey", "appKey", "clientKey", "licenseKey", "unsealKey",
			"accessKeyId", "accessKeyID", "AWS_ACCESS_KEY_ID", // one half of a pair that is
			// passwords that may as well be something else than a number
			"passwords", "passwordHash", "password_hash", "passwordBase64", "password1", "dbPasswordOld",
			// others
			"credential", "credentials", "credentialsJson", "creds", "awsCreds", "connectionString", "connection_string",
			"Authorization", "Proxy-Authorization", "jwt", "dsn", "SENTRY_DSN", "psk", "kubeconfig", ".dockerconfigjson",
			// annotations: only the name counts
			"example.com/api-token",
		},
		secretKey: {
			// what is beside it decides
			"secretKey", "secret_key", "secretkey", "SECRET_KEY", "awsSecretKey", "S3_SECRET_KEY", "clientSecretKey",
		},
		public: {
			// where a secret is
			"secretRef", "secretRefs", "secretName", "secretname", "existingSecretName", "secretNamespace", "secretKeyRef",
			"secretNameRef", "passwordSecretRef", "passwordSecret", "passwordSecretName", "passwordSecretKey",
			"passwordKey", "passwordKeyRef", "usernameKey", "tokenSecretRef", "tokenSecretKey", "tokenKey", "tokenRef",
			"credentialsSecret", "credentialsSecretRef", "credentialName", "credentialsName", "credentialsRef",
			"credentialsId", "existingSecret", "imagePullSecret", "imagePullSecrets", "pullSecret", "pullSecrets",
			"tlsSecret", "tls_secret", "certificateSecret", "caSecret", "clientSecretRef",
			"clientSecretName", "privateKeySecretRef", "apiKeySecretRef", "accessKeyIDSecretRef", "apiKeyRef",
			"apiKeyName", "secretAccessKeySecretRef", "passwordFile", "password_file", "PASSWORD_FILE", "passwordPath",
			"passwordFrom", "passwordFromEnv", "passwordFromSecret", "tokenFile", "tokenPath", "token_path",
			"bearerTokenFile", "secretPath", "secretFile", "secretArn", "secretARN", "secretStore", "secretStoreRef",
			"secretsStoreRef", "secretEngine", "secretProviderClass", "credentialsFile", "kubeconfigRef",
			"kubeconfigSecret", "kubeconfigPath", "connectionStringRef",
			// lists of the names of Secrets: Prometheus and Alertmanager mount them
			"secrets", "extraSecrets",
			// what a secret is like
			"tokenType", "token_type", "secretType", "secretVersion", "secretTemplate", "secretLabels", "secretFormat",
			"passwordPolicy", "passwordLength", "passwordExpiration", "passwordEncoding", "passwordAuthentication",
			"credentialType", "credentialsMode", "privateKeyAlgorithm", "privateKeySize", "encryptionKeyArn",
			"tokenTTL", "tokenTtl", "token_ttl", "tokenMaxTTL", "tokenTTLSeconds", "tokenExpirationSeconds",
			"tokenExpiresAt", "tokenUrl2", "tokenLifetime", "tokenPeriod", "tokenUrl", "tokenURL", "tokenURLs", "tokenUri",
			"token_endpoint", "tokenAudience", "tokenAudiences", "tokenIssuer", "tokenPolicies", "tokenBoundCIDRs",
			"tokenReviewer", "tokenRequest", "tokenRequests", "tokenID", "tokenIDs", "tokenName", "secretStatus",
			"lastPasswordRotation", "lastTokenRefreshTime",
			// tokens of another kind
			"maxTokens", "max_tokens", "totalTokens", "tokenizer", "tokenize",
			// words that merely look alike
			"bypass", "BYPASS_URL", "compass", "passive", "passthrough", "secretary", "passwordless", "escape", "cpsk",
			// keys that are no secrets
			"key", "keys", "publicKey", "public_key", "topologyKey", "routingKey", "partitionKey", "remoteKey", "objectKey",
			"labelKey", "hostKey", "keyRef", "keySize", "monkey", "keyAlgorithm", "kmsKeyId",
			// words that count only alone
			"authorizationMode", "authorizationUrl", "jwtIssuer", "jwtAudiences", "jwtRules", "dsnFormat",
			// anything else
			"", "a", "name", "value", "type", "user", "username", "auth", "data", "cert", "caBundle", "certificate",
			"s", "se", "p", "pa", "to", "ke", "-", "/", "token/", "é", "secret/name",
			// the domain of an annotation
			"external-secrets.io/refresh", "password.example.com/rotate",
		},
	}
	for want, keys := range tests {
		for _, key := range keys {
			if got := classify(key); got != want {
				t.Errorf("%s: %d, want %d", key, got, want)
			}
		}
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	for _, key := range []string{"tokenExpirationSeconds", "lastTransitionTime", "AWS_SECRET_ACCESS_KEY"} {
		if n := testing.AllocsPerRun(100, func() { classify(key) }); n != 0 {
			t.Errorf("%s: %v allocations", key, n)
		}
	}
}
