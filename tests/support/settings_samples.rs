//! What real etcds are told in a test, and what shows that they took it.

use firstboot::cluster::settings::Row;
use firstboot::release::Version;

/// A value of each setting that may be set, never etcd's default: `3.4: x` where it is another
/// one for that line.
pub(crate) const SAMPLES: &[(&str, &str)] = &[
    ("heartbeat-interval", "60ms"),
    ("election-timeout", "600"),
    ("initial-election-tick-advance", "false"),
    ("pre-vote", "false, 3.4: true"),
    ("strict-reconfig-check", "false"),
    ("raft-read-timeout", "6s"),
    ("raft-write-timeout", "7s"),
    ("max-learners", "2"),
    ("quota-backend-bytes", "3GiB"),
    ("snapshot-count", "12345"),
    ("snapshot-catchup-entries", "4321"),
    ("max-snapshots", "6"),
    ("max-wals", "7"),
    ("backend-batch-interval", "90ms"),
    ("backend-batch-limit", "9000"),
    ("backend-bbolt-freelist-type", "array, 3.4: map"),
    ("bootstrap-defrag-threshold-megabytes", "100"),
    ("auto-compaction-mode", "revision"),
    ("auto-compaction-retention", "1234"),
    ("compaction-batch-limit", "900"),
    ("compaction-sleep-interval", "20ms"),
    ("initial-corrupt-check", "true"),
    ("corrupt-check-time", "1h"),
    ("compact-hash-check", "true"),
    ("compact-hash-check-time", "2m"),
    ("tls-min-version", "TLS1.2"),
    ("tls-max-version", "TLS1.2"),
    (
        "cipher-suites",
        "[TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
    ),
    ("peer-skip-client-san-verification", "true"),
    ("listen-metrics-urls", "http://127.77.0.1:PORT"),
    ("metrics", "extensive"),
    ("max-request-bytes", "2MiB"),
    ("max-txn-ops", "256"),
    ("max-concurrent-streams", "1000"),
    ("grpc-keepalive-min-time", "6s"),
    ("grpc-keepalive-interval", "1h"),
    ("grpc-keepalive-timeout", "30s"),
    ("socket-reuse-port", "true"),
    ("socket-reuse-address", "true"),
    ("cors", "[\"https://example.com:443\"]"),
    ("host-whitelist", "[etcd.example.com, 127.77.0.1]"),
    ("enable-pprof", "true"),
    ("enable-v2", "true, 3.3: false"),
    ("bcrypt-cost", "12"),
    ("auth-token-ttl", "10m"),
    ("watch-progress-notify-interval", "5m"),
    ("lease-checkpoint", "true"),
    ("lease-checkpoint-persist", "true"),
    ("stop-grpc-service-on-defrag", "true"),
    ("txn-mode-write-with-shared-buffer", "false"),
    ("v2-deprecation", "write-only"),
    ("downgrade-check-time", "6s"),
    ("log-level", "debug"),
    ("log-outputs", "stderr"),
    ("logger", "zap"),
    ("debug", "true"),
    ("log-package-levels", "etcdserver=DEBUG"),
    ("warning-apply-duration", "200ms"),
    ("enable-distributed-tracing", "true"),
    ("distributed-tracing-address", "127.77.0.1:4317"),
    ("distributed-tracing-service-name", "controller"),
    ("distributed-tracing-sampling-rate", "10"),
    ("log-format", "console"),
    ("warning-unary-request-duration", "400ms"),
    ("set-member-local-addr", "true"),
    ("fast-lease-keep-alive", "false"),
    ("priority-request", "true"),
    // No etcd that knows it can be had: only the table speaks for it.
    ("next-cluster-version-compatible", "true"),
];

pub(crate) fn sample(row: &Row, version: Version) -> &'static str {
    let (_, values) = SAMPLES
        .iter()
        .find(|(name, _)| *name == row.name)
        .unwrap_or_else(|| panic!("no sample for {}", row.name));
    if values.starts_with('[') {
        return values;
    }
    let (usual, others) = values.split_once(", ").unwrap_or((values, ""));
    let line = format!("3.{}: ", version.minor);
    others.strip_prefix(line.as_str()).unwrap_or(usual)
}

