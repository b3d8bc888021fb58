//! Which of librdkafka's properties mean what to the direct reader: those that it reads, those
//! that are harmless because they concern what librdkafka goes on doing (or nothing that
//! changes how brokers are reached), and those that only librdkafka can follow. A property
//! that is in no list is unknown, which keeps the direct reader from guessing.

/// What a property means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is read.
    Read,
    /// It changes nothing here.
    Harmless,
    /// It changes nothing here as long as it has one of these values.
    OnlyAs(&'static [&'static str]),
    /// Only librdkafka can follow it, and why.
    Refused(&'static str),
    /// It is in no list.
    Unknown,
}

/// What the property `name` means here.
pub(super) fn kind(name: &str) -> Kind {
    if READ.contains(&name) {
        return Kind::Read;
    }
    if HARMLESS.contains(&name) {
        return Kind::Harmless;
    }
    if let Some((_, values)) = ONLY_AS.iter().find(|(known, _)| *known == name) {
        return Kind::OnlyAs(values);
    }
    match REFUSED.iter().find(|(start, _)| name.starts_with(start)) {
        Some((_, why)) => Kind::Refused(why),
        None => Kind::Unknown,
    }
}

/// Properties that decide how brokers are reached.
const READ: &[&str] = &[
    "broker.address.family",
    "client.id",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "enable.ssl.certificate.verification",
    "receive.message.max.bytes",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.method",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.connection.setup.timeout.ms",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.pem",
];

/// Properties that mean the same to both readers in these values alone, mostly the defaults.
const ONLY_AS: &[(&str, &[&str])] = &[
    ("api.version.request", &["true", "t", "1"]),
    ("client.dns.lookup", &["use_all_dns_ips"]),
    ("sasl.oauthbearer.metadata.authentication.type", &["none"]),
    ("socket.nagle.disable", &["true", "t", "1"]),
    ("socket.receive.buffer.bytes", &["0"]),
    ("socket.send.buffer.bytes", &["0"]),
    ("socket.keepalive.enable", &["false", "f", "0"]),
    ("ssl.ca.certificate.stores", &["Root"]),
    ("client.rack", &[""]),
];

/// Starts of properties that only librdkafka can follow, longest first where they overlap.
const REFUSED: &[(&str, &str)] = &[
    ("sasl.kerberos.", "Kerberos is not known here"),
    ("sasl.oauthbearer.", "tokens come from elsewhere (OIDC)"),
    ("https.ca.", "tokens come from elsewhere (OIDC)"),
    ("ssl.key.password", "encrypted keys are not read here"),
    ("ssl.keystore.", "PKCS#12 is not read here"),
    ("ssl.cipher.suites", "cipher suites are not chosen here"),
    ("ssl.curves.list", "curves are not chosen here"),
    ("ssl.sigalgs.list", "signatures are not chosen here"),
    ("ssl.engine.", "engines of OpenSSL are not known here"),
    ("ssl.providers", "providers of OpenSSL are not known here"),
    (
        "ssl.crl.",
        "lists of revoked certificates are not read here",
    ),
    ("ssl.", "it changes TLS in a way that is not known here"),
    ("sasl.", "it changes SASL in a way that is not known here"),
    (
        "socket.",
        "it changes sockets in a way that is not known here",
    ),
    (
        "client.rack",
        "fetching from the nearest replica is not known here",
    ),
    ("plugin.library.paths", "plugins may change anything"),
    (
        "broker.version.fallback",
        "brokers without versions are not known here",
    ),
    (
        "api.version.",
        "brokers without versions are not known here",
    ),
];

/// Properties of what librdkafka goes on doing (groups, commits, its own queues, its own
/// reconnects, producing, logs), and those of fetching, which the reader takes from elsewhere.
const HARMLESS: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "api.version.request.timeout.ms",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "batch.num.messages",
    "batch.size",
    "bootstrap.servers",
    "broker.address.ttl",
    "builtin.features",
    "check.crcs",
    "compression.codec",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "consume.callback.max.messages",
    "coordinator.query.interval.ms",
    "debug",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.metrics.push",
    "enable.partition.eof",
    "enable.random.seed",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.protocol.type",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "internal.termination.signal",
    "isolation.level",
    "linger.ms",
    "log.connection.close",
    "log.queue",
    "log.thread.name",
    "log_level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "message.copy.max.bytes",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "offset.store.method",
    "partition.assignment.strategy",
    "partitioner",
    "produce.offset.report",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "queuing.strategy",
    "reconnect.backoff.jitter.ms",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.required.acks",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "session.timeout.ms",
    "socket.blocking.max.ms",
    "socket.max.fails",
    "statistics.interval.ms",
    "sticky.partitioning.linger.ms",
    "topic.blacklist",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.cnt",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
    "transaction.timeout.ms",
    "transactional.id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_property_is_in_two_lists() {
        let only_as = ONLY_AS.iter().map(|(name, _)| *name);
        let mut all: Vec<&str> = READ
            .iter()
            .chain(HARMLESS)
            .copied()
            .chain(only_as)
            .collect();
        let len = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), len);
    }

    #[test]
    fn every_reason_is_reached() {
        for (start, why) in REFUSED {
            assert!(
                [*start, &format!("{start}x")]
                    .iter()
                    .any(|name| kind(name) == Kind::Refused(why)),
                "{start}"
            );
        }
    }
}
