//! Rows as their producers write them, and the words that mean something in them.

use gannet::model::EventFormat;

const ZEEK: &[&str] = &[
    r#"{"_path":"dns","ts":1588205199.827696,"uid":"CMdzit1AMNsmfAIiQc","id.orig_h":"198.51.100.7","id.orig_p":53123,"id.resp_h":"192.0.2.53","id.resp_p":53,"proto":"udp","trans_id":41180,"rtt":0.0015,"query":"www.bad.example","qclass":1,"qclass_name":"C_INTERNET","qtype":1,"qtype_name":"A","rcode":0,"rcode_name":"NOERROR","AA":false,"TC":false,"RD":true,"RA":true,"Z":0,"answers":["c2.bad.example","203.0.113.66"],"TTLs":[300.0,60.0],"rejected":false}"#,
    r#"{"ts":1588205200.5,"uid":"C9","id":{"orig_h":"2001:db8::7","orig_p":5353,"resp_h":"2001:db8::53","resp_p":53},"proto":"udp","query":"text.example","qtype":16,"answers":["TXT 11 v=spf1 -all"],"rejected":false}"#,
    r#"{"@stream":"conn","@system":"sensor1","ts":"2026-01-01T00:00:00.123456Z","id_orig_h":"198.51.100.7","id_orig_p":50123,"id_resp_h":"203.0.113.66","id_resp_p":443,"proto":"tcp","service":"ssl","duration":1.25,"orig_bytes":39,"resp_bytes":55,"conn_state":"SF","local_orig":true,"history":"^ShADad","orig_pkts":1,"orig_ip_bytes":67,"resp_pkts":2,"resp_ip_bytes":83,"tunnel_parents":[]}"#,
    r#"{"conn":{"ts":1588205201.0,"id.orig_h":"198.51.100.8","id.orig_p":3,"id.resp_h":"203.0.113.67","id.resp_p":1,"proto":"icmp","conn_state":"OTH","orig_bytes":56}}"#,
    r#"{"_path":"http","ts":1588205202.0,"host":"www.bad.example","uri":"/\"query\":\"x.example\""}"#,
];

const COLLECTOR: &[&str] = &[
    r#"{"dns.flags.aa":false,"dns.flags.qr":true,"dns.id":23455,"dns.length":74,"dns.opcode":0,"dns.qname":"www.bad.example","dns.qtype":"A","dns.rcode":"NOERROR","dns.resource-records.an.0.class":"IN","dns.resource-records.an.0.name":"www.bad.example","dns.resource-records.an.0.rdata":"c2.bad.example","dns.resource-records.an.0.rdatatype":"CNAME","dns.resource-records.an.0.ttl":300,"dns.resource-records.an.1.rdata":"203.0.113.66","dns.resource-records.an.1.rdatatype":"A","dns.resource-records.ar":"-","dns.resource-records.ns":"-","dnstap.identity":"res1","dnstap.operation":"CLIENT_RESPONSE","dnstap.timestamp-rfc3339ns":"2026-01-01T00:00:00.14Z","network.family":"IPv4","network.query-ip":"198.51.100.7","network.query-port":"53123","network.response-ip":"192.0.2.53","network.response-port":"53"}"#,
    r#"{"network":{"query-ip":"198.51.100.7","query-port":"53123","response-ip":"192.0.2.53","response-port":"53"},"dns":{"id":6699,"rcode":"NOERROR","qname":"svc.example","qtype":"HTTPS","flags":{"qr":true,"tc":false},"resource-records":{"an":[{"name":"svc.example","rdatatype":"HTTPS","ttl":300,"rdata":"1 svc.bad.example alpn=\"h2\" ipv4hint=203.0.113.66"},{"rdatatype":"AAAA","rdata":"2001:db8::66"}],"ns":[{"rdatatype":"NS","rdata":"ns.example"}],"ar":[]}},"dnstap":{"operation":"CLIENT_RESPONSE","identity":"res1","timestamp-rfc3339ns":"2026-01-01T00:00:00.14Z"}}"#,
    r#"{"network":{"query-ip":"198.51.100.7"},"dnstap":{"operation":"CLIENT_QUERY"}}"#,
];

