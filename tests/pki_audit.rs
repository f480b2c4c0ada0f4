//! Sets made by openssl, each of which the audit must judge exactly.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod support;

use firstboot::pki::audit::{Demand, Demands, File, Pair, Part, Problem, audit};
use firstboot::secret::Secret;
use support::sets::Set;
use support::{Workshop, audit_set, demands, demands_by_name, drafts, issued, keys, sets, wrapped};

fn judge(list: &[Set], demands: fn(u16, bool) -> Demands) {
    let base = Workshop::base();
    let wrong: Vec<String> = support::in_parallel(list, |set| {
        let shop = Workshop::make(&base, set.make);
        let audit = audit_set(&shop, &demands(set.go, false));
        let found = |errors| {
            let problems = audit
                .problems
                .iter()
                .filter(move |problem| problem.is_error() == errors);
            let mut codes: Vec<_> = problems
                .map(|problem| (problem.code, problem.part))
                .collect();
            codes.sort_unstable();
            codes
        };
        let wanted = |list: &[_]| {
            let mut codes = list.to_vec();
            codes.sort_unstable();
            codes
        };
        let right = found(true) == wanted(set.errors) && found(false) == wanted(set.warnings);
        for problem in &audit.problems {
            assert!(
                !problem.message.ends_with('.') && !problem.help.ends_with('.'),
                "{problem}"
            );
            assert!(!problem.help.is_empty(), "{problem}");
        }
        (!right).then(|| {
            let problems: Vec<_> = audit.problems.iter().map(ToString::to_string).collect();
            format!("{}:\n  {}", set.name, problems.join("\n  "))
        })
    })
    .into_iter()
    .flatten()
    .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        list.len(),
        wrong.join("\n")
    );
}

#[test]
fn files() {
    judge(sets::FILES, demands);
}

#[test]
fn keys() {
    judge(keys::KEYS, demands);
}

#[test]
fn chains() {
    judge(issued::CHAINS, demands);
}

#[test]
fn hashes() {
    judge(issued::HASHES, demands);
}

#[test]
fn leafs() {
    judge(issued::LEAFS, demands);
}

#[test]
fn for_curl() {
    judge(issued::FOR_CURL, demands);
}

#[test]
fn names() {
    judge(issued::NAMES, demands_by_name);
}

#[test]
fn common_name() {
    let base = Workshop::base();
    for (value, codes) in [
        ("kubernetes", vec![]),
        ("Kubernetes", vec!["common-name-differs"]),
    ] {
        let common_name = Demand {
            value: value.to_owned(),
            why: "`peer-cert-allowed-cn` says so".to_owned(),
        };
        let demands = Demands {
            common_name: Some(common_name),
            ..demands(24, true)
        };
        let problems = audit_set(&base, &demands).problems;
        let found: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(found, codes);
    }
}

