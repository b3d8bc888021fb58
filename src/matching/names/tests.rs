//! Both engines against one slow oracle and each other.

use proptest::prelude::*;

use super::*;

/// A listed name with its scope.
type Listed = (String, Scope);

fn table(listed: &[Listed], engine: NameEngine) -> NameTable {
    let mut builder = NameTableBuilder::new(HashKey::new(7, 8));
    for (text, scope) in listed {
        let mut scratch = [0; NAME_LEN_MAX];
        let name = DomainName::parse(text.as_bytes(), &mut scratch).unwrap();
        builder.insert(name, *scope).unwrap();
    }
    builder.build(engine).unwrap()
}

/// The definition of a covering name, written to be obviously right and slow.
fn oracle(listed: &[Listed], name: &str) -> Vec<String> {
    let mut found: Vec<String> = listed
        .iter()
        .filter(|(text, scope)| match scope {
            Scope::Exact => name == text,
            Scope::Subtree => name == text || name.ends_with(&format!(".{text}")),
            Scope::Below => name.ends_with(&format!(".{text}")),
        })
        .map(|(text, _)| text.clone())
        .collect();
    found.sort_by_key(|text| std::cmp::Reverse(text.len()));
    found.dedup();
    found
}

/// What the table says of a raw name, by both of its questions, which must agree; an error only
/// when a name is unfit and nothing above its unfit labels is listed.
fn found(table: &NameTable, raw: &[u8]) -> Result<Vec<String>, NameError> {
    let covering = |name: DomainName<'_>| {
        let mut ids = Vec::new();
        table.covering(name, &mut ids);
        let texts = ids.iter().map(|&id| table.keys().name(id).to_owned());
        texts.collect::<Vec<_>>()
    };
    let (mut scratch, mut below) = ([0; NAME_LEN_MAX], [0; NAME_LEN_MAX]);
    let found = DomainName::parse(raw, &mut scratch)
        .map(covering)
        .or_else(|error| {
            let found = DomainName::parse_below(raw, &mut below).map_or(vec![], covering);
            if found.is_empty() {
                Err(error)
            } else {
                Ok(found)
            }
        });
    let expected = match &found {
        Ok(found) if found.is_empty() => NameProbe::Miss,
        Ok(_) => NameProbe::Candidate,
        Err(error) => NameProbe::Unfit(*error),
    };
    assert_eq!(
        table.probe(raw),
        expected,
        "{:?}",
        String::from_utf8_lossy(raw)
    );
    check_queued(table, raw, expected);
    found
}

/// A queued name gets the same answer, but for a candidate too many.
fn check_queued(table: &NameTable, raw: &[u8], expected: NameProbe) {
    let mut batch = NameBatch::new();
    let queued = table.queue(raw, 7, &mut batch);
    let mut settled = false;
    table.settle(&mut batch, |owner| settled |= owner == 7);
    let known = match queued {
        NameProbe::Miss if settled && expected == NameProbe::Miss => expected,
        NameProbe::Miss if settled => NameProbe::Candidate,
        NameProbe::Miss | NameProbe::Candidate | NameProbe::Unfit(_) => queued,
    };
    assert_eq!(known, expected, "{:?}", String::from_utf8_lossy(raw));
    assert!(batch.is_empty());
}

#[test]
fn a_batch_tells_each_owner_and_seldom_too_many() {
    let listed: Vec<String> = (0..20_000).map(|n| format!("bad{n}.example")).collect();
    let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    let table = table(&subtree(&listed), NameEngine::Table);
    let mut batch = NameBatch::new();
    let mut found = Vec::new();
    for owner in 0..100_000 {
        let name = match owner % 100 {
            0 => format!("www.bad{}.example", owner / 100),
            _ => format!("www.good{owner}.example"),
        };
        assert_eq!(
            table.queue(name.as_bytes(), owner, &mut batch),
            NameProbe::Miss
        );
        if batch.is_full() {
            table.settle(&mut batch, |owner| found.push(owner));
        }
    }
    table.settle(&mut batch, |owner| found.push(owner));
    let right = found.iter().filter(|&owner| owner % 100 == 0).count();
    assert_eq!(right, 1000);
    assert!(
        found.len() - right < 100,
        "{} too many",
        found.len() - right
    );
}

const ENGINES: [NameEngine; 2] = [NameEngine::Table, NameEngine::AhoCorasick];

fn subtree(names: &[&str]) -> Vec<Listed> {
    let listed = names.iter().map(|&name| (name.into(), Scope::Subtree));
    listed.collect()
}

#[test]
fn only_whole_labels_match() {
    for engine in ENGINES {
        let table = table(&subtree(&["evil.example", "www.test"]), engine);
        for (raw, expected) in [
            ("evil.example", &["evil.example"][..]),
            ("evil.example.", &["evil.example"]),
            ("A.EVIL.example", &["evil.example"]),
            ("notevil.example", &[]),
            ("evil.example.org", &[]),
            ("example", &[]),
            ("test", &[]),
        ] {
            let expected = expected.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(found(&table, raw.as_bytes()), Ok(expected), "{raw}");
        }
    }
}