/// What the log of a start, or a page of the metrics port, shows of [`SAMPLES`].
pub(crate) fn effects(version: Version) -> &'static [(&'static str, &'static str)] {
    match version.minor {
        3 => &[
            ("log", "heartbeat = 60ms"),
            ("log", "election = 600ms"),
            ("log", "snapshot count = 12345"),
            ("/metrics", "grpc_server_handling_seconds"),
            (
                "/metrics",
                "etcd_server_quota_backend_bytes 3.221225472e+09",
            ),
        ],
        4 => &[
            ("log", "\"heartbeat-interval\":\"60ms\""),
            ("log", "\"election-timeout\":\"600ms\""),
            ("log", "\"initial-election-tick-advance\":false"),
            ("log", "\"snapshot-count\":12345"),
            ("log", "\"pre-vote\":true"),
            ("log", "\"initial-corrupt-check\":true"),
            ("log", "\"corrupt-check-time-interval\":\"1h0m0s\""),
            ("log", "\"auto-compaction-mode\":\"revision\""),
            ("log", "\"quota-size-bytes\":3221225472"),
            ("log", "\"cors\":[\"https://example.com:443\"]"),
            ("log", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            ("/metrics", "grpc_server_handling_seconds"),
            (
                "/metrics",
                "etcd_server_quota_backend_bytes 3.221225472e+09",
            ),
        ],
        5 => &[
            ("log", "\"heartbeat-interval\":\"60ms\""),
            ("log", "\"election-timeout\":\"600ms\""),
            ("log", "\"initial-election-tick-advance\":false"),
            ("log", "\"snapshot-count\":12345"),
            ("log", "\"snapshot-catchup-entries\":4321"),
            ("log", "\"max-snapshots\":6"),
            ("log", "\"max-wals\":7"),
            ("log", "\"pre-vote\":false"),
            ("log", "\"max-request-bytes\":2097152"),
            ("log", "\"max-concurrent-streams\":1000"),
            ("log", "\"quota-backend-bytes\":3221225472"),
            ("log", "\"initial-corrupt-check\":true"),
            ("log", "\"corrupt-check-time-interval\":\"1h0m0s\""),
            ("log", "\"compact-check-time-enabled\":true"),
            ("log", "\"compact-check-time-interval\":\"2m0s\""),
            ("log", "\"auto-compaction-mode\":\"revision\""),
            ("log", "\"downgrade-check-interval\":\"6s\""),
            ("log", "\"reuse-port\":true"),
            ("log", "\"reuse-address\":true"),
            ("log", "\"cors\":[\"https://example.com:443\"]"),
            (
                "log",
                "\"host-whitelist\":[\"127.77.0.1\",\"etcd.example.com\"]",
            ),
            ("log", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            ("/metrics", "grpc_server_handling_seconds"),
            (
                "/metrics",
                "etcd_server_quota_backend_bytes 3.221225472e+09",
            ),
        ],
        // From 3.6 on, gates are told as one value; the fields that they replace say false.
        _ => &[
            ("log", "\"heartbeat-interval\":\"60ms\""),
            ("log", "\"election-timeout\":\"600ms\""),
            ("log", "\"initial-election-tick-advance\":false"),
            ("log", "\"snapshot-count\":12345"),
            ("log", "\"snapshot-catchup-entries\":4321"),
            ("log", "\"max-wals\":7"),
            ("log", "\"max-learners\":2"),
            ("log", "\"pre-vote\":false"),
            ("log", "\"max-request-bytes\":2097152"),
            ("log", "\"max-concurrent-streams\":1000"),
            ("log", "\"quota-backend-bytes\":3221225472"),
            ("log", "CompactHashCheck=true,"),
            ("log", "InitialCorruptCheck=true,"),
            ("log", "LeaseCheckpoint=true,LeaseCheckpointPersist=true,"),
            (
                "log",
                "SetMemberLocalAddr=true,StopGRPCServiceOnDefrag=true,",
            ),
            ("log", "TxnModeWriteWithSharedBuffer=false"),
            ("log", "\"corrupt-check-time-interval\":\"1h0m0s\""),
            ("log", "enabled corruption checking"),
            ("log", "\"compact-check-time-interval\":\"2m0s\""),
            ("log", "\"auto-compaction-mode\":\"revision\""),
            ("log", "\"downgrade-check-interval\":\"6s\""),
            ("log", "distributed tracing setup enabled"),
            ("log", "\"sampling-rate\":10"),
            ("log", "\"cors\":[\"https://example.com:443\"]"),
            (
                "log",
                "\"host-whitelist\":[\"127.77.0.1\",\"etcd.example.com\"]",
            ),
            ("/metrics", "grpc_server_handling_seconds"),
            (
                "/metrics",
                "etcd_server_quota_backend_bytes 3.221225472e+09",
            ),
        ],
    }
}