/// What Go refuses while it parses, for every Go that built an etcd.
#[test]
fn parsing() {
    let base = Workshop::base();
    let (yes, no): (Vec<_>, Vec<_>) = drafts::CASES
        .iter()
        .partition(|case| case.code(26).is_none());
    assert!(
        yes.len() >= 25 && no.len() >= 60,
        "{} {}",
        yes.len(),
        no.len()
    );
    let wrong = support::in_parallel(drafts::CASES, |case| {
        let shop = case.build(&base);
        let mut wrong = Vec::new();
        let all = [10, 12, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26];
        let changes = case.refused.is_some_and(|(_, since)| since > 0) || case.until < 26;
        for go in if changes { &all[..] } else { &[10, 26] } {
            let go = *go;
            let audit = audit_set(&shop, &demands(go, false));
            let errors: Vec<_> = audit
                .problems
                .iter()
                .filter(|problem| problem.is_error())
                .collect();
            let right = match case.code(go) {
                None => errors.is_empty(),
                Some(code) if case.later == Some(code) => errors[0].code == code,
                // What a CA is called stands in all that it issued, too.
                Some(code) => {
                    errors.iter().all(|one| one.code == code)
                        && matches!(errors[..], [one, ..] if one.part == case.part)
                }
            };
            if !right {
                wrong.push(format!("{} (go {go}): {:?}", case.name, audit.problems));
            }
        }
        // Where a Go reads it, curl may not.
        let reading = [10, 26].into_iter().find(|go| case.code(*go).is_none());
        if let Some(go) = reading {
            let audit = audit_set(&shop, &demands(go, true));
            let error = audit.problems.iter().find(|problem| problem.is_error());
            if error.map(|problem| problem.code) != case.curl {
                wrong.push(format!("{} (curl): {:?}", case.name, audit.problems));
            }
        }
        wrong.truncate(1);
        wrong
    });
    let wrong = wrong.concat();
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

/// What etcd takes and the curl of a machine's first boot does not, as seen with real ones.
#[test]
fn curl_is_stricter() {
    let base = Workshop::base();
    let all = [
        keys::KEYS,
        issued::CHAINS,
        issued::HASHES,
        issued::LEAFS,
        issued::FOR_CURL,
    ]
    .concat();
    let fit: Vec<_> = all.iter().filter(|set| set.errors.is_empty()).collect();
    let refused = support::in_parallel(&fit, |set| {
        let shop = Workshop::make(&base, set.make);
        let audit = audit_set(&shop, &demands(12, true));
        let codes: Vec<_> = audit
            .problems
            .iter()
            .filter(|problem| problem.is_error())
            .map(|problem| problem.code)
            .collect();
        (!codes.is_empty()).then_some((set.name, codes))
    });
    let refused: Vec<_> = refused
        .into_iter()
        .flatten()
        .filter(|(_, codes)| codes[0] != "ed25519")
        .collect();
    assert_eq!(
        refused,
        [
            ("rsa 1024", vec!["rsa-small"]),
            ("rsa 1024 ca", vec!["rsa-small"]),
            ("sha-1 before go 1.18", vec!["hash-weak"]),
            ("sha-384 from rsa 1024", vec!["rsa-small"]),
            ("any extended usage", vec!["usage-any"]),
            ("ca for any usage", vec!["usage-any"]),
            ("no digital signature", vec!["no-digital-signature"]),
            ("certificate that is a ca", vec!["no-digital-signature"]),
            (
                "ca made again under its key, named by its serial",
                vec!["issuer-again"]
            ),
            (
                "ca made again under its key, with another identifier of it",
                vec!["issuer-again"]
            ),
            (
                "ca made again under its key, the old one expired",
                vec!["issuer-again"]
            ),
            (
                "intermediate made again under its key",
                vec!["issuer-again"]
            ),
            ("netscape's kind, not for servers", vec!["netscape-kind"]),
            ("an address as one of ipv6", vec!["san-address-mapped"; 3]),
            (
                "common name beyond the constraints of the ca, and no other name",
                vec!["subject-forbidden"],
            ),
            (
                "subject beyond the constraints of the ca",
                vec!["subject-forbidden"]
            ),
        ]
    );
}

/// Whoever any CA of the bundle certifies is let in.
#[test]
fn public_cas() {
    let base = Workshop::base();
    let codes = |shop: &Workshop| {
        let problems = audit_set(shop, &demands(24, true)).problems;
        let is_of_ca = |problem: &&Problem| problem.part == Part::Ca;
        let of_ca: Vec<_> = problems
            .iter()
            .filter(is_of_ca)
            .map(|one| one.code)
            .collect();
        of_ca.join(" ")
    };
    let with = |more: &str| Workshop::make(&base, &format!("begin; {more}"));
    assert_eq!(codes(&with("")), "");
    let others = |count: u8| {
        with(&format!(
            "key other; for i in $(seq {count}); do root other other$i \"$AUTHORITY\"; cat other.pem >> ca.pem; done"
        ))
    };
    assert_eq!(codes(&others(9)), "");
    assert_eq!(codes(&others(10)), "public-ca");
    let named = "openssl req -x509 -key other-key.pem -subj '/C=US/O=Internet Security Research Group/CN=ISRG Root X1' -days 365 -out other.pem";
    assert_eq!(
        codes(&with(&format!(
            "key other; {named}; cat other.pem >> ca.pem"
        ))),
        "public-ca"
    );

    // Each CA of this computer's own bundle is one.
    let Ok(bundle) = std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt") else {
        println!("no bundle here");
        return;
    };
    let all: Vec<_> = bundle
        .split_inclusive("-----END CERTIFICATE-----\n")
        .collect();
    let unknown: Vec<_> = all
        .iter()
        .filter(|one| {
            let shop = with("");
            shop.write(
                "ca.pem",
                [shop.read("ca.pem"), one.as_bytes().to_vec()].concat(),
            );
            !codes(&shop).contains("public-ca")
        })
        .collect();
    let subjects: String = unknown
        .iter()
        .map(|one| {
            base.write("one.pem", one.as_bytes());
            base.run("openssl x509 -noout -subject -in one.pem")
        })
        .collect();
    assert!(
        all.len() > 50 && unknown.len() * 20 <= all.len(),
        "{subjects}"
    );
    let shop = with("");
    shop.write(
        "ca.pem",
        [shop.read("ca.pem"), bundle.into_bytes()].concat(),
    );
    assert!(codes(&shop).contains("public-ca"));
}

