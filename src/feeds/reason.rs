//! Why rows are refused and what is remarked about accepted ones: the values of `reason`
//! labels, a small closed set. Names that do not parse add those of `NameError::reason`; whoever
//! takes the indicators adds its own.

/// A reason, as counted and as shown.
pub type Reason = &'static str;

/// The line is longer than 64 KiB.
pub const LINE_TOO_LONG: Reason = "line_too_long";
/// The value is not UTF-8.
pub const NOT_UTF8: Reason = "not_utf8";
/// Nothing is left once quotes and separators are removed.
pub const EMPTY_VALUE: Reason = "empty_value";
/// More than one value, or a value and prose.
pub const EXTRA_TEXT: Reason = "extra_text";
/// A URL with a path, a query or a user: no name or address alone says what it lists.
pub const URL: Reason = "url";
/// The path of a URL without a host.
pub const PATH: Reason = "path";
/// A mail address.
pub const EMAIL: Reason = "email";
/// The hash of a file.
pub const HASH: Reason = "hash";
/// Nearly an address: octal, short, out of range, with a zone.
pub const BAD_ADDRESS: Reason = "bad_address";
/// Nearly a prefix.
pub const BAD_PREFIX: Reason = "bad_prefix";
/// A port that is none.
pub const BAD_PORT: Reason = "bad_port";
/// A range that ends before it starts or mixes families.
pub const BAD_RANGE: Reason = "bad_range";
/// A range that needs too many prefixes.
pub const RANGE_TOO_WIDE: Reason = "range_too_wide";
/// A character that no listed name holds.
pub const ODD_CHARACTER: Reason = "odd_character";
/// A pattern without a letter or digit, or with a character that no name holds.
pub const BAD_PATTERN: Reason = "bad_pattern";
/// A pattern longer than a name can be.
pub const PATTERN_TOO_LONG: Reason = "pattern_too_long";
/// `hosts`: the row does not start with an address.
pub const NO_ADDRESS: Reason = "no_address";
/// `hosts`: the row has an address and nothing else.
pub const NO_NAME: Reason = "no_name";
/// `hosts`: the address is a real one, so the row tells where a name is, not that it is bad.
pub const NOT_A_SINK: Reason = "not_a_sink";
/// `adblock`: a rule about pages, not about names.
pub const UNSUPPORTED_RULE: Reason = "unsupported_rule";
/// `adblock`: an option that narrows the rule in a way that DNS and flows cannot tell.
pub const UNSUPPORTED_OPTION: Reason = "unsupported_option";
/// `csv`: the row ends before the column of the value.
pub const MISSING_VALUE: Reason = "missing_value";
/// `csv` and `rpz`: a quote that is never closed, or too far away.
pub const UNCLOSED_QUOTE: Reason = "unclosed_quote";
/// `csv`: more columns than any feed has.
pub const TOO_MANY_COLUMNS: Reason = "too_many_columns";
/// `gannet-json`: not a JSON object with the fields of an indicator.
pub const BAD_JSON: Reason = "bad_json";
/// `gannet-json`: an object of another schema.
pub const UNKNOWN_SCHEMA: Reason = "unknown_schema";
/// A role that does not exist.
pub const BAD_ROLE: Reason = "bad_role";
/// A state that does not exist.
pub const BAD_STATE: Reason = "bad_state";
/// A scope that does not exist.
pub const BAD_SCOPE: Reason = "bad_scope";
/// A confidence that is not 0 to 100.
pub const BAD_CONFIDENCE: Reason = "bad_confidence";
/// A time that is none, or one without an offset where it needs one.
pub const BAD_TIME: Reason = "bad_time";
/// A validity that ends when or before it starts.
pub const BAD_VALIDITY: Reason = "bad_validity";
/// `dnsmasq`: neither a directive nor a comment.
pub const NOT_A_DIRECTIVE: Reason = "not_a_directive";
/// `spamhaus-drop`: an autonomous system, of which no network is listed.
pub const NO_NETWORK: Reason = "no_network";
/// `zeek-intel`: the hash of a certificate.
pub const CERTIFICATE_HASH: Reason = "certificate_hash";
/// `zeek-intel`: the hash of a public key.
pub const PUBLIC_KEY_HASH: Reason = "public_key_hash";
/// `zeek-intel`: the name of a program.
pub const SOFTWARE: Reason = "software";
/// `zeek-intel`: the name of a user.
pub const USER_NAME: Reason = "user_name";
/// `zeek-intel`: the name of a file.
pub const FILE_NAME: Reason = "file_name";
/// The entry is of a type that the format does not have, or that is newer than this program.
pub const UNKNOWN_TYPE: Reason = "unknown_type";
/// The entry lists what neither DNS nor flows show: a file, a process, a mail address.
pub const NOT_NETWORK: Reason = "not_network";
/// The entry says that it is there for context, not to be looked for.
pub const NOT_FOR_DETECTION: Reason = "not_for_detection";
/// `misp`: the entry was deleted.
pub const DELETED: Reason = "deleted";
/// `misp`: the entry is so old that every model says it is worth nothing.
pub const DECAYED: Reason = "decayed";
/// `stix2`: a pattern that says more than a list of values can.
pub const UNSUPPORTED_PATTERN: Reason = "unsupported_pattern";
/// `stix2`: a pattern that does not parse.
pub const BAD_PATTERN_SYNTAX: Reason = "bad_pattern_syntax";