const FLOWS: &[&str] = &[
    r#"{"type":"IPFIX","time_received_ns":1767225601000000000,"sequence_num":7,"sampling_rate":1000,"sampler_address":"192.0.2.1","time_flow_start_ns":1767225600140000001,"time_flow_end_ns":1767225600900000000,"bytes":1500,"packets":3,"src_addr":"198.51.100.7","src_net":"198.51.100.0/24","dst_addr":"203.0.113.66","etype":"IPv4","proto":"TCP","src_port":50123,"dst_port":443,"in_if":1,"out_if":2,"tcp_flags":2}"#,
    r#"{"Type":4,"TimeReceived":1767225601,"SamplerAddress":"wAACAQ==","TimeFlowStart":1767225600,"Bytes":"1500","Packets":3,"SrcAddr":"xjNkBw==","DstAddr":"2001:db8::66","Etype":2048,"Proto":58,"SrcPort":128,"DstPort":1,"TCPFlags":27}"#,
    r#"{"type":"SFLOW_5","time_received_ns":1767225601000000000,"src_mac":"00:00:5e:00:53:01","etype":"ARP"}"#,
];

const OURS: &[&str] = &[
    r#"{"schema":"gannet.event.v1","time":"2026-01-01T00:00:00.14Z","observer":"res1","client_hint":"line-0042","sampling_rate":1,"dns":{"client":{"ip":"198.51.100.7","port":53123},"resolver":{"ip":"192.0.2.53","port":53},"qname":"www.bad.example","qtype":"A","rcode":"NOERROR","answers":["c2.bad.example","203.0.113.66"],"message":"response","side":"client","blocked":false}}"#,
    r#"{"schema":"gannet.event.v1","time":"2026-01-01T00:00:00Z","sampling_rate":1000,"flow":{"source":{"ip":"198.51.100.7","port":50123},"destination":{"ip":"203.0.113.66","port":443},"protocol":"tcp","packets":3,"bytes":1500,"payload_bytes":1380,"reverse":{"packets":2,"bytes":900,"payload_bytes":820},"tcp_flags":27,"state":"established","initiator":"source"}}"#,
    r#"{"schema":"gannet.event.v2","dns":{"qname":"www.bad.example"}}"#,
];

/// Rows of `format` as they should be.
pub(crate) fn of(format: EventFormat) -> &'static [&'static str] {
    match format {
        EventFormat::ZeekJson => ZEEK,
        EventFormat::DnsCollectorJson => COLLECTOR,
        EventFormat::Goflow2Json => FLOWS,
        EventFormat::GannetJson => OURS,
        _ => &[],
    }
}

/// Keys that mean something in one of the formats, or look as if they did.
pub(crate) const KEYS: &[&str] = &[
    "query", "Query", "query ", "querz", "answers", "qtype", "qtype_name", "rcode", "_path",
    "@stream", "dns", "dns-2", "dns-99", "dns-123", "conn", "id", "id.orig_h", "id_orig_h",
    "orig_h", "id.orig_p", "id.resp_h", "id_resp_h", "resp_h", "id.resp_p", "proto", "ip_proto",
    "conn_state", "orig_bytes", "ts", "qname", "dns.qname", "an", "resource-records",
    "dns.resource-records", "dns.resource-records.an", "dns.resource-records.an.0.rdata",
    "dns.resource-records.an.0", "rdata", "rdatatype", "dns.qtype", "network", "dnstap",
    "src_addr", "SrcAddr", "dst_addr", "DstAddr", "src_port", "dst_port", "Proto", "schema",
    "flow", "source", "destination", "ip", "port", "client", "time", "message", "side", "",
    "\u{0}", "\u{fc}", "qu\\u0065ry",
];

/// Strings that mean something, or look as if they did.
pub(crate) const TEXTS: &[&str] = &[
    "bad.example", "WWW.BAD.EXAMPLE.", "b\u{fc}cher.example", "\\xc3\\xbc.example", "\\117k.example",
    "\u{1f98a}.example", "a\u{0}b.example", "a..b", ".", "", "-", "<nil>", "203.0.113.66",
    "::ffff:203.0.113.66", "2001:db8::66", "203.0.113.066", "203.0.113.66:53", "fwAAAQ==",
    "1 svc.bad.example ipv4hint=203.0.113.66", "TXT 4 a.example", "dns", "conn", "http", "tcp",
    "icmp", "53", "70000", "+53", "gannet.event.v1", "A", "CNAME", "HTTPS", "\"query\":\"x.example\"",
    "}", "a/b.example", "\u{7f}\u{80}\u{ffff}",
];

/// Numbers and literals, usual and odd.
pub(crate) const BARE: &[&str] = &[
    "0", "-0", "53", "53.0", "5.3e1", "443", "65535", "65536", "1", "6", "17", "58", "-1", "1e400",
    "-1e-400", "123456789012345678901234567890", "0.1e+2", "1E5", "true", "false", "null",
];