/// A certificate or a key in another form: the help's command makes PEM of it.
#[test]
fn other_forms() {
    let base = Workshop::base();
    let mut tried = Vec::new();
    for one in wrapped::WRAPPED {
        let shop = Workshop::make(&base, one.make);
        let audit = audit_set(&shop, &demands(24, false));
        let errors: Vec<_> = audit
            .problems
            .iter()
            .filter(|problem| problem.is_error())
            .collect();
        let found: Vec<_> = errors
            .iter()
            .map(|problem| (problem.code, problem.part))
            .collect();
        assert_eq!(found, one.errors, "{}: {:?}", one.name, audit.problems);
        for problem in errors {
            assert!(
                problem.message.contains(one.says),
                "{}: {problem}",
                one.name
            );
            let command = problem.help.split('`').nth(1).unwrap_or_default();
            assert_eq!(
                command.split(' ').next().unwrap_or_default(),
                one.tool,
                "{}: {}",
                one.name,
                problem.help
            );
            let has = |tool: &str| !shop.run(&format!("command -v {tool} || true")).is_empty();
            if one.cured && has(one.tool) {
                shop.run(command);
                tried.push((one.tool, one.name));
            } else if one.cured {
                println!("not run here, as {} is missing: {command}", one.tool);
            }
        }
        if one.cured && tried.iter().any(|(_, name)| *name == one.name) {
            let problems = audit_set(&shop, &demands(24, false)).problems;
            assert!(
                !problems.iter().any(Problem::is_error),
                "{}: {problems:?}",
                one.name
            );
        }
    }
    for tool in ["sed", "base64", "openssl"] {
        assert!(
            tried.iter().any(|(ran, _)| *ran == tool),
            "{tool}: {tried:?}"
        );
    }
}

/// A command in a help line does what it says: after it the set is fit.
#[test]
fn commands_in_help_cure() {
    let base = Workshop::base();
    let all = [sets::FILES, keys::KEYS].concat();
    let cured = support::in_parallel(&all, |set| {
        let shop = Workshop::make(&base, set.make);
        shop.run("chmod 600 kubernetes-key.pem");
        let demands = demands(24, false);
        let mut commands = 0;
        for problem in audit_set(&shop, &demands)
            .problems
            .iter()
            .filter(|problem| problem.is_error())
        {
            let commands_of = problem.help.split('`').skip(1).step_by(2).filter(|words| {
                let is_command = ["openssl ", "sed ", "iconv ", "ssh-keygen "];
                is_command.iter().any(|start| words.starts_with(start))
                    && !words.contains("ca-key.pem")
                    && !words.contains("-noout")
            });
            for command in commands_of {
                let passed = command
                    .replace("openssl pkey -in", "openssl pkey -passin pass:x -in")
                    .replace("openssl pkcs12", "openssl pkcs12 -passin pass:");
                shop.run(&passed);
                commands += 1;
            }
        }
        let is_cured = audit_set(&shop, &demands).is_fit();
        (commands > 0).then_some((set.name, is_cured))
    });
    let cured: Vec<_> = cured.into_iter().flatten().collect();
    assert!(cured.len() > 20, "{cured:?}");
    let left: Vec<_> = cured.iter().filter(|(_, is_cured)| !is_cured).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Not one line of a key in what an audit says.
#[test]
fn says_no_key_bytes() {
    let base = Workshop::base();
    let all = [sets::FILES, keys::KEYS].concat();
    support::in_parallel(&all, |set| {
        let shop = Workshop::make(&base, set.make);
        let said = format!("{:?}", audit_set(&shop, &demands(24, true)));
        for name in ["kubernetes-key.pem", "ca-key.pem"] {
            let key = String::from_utf8_lossy(&shop.read(name)).into_owned();
            for line in key
                .lines()
                .filter(|line| !line.starts_with('-') && line.len() > 8 && line.is_ascii())
            {
                assert!(!said.contains(&line[..8]), "{}", set.name);
            }
        }
    });
}

/// Whatever a file was made into, the audit answers.
#[test]
fn never_panics() {
    use proptest::prelude::*;
    let base = Workshop::base();
    let files = ["ca.pem", "kubernetes.pem", "kubernetes-key.pem"];
    let good = files.map(|name| base.read(name));
    proptest!(|(file in 0_usize..3, at in any::<prop::sample::Index>(), byte: u8, cut: bool, inside: bool)| {
        let mut set = good.clone();
        set[file] = spoil(&set[file], at, byte, cut, inside);
        let [ca, certificate, key] = set;
        let pair = Pair {
            certificate: File { name: "kubernetes.pem", bytes: &certificate },
            key_name: "kubernetes-key.pem",
            key: &Secret::new(key),
        };
        audit(File { name: "ca.pem", bytes: &ca }, &pair, &demands(24, true));
    });
}

/// Changes one byte, of the text or inside the base64, or drops what follows it.
fn spoil(text: &[u8], at: proptest::sample::Index, byte: u8, cut: bool, inside: bool) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let change = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(if cut { at } else { bytes.len() });
        bytes
    };
    if !inside {
        return change(text);
    }
    let text = std::str::from_utf8(text).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let (body, last) = rest.split_once("-----END").unwrap();
    let der = STANDARD.decode(body.replace('\n', "")).unwrap();
    format!("{first}\n{}\n-----END{last}", STANDARD.encode(change(&der))).into_bytes()
}