/// Reasons that show that a row was understood, and lists what no name or address can say, or what is
/// not to be looked for: however many there are, the feed is of the format that it is said to be.
pub(super) const UNDERSTOOD: [Reason; 12] = [
    HASH,
    EMAIL,
    CERTIFICATE_HASH,
    PUBLIC_KEY_HASH,
    SOFTWARE,
    USER_NAME,
    FILE_NAME,
    NOT_NETWORK,
    NOT_FOR_DETECTION,
    DELETED,
    DECAYED,
    UNSUPPORTED_PATTERN,
];

/// `rpz`: a parenthesis that is never closed, or was never opened.
pub const UNBALANCED_PARENTHESES: Reason = "unbalanced_parentheses";
/// `rpz`: a directive that would read another file or make up rows, or one that does not exist.
pub const UNSUPPORTED_DIRECTIVE: Reason = "unsupported_directive";
/// `rpz`: a backslash before what it cannot stand before.
pub const BAD_ESCAPE: Reason = "bad_escape";
/// `rpz`: a record that names no owner, and no record before it has one that can be read.
pub const NO_OWNER: Reason = "no_owner";
/// `rpz`: an owner that is not below the zone's name, or an absolute one when that is not known.
pub const OUT_OF_ZONE: Reason = "out_of_zone";
/// `rpz`: a trigger on the client or on the servers of a name, which events do not tell.
pub const UNSUPPORTED_TRIGGER: Reason = "unsupported_trigger";
/// `rpz`: a trigger on all names.
pub const EVERY_NAME: Reason = "every_name";
/// `rpz`: an action that nobody has defined, or one that has lost its trailing dot.
pub const BAD_ACTION: Reason = "bad_action";

/// Remark: of a URL with a path only the host is listed, exactly and with low confidence.
pub const HOST_OF_URL: Reason = "host_of_url";
/// Remark: host bits of a prefix were cleared.
pub const HOST_BITS: Reason = "host_bits";
/// Remark: the port of `name:port` was dropped, since names have none.
pub const PORT_DROPPED: Reason = "port_dropped";
/// Remark: tags beyond the first 32 were dropped.
pub const TAGS_DROPPED: Reason = "tags_dropped";
/// Remark: another feed lists the same.
pub const SAME_AS_ANOTHER_FEED: Reason = "same_as_another_feed";
/// Remark: a file of a directory holds no row.
pub const EMPTY_FILE: Reason = "empty_file";
/// Remark: more than half of the rows of one file of a directory were refused.
pub const MOSTLY_REFUSED_FILE: Reason = "mostly_refused_file";