#[test]
fn raw_names_are_judged_as_parsed_ones() {
    for engine in ENGINES {
        let table = table(&subtree(&["xn--bcher-kva.example", "bad.example"]), engine);
        let idn = Ok(vec!["xn--bcher-kva.example".to_owned()]);
        assert_eq!(found(&table, "www.B\u{dc}CHER.Example.".as_bytes()), idn);
        assert_eq!(found(&table, br"b\xc3\xbccher.example"), idn);
        assert_eq!(found(&table, b"XN--BCHER-KVA.example"), idn);
        for (raw, error) in [
            (&b""[..], NameError::Empty),
            (b".", NameError::Empty),
            (b"a..ok.example", NameError::EmptyLabel),
            (b"bad.example..", NameError::EmptyLabel),
            (b"bad.exam ple", NameError::BadByte),
            (br"a\.bad.example", NameError::BadByte),
        ] {
            assert_eq!(found(&table, raw), Err(error));
        }
    }
}

#[test]
fn what_is_listed_above_an_unfit_label_is_found() {
    for engine in ENGINES {
        let exact = ("x.bad.example".to_owned(), Scope::Exact);
        let listed = [subtree(&["bad.example"]), vec![exact]].concat();
        let table = table(&listed, engine);
        let label = format!("{}.bad.example", "a".repeat(64));
        let long = format!("{}bad.example", "a.".repeat(150));
        for raw in [
            &b"a..bad.example"[..],
            b"a b.bad.example",
            b"a b.x.bad.example",
            b"\xff.BAD.example.",
            br"\200\201.x.bad.example",
            br"a\.b.bad.example",
            label.as_bytes(),
            long.as_bytes(),
        ] {
            assert_eq!(found(&table, raw), Ok(vec!["bad.example".to_owned()]));
        }
    }
}

#[test]
fn an_empty_table_finds_nothing() {
    for engine in ENGINES {
        let table = table(&[], engine);
        assert_eq!(found(&table, b"bad.example"), Ok(vec![]));
        assert!(table.keys().is_empty());
    }
}

#[test]
fn a_name_has_one_key_however_often_it_is_inserted() {
    let mut builder = NameTableBuilder::new(HashKey::random());
    let mut scratch = [0; NAME_LEN_MAX];
    let name = DomainName::parse(b"bad.example", &mut scratch).unwrap();
    assert_eq!(builder.insert(name, Scope::Exact), Ok(KeyId(0)));
    assert_eq!(builder.insert(name, Scope::Below), Ok(KeyId(0)));
    let table = builder.build(NameEngine::Table).unwrap();
    assert_eq!(table.keys().len(), 1);
    assert!(table.keys().covers(KeyId(0), true) && table.keys().covers(KeyId(0), false));
}

#[test]
fn deep_names_cost_a_bounded_number_of_probes() {
    // The worst names there are: 127 labels, all of whose suffixes are listed.
    let deep = vec!["a"; 127].join(".");
    let mut listed: Vec<Listed> = (0..127)
        .map(|skip| (deep[2 * skip..].to_owned(), Scope::Subtree))
        .collect();
    listed.extend((0..20_000).map(|number| (format!("{number}.test"), Scope::Subtree)));
    let table = table(&listed, NameEngine::Table);
    assert_eq!(found(&table, deep.as_bytes()).map(|all| all.len()), Ok(127));
    let NameTable::Suffix(suffixes) = &table else {
        panic!("a suffix table was asked for");
    };
    // 20,127 names fill 61 % of the slots; a run of 200 would mean that hashes cluster.
    assert!(suffixes.longest_run() < 200, "{}", suffixes.longest_run());
}

/// One to three labels of one or two letters out of two: so small that names collide.
fn name() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]{1,2}", 1..4).prop_map(|labels| labels.join("."))
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Exact), Just(Scope::Subtree), Just(Scope::Below)]
}

proptest! {
    #[test]
    fn both_engines_agree_with_the_oracle(
        listed in proptest::collection::vec((name(), scope()), 0..40),
        asked in name(),
        upper in any::<bool>(),
        dot in any::<bool>(),
    ) {
        let mut raw = if upper { asked.to_ascii_uppercase() } else { asked.clone() };
        if dot {
            raw.push('.');
        }
        for engine in ENGINES {
            let table = table(&listed, engine);
            prop_assert_eq!(found(&table, raw.as_bytes()), Ok(oracle(&listed, &asked)));
        }
    }

    #[test]
    fn both_engines_agree_on_any_bytes(
        listed in proptest::collection::vec((name(), scope()), 0..40),
        raw in proptest::collection::vec(prop_oneof![
            8 => proptest::sample::select(b"abAB...\\".to_vec()),
            1 => any::<u8>(),
        ], 0..12),
    ) {
        let [one, other] = ENGINES.map(|engine| found(&table(&listed, engine), &raw));
        prop_assert_eq!(one, other);
    }
}
