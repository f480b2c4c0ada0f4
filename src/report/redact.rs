//! Hides key material in text that is about to be shown.
//!
//! A key is found by its frame, where it has one: `-----BEGIN … PRIVATE KEY-----`, or the place
//! before the `@` of a URL. It often has none: pieces of base64 or of hexadecimal digits, in any
//! clothes. Those are found by what they are not. Names, paths and identifiers are made of words:
//! `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0` is long, but between its
//! marks stand words, in one case or with a capital first, and short numbers. A key of the
//! same alphabet changes between upper case, lower case and digits at two letters of three. Twenty
//! characters that are no words are hidden; by chance one piece of base64 in some thousands that
//! is just as long looks like words, and of longer ones none does (see the tests).

use std::ops::Range;

/// From so many characters on a run of base64 or hexadecimal digits may be a key's.
const LEAST: usize = 20;
/// A word that is none may have so many characters: a temporary directory's name has.
const LONGEST_ODD: usize = 12;
/// Device names hold serial numbers of hexadecimal digits, in upper or lower case.
const LONGEST_SERIAL: usize = 40;

/// The same text, byte for byte as long, with everything that may be a key turned into `*`.
///
/// Hidden are the lines of a private key in PEM, also where it stands on one line with `\n` in it,
/// runs of base64 and hexadecimal digits that are no words, and what stands before the `@` of a
/// URL (a password).
///
/// ```
/// use firstboot::report::redact;
/// let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ==\n-----END EC PRIVATE KEY-----\n";
/// assert_eq!(redact(pem), pem.replace("MHcCAQ==", "********"));
/// assert_eq!(redact("/dev/disk/by-id/google-etcd-data"), "/dev/disk/by-id/google-etcd-data");
/// ```
pub fn redact(text: &str) -> String {
    hide(text, Digests::Hidden)
}

/// The same for a text that is ours in the main: SHA-256 digests, serial numbers and
/// fingerprints stay, which in a stranger's text might be a key in hexadecimal digits.
pub(crate) fn redact_ours(text: &str) -> String {
    hide(text, Digests::Shown)
}

/// The same for our words about a source: what might be a digest stays unless it comes from there.
pub(super) fn redact_beside(text: &str, source: &str) -> String {
    let shown = redact_ours(text);
    let mut hidden = shown.clone();
    for place in digits(
        shown.as_bytes(),
        0..shown.len(),
        Place::Anywhere,
        Digests::Hidden,
    ) {
        if source.contains(&shown[place.clone()]) {
            hidden.replace_range(place.clone(), &"*".repeat(place.len()));
        }
    }
    hidden
}

/// Whether hexadecimal digits of a digest's length may be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digests {
    Shown,
    Hidden,
}

fn hide(text: &str, digests: Digests) -> String {
    let mut places = credentials(text);
    places.extend(private_keys(text, digests));
    places.extend(byte_lists(text, digests));
    places.extend(runs(text, digests));
    if places.is_empty() {
        return text.to_owned();
    }
    places.sort_by_key(|place| place.start);
    let mut shown = String::with_capacity(text.len());
    let mut done = 0;
    for place in places {
        let start = place.start.max(done);
        if place.end > start {
            shown.push_str(&text[done..start]);
            shown.extend(text[start..place.end].chars().flat_map(star));
            done = place.end;
        }
    }
    shown.push_str(&text[done..]);
    shown
}

/// White space stays, so that places stay; a character of n bytes becomes n stars.
fn star(character: char) -> impl Iterator<Item = char> {
    let (shown, count) = if character.is_ascii_whitespace() {
        (character, 1)
    } else {
        ('*', character.len_utf8())
    };
    std::iter::repeat_n(shown, count)
}

/// What stands between `://` and the last `@` of each URL.
fn credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(scheme) = text[from..].find("://") {
        let start = from + scheme + "://".len();
        let rest = &text[start..];
        let word = &rest[..rest.find(char::is_whitespace).unwrap_or(rest.len())];
        let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
        // A password may have blanks in it, but then no slash stands before them.
        let host = &line[..line.find(['/', '?', '#']).unwrap_or(line.len())];
        let end = word.rfind('@').max(host.rfind('@')).unwrap_or(0);
        if end > 0 {
            found.push(start..start + end);
        }
        from = start + end;
    }
    found
}

/// The text of each private key in PEM, behind its first line; to the end where it has none.
fn private_keys(text: &str, digests: Digests) -> Vec<Range<usize>> {
    const LABEL: &str = "PRIVATE KEY";
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(begin) = text[from..].find("-----BEGIN") {
        let begin = from + begin;
        let Some(label) = text[begin..].find(LABEL) else {
            break;
        };
        let label = begin + label + LABEL.len();
        let dashes = text[label..].len() - text[label..].trim_start_matches('-').len();
        let start = label + dashes;
        let end = text[start..]
            .find("-----END")
            // Our own text goes on behind an excerpt that was cut; its lines are told by their shape.
            .or_else(|| match digests {
                Digests::Shown => text[start..].find('\n'),
                Digests::Hidden => None,
            })
            .map_or(text.len(), |end| start + end);
        found.push(start..end);
        from = end;
    }
    found
}

/// Bytes as pairs of hexadecimal digits with the same mark before or between them:
/// `30:77:02`, `0x30, 0x77`, `\x30\x77`, `30 77`. A MAC address has six.
fn byte_lists(text: &str, digests: Digests) -> Vec<Range<usize>> {
    let least = match digests {
        Digests::Hidden => 7,
        // A fingerprint has 32, and a certificate's serial number up to 20.
        Digests::Shown => 33,
    };
    let bytes = text.as_bytes();
    let is_pair = |at: usize| {
        let pair = bytes.get(at..at + 2);
        pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit))
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at + 2 < bytes.len() {
        if !is_pair(at) {
            at += 1;
            continue;
        }
        let (start, mut end) = (at, at + 2);
        let mark = mark(&bytes[end..]);
        let mut count = 1;
        if !mark.is_empty() {
            while bytes[end..].starts_with(mark) && is_pair(end + mark.len()) {
                end += mark.len() + 2;
                count += 1;
            }
        }
        let has_letter = bytes[start..end].iter().any(u8::is_ascii_alphabetic);
        if count >= least && has_letter {
            found.push(start..end);
        }
        at = if count == 1 { start + 1 } else { end };
    }
    found
}

/// What stands between a byte and the next: `:`, `, 0x`, `\x`, `\u00`.
fn mark(bytes: &[u8]) -> &[u8] {
    const LONGEST: usize = 4;
    let is_mark = |byte: &&u8| !byte.is_ascii_alphanumeric();
    let length = bytes.iter().take(LONGEST).take_while(is_mark).count();
    let prefixes: [&[u8]; 4] = [b"0x", b"x", b"u00", b"U"];
    let prefix = prefixes
        .iter()
        .find(|prefix| bytes[length..].starts_with(prefix));
    &bytes[..length + prefix.map_or(0, |prefix| prefix.len())]
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
}

/// A piece of text in the alphabet of base64, and what in it is no word.
struct Run {
    place: Range<usize>,
    odd: Vec<Range<usize>>,
}

/// What of the runs of base64 is no words: each by itself, and several that follow each other, as
/// the lines of a key do.
fn runs(text: &str, digests: Digests) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut lines: Vec<Run> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_base64(bytes[at]) {
            at += 1;
            continue;
        }
        let length = bytes[at..].iter().position(|byte| !is_base64(*byte));
        let end = length.map_or(bytes.len(), |length| at + length);
        let path = path_of(bytes, at);
        let run = Run {
            place: at..end,
            odd: odd_words(bytes, at..end, path),
        };
        found.extend(digits(bytes, at..end, path, digests));
        found.extend(hidden(bytes, &run, path));
        if !lines.last().is_some_and(|last| follow(bytes, last, &run)) {
            found.extend(hidden_lines(&lines));
            lines.clear();
        }
        lines.push(run);
        at = end;
    }
    found.extend(hidden_lines(&lines));
    found
}

/// What is known of a run by where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Below `/dev`.
    Device,
    /// In a path to a temporary file.
    Temporary,
    Anywhere,
}

/// In which path a run stands.
fn path_of(bytes: &[u8], start: usize) -> Place {
    const TEMPORARY: [&[u8]; 4] = [b"/private/", b"/run/", b"/tmp/", b"/var/"];
    let is_of_path = |byte: &u8| is_base64(*byte) || matches!(byte, b'.' | b'~' | b',');
    let length = bytes[..start]
        .iter()
        .rev()
        .take(200)
        .take_while(|byte| is_of_path(byte));
    let path = &bytes[start - length.count()..];
    if path.starts_with(b"/dev/") {
        Place::Device
    } else if TEMPORARY.iter().any(|top| path.starts_with(top)) {
        Place::Temporary
    } else {
        Place::Anywhere
    }
}

/// Long hexadecimal numbers.
fn digits(bytes: &[u8], run: Range<usize>, path: Place, digests: Digests) -> Vec<Range<usize>> {
    let longest = match path {
        Place::Device => LONGEST_SERIAL,
        _ => LEAST - 1,
    };
    let mut found = Vec::new();
    let mut at = run.start;
    while at < run.end {
        let rest = &bytes[at..run.end];
        let length = |is: fn(&u8) -> bool| rest.iter().take_while(|byte| is(byte)).count();
        let lower = length(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let upper = length(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
        let count = lower.max(upper);
        let end = at + count;
        let is_bounded = (at == 0 || !bytes[at - 1].is_ascii_alphanumeric())
            && bytes
                .get(end)
                .is_none_or(|byte| !byte.is_ascii_alphanumeric());
        // Of a digest's length, or of a serial number's.
        let is_digest = digests == Digests::Shown && is_bounded && (count <= 40 || count == 64);
        // Letters alone are a word, if a strange one.
        let has_digit = rest[..count].iter().any(u8::is_ascii_digit);
        if count > longest && has_digit && !is_digest {
            found.push(at..end);
        }
        at = end.max(at + 1);
    }
    found
}

/// The parts of a run that may be a key.
fn hidden(bytes: &[u8], run: &Run, path: Place) -> Vec<Range<usize>> {
    if run.place.len() < LEAST {
        return Vec::new();
    }
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric();
    let letters = bytes[run.place.clone()].iter().filter(is_letter).count();
    let odd: usize = run.odd.iter().map(ExactSizeIterator::len).sum();
    let is_mostly_words = odd * 4 <= letters;
    let is_temporary = path == Place::Temporary && odd <= LONGEST_ODD;
    if odd * 2 > letters && path != Place::Temporary {
        return vec![run.place.clone()];
    }
    // Odd words with little between them are one.
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for word in &run.odd {
        match stretches.last_mut() {
            Some(last) if word.start - last.end <= 6 => last.end = word.end,
            _ => stretches.push(word.clone()),
        }
    }
    stretches.retain(|stretch| {
        let is_short = is_mostly_words && stretch.len() <= LONGEST_ODD;
        !is_short && !is_temporary
    });
    for stretch in &mut stretches {
        *stretch = with_short_words(bytes, stretch, &run.place);
    }
    stretches
}

/// A stretch with the words beside it that are too short to say anything.
fn with_short_words(bytes: &[u8], stretch: &Range<usize>, run: &Range<usize>) -> Range<usize> {
    const SHORT: usize = 5;
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric();
    let before = bytes[run.start..stretch.start].iter().rev();
    let after = bytes[stretch.end..run.end].iter();
    let reach = |bytes: &mut dyn Iterator<Item = &u8>| {
        let (mut reach, mut word, mut all) = (0, 0, 0);
        for byte in bytes {
            all += 1;
            if is_letter(byte) {
                word += 1;
                if word > SHORT {
                    return reach;
                }
            } else {
                word = 0;
                reach = all;
            }
        }
        all
    };
    let before = reach(&mut { before });
    let after = reach(&mut { after });
    stretch.start - before..stretch.end + after
}

/// Whether two runs may be lines, list items or pieces of one text.
fn follow(bytes: &[u8], before: &Run, run: &Run) -> bool {
    const LONGEST_GAP: usize = 40;
    const SHORTEST: usize = 8;
    let gap = &bytes[before.place.end..run.place.start];
    let is_gap = |byte: &u8| byte.is_ascii_whitespace() || b"\"'\\,;|%[]()#>".contains(byte);
    before.place.len() >= SHORTEST && gap.len() <= LONGEST_GAP && gap.iter().all(is_gap)
}

/// Lines that together are no words.
fn hidden_lines(lines: &[Run]) -> Vec<Range<usize>> {
    let odd = |run: &Run| run.odd.iter().map(ExactSizeIterator::len).sum::<usize>();
    let first = lines.iter().position(|run| odd(run) > 0);
    let last = lines.iter().rposition(|run| odd(run) > 0);
    let (Some(first), Some(last)) = (first, last) else {
        return Vec::new();
    };
    let lines = &lines[first..=last];
    let all: usize = lines.iter().map(|run| run.place.len()).sum();
    if lines.len() < 2 || all < LEAST || lines.iter().map(odd).sum::<usize>() * 2 <= all {
        return Vec::new();
    }
    lines.iter().map(|run| run.place.clone()).collect()
}

/// The words of a run that are none.
fn odd_words(bytes: &[u8], run: Range<usize>, path: Place) -> Vec<Range<usize>> {
    let text = &bytes[run.clone()];
    let has = |is: fn(&u8) -> bool| text.iter().any(is);
    // Serial numbers and base32 are in one case; base64 is so once in ten thousand.
    if !(has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)) {
        return Vec::new();
    }
    let mut odd = Vec::new();
    let mut at = run.start;
    while at < run.end {
        let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric();
        let length = bytes[at..run.end].iter().take_while(is_letter).count();
        let word = &bytes[at..at + length];
        // No name has a plus sign beside a capital.
        let has_plus = (at > run.start && bytes[at - 1] == b'+')
            || (at + length < run.end && bytes[at + length] == b'+');
        if (has_plus || !is_word(word)) && !(path == Place::Device && is_serial(word)) {
            odd.push(at..at + length);
        }
        at += length.max(1);
    }
    odd
}

/// Letters in one case, and digits: `S3Z1NB0K123456A`.
fn is_serial(word: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| word.iter().any(is);
    word.len() <= LONGEST_SERIAL && !(has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase))
}

/// Whether letters and digits are put together as people do: `etcd`, `GCE`, `Amazon`,
/// `resourceGroups`, `node12`, `500GB`, `vol0123456789abcdef0`.
fn is_word(word: &[u8]) -> bool {
    const SHORT: usize = 3;
    word.len() <= SHORT || is_identifier(word) || has_few_parts(word)
}

/// A short hexadecimal number, perhaps with a few letters before it.
fn is_identifier(word: &[u8]) -> bool {
    const LONGEST_PREFIX: usize = 4;
    let prefix = word.iter().take_while(|byte| byte.is_ascii_lowercase());
    let prefix = prefix.count().min(LONGEST_PREFIX);
    (0..=prefix).any(|prefix| {
        let number = &word[prefix..];
        let is_lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        number.len() < LEAST && number.iter().all(is_lower)
    })
}

/// A part of a word: letters of one case or digits; a capital belongs to the small ones behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Upper,
    Lower,
    Capital,
    Digits,
}

fn has_few_parts(word: &[u8]) -> bool {
    let parts = parts(word);
    let goes_on = |index: usize| {
        let next = parts.get(index + 1).map(|(next, _)| *next);
        matches!(next, Some(Part::Upper | Part::Capital))
    };
    let is_long_enough = |(index, (part, length)): (usize, &(Part, usize))| match part {
        Part::Capital if index > 0 => *length > 2,
        Part::Lower if goes_on(index) => *length > 1,
        _ => true,
    };
    parts.len() <= (1 + word.len() / 6).max(2) && parts.iter().enumerate().all(is_long_enough)
}

fn parts(word: &[u8]) -> Vec<(Part, usize)> {
    let mut parts: Vec<(Part, usize)> = Vec::new();
    for byte in word {
        let part = if byte.is_ascii_digit() {
            Part::Digits
        } else if byte.is_ascii_uppercase() {
            Part::Upper
        } else {
            Part::Lower
        };
        match (parts.last_mut(), part) {
            (Some((Part::Upper, length)), Part::Lower) => {
                *length -= 1;
                if *length == 0 {
                    parts.pop();
                }
                parts.push((Part::Capital, 2));
            }
            (Some((Part::Capital | Part::Lower, length)), Part::Lower) => *length += 1,
            (Some((last, length)), part) if *last == part => *length += 1,
            _ => parts.push((part, 1)),
        }
    }
    parts
}
#[cfg(test)]
mod tests {
    use super::*;

    /// The same numbers at every run.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
        }

        fn below(&mut self, limit: usize) -> usize {
            usize::try_from(self.next() % limit as u64).unwrap()
        }

        fn piece(&mut self, alphabet: &[u8], length: usize) -> String {
            let letters = (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())]));
            letters.collect()
        }
    }

    const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const URL_SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const HEX: &[u8] = b"0123456789abcdef";
    const UPPER_HEX: &[u8] = b"0123456789ABCDEF";

    /// Whether twenty characters of the piece stand in the text, one after the other.
    fn tells(text: &str, piece: &str) -> bool {
        piece
            .as_bytes()
            .windows(LEAST)
            .any(|window| text.contains(std::str::from_utf8(window).unwrap()))
    }

    #[test]
    fn pieces_of_keys_are_hidden() {
        const EACH: u32 = 150;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut told = std::collections::BTreeMap::<usize, u32>::new();
        for length in [20, 21, 24, 28, 32, 39, 40, 48, 64, 76] {
            for alphabet in [BASE64, URL_SAFE, HEX, UPPER_HEX] {
                for _ in 0..EACH {
                    let piece = random.piece(alphabet, length);
                    for text in [
                        piece.clone(),
                        format!("`{piece}`"),
                        format!("key: {piece} # x"),
                        format!("reading `/etc/etcd/{piece}.pem`: no such file"),
                    ] {
                        *told.entry(length).or_default() +=
                            u32::from(tells(&redact(&text), &piece));
                    }
                }
            }
        }
        for (length, told) in told {
            let all = EACH * 16;
            // What looks like words by chance; these numbers are the same at every run.
            let most = if length < 32 { all / 400 } else { 0 };
            assert!(
                told <= most,
                "{told} of {all} pieces of {length} characters are told"
            );
        }
    }

    #[test]
    fn names_and_paths_stay() {
        for text in [
            "/dev/disk/by-id/google-etcd-data-controller-0",
            "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0",
            "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi1",
            "/dev/disk/by-id/scsi-36000c29f7d3b7e2d5c1a8b9c0d1e2f30",
            "/dev/disk/by-id/wwn-0x60022480d2d8b1b1a7c3f4e5d6c7b8a9",
            "/dev/disk/by-id/ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0ABCDEF",
            "/dev/disk/by-id/nvme-SAMSUNG_MZVLB512HAJQ-000H1_S425NA0M123456",
            "/dev/disk/by-id/ata-Samsung_SSD_860_EVO_500GB_S3Z1NB0K123456A",
            "/dev/disk/by-id/virtio-0b1f6471-1bf0-4dda-a",
            "/dev/disk/by-partuuid/0b1f6471-1bf0-4dda-aec3-cb9272f09590",
            "/dev/disk/azure/scsi1/lun0",
            "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/etcd-production/providers/Microsoft.Network/virtualNetworks/controllers/subnets/default",
            "/subscriptions/x/resourceGroups/MyEtcdCluster/providers/Microsoft.Compute/virtualMachineScaleSets/etcd",
            "projects/debian-cloud/global/images/family/debian-12-bookworm-arm64",
            "arn:aws:iam::123456789012:instance-profile/EtcdControllerInstanceProfile",
            "ocid1.subnet.oc1.phx.aaaaaaaanext7lmqk2zfx5r6wpoc3b4e5d6y2vjt7huqzayrn3fsm4ktabcd",
            "ami-0abcdef1234567890 subnet-0bb1c79de3e4f5a6b sg-903004f8",
            "https://storage.googleapis.com/etcd/v3.5.16/etcd-v3.5.16-linux-amd64.tar.gz",
            "https://artifactory.example.com/repository/github-releases/etcd-io/etcd/releases/download/v3.6.14",
            "/home/Alice/src/kubernetes-the-hard-way/examples/lab/cluster.yaml",
            "/Users/runner/work/infrastructure/infrastructure/clusters/production/pki/ca-key.pem",
            "/tmp/.tmpAbC1d2/pki/controller-0-key.pem",
            "/tmp/tmp.a8Kd9sLmQ2/clusters/production/cluster.yaml",
            "/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/.tmpQx9Zk2/cluster.yaml",
            "ip-10-240-0-10.eu-central-1.compute.internal",
            "controller-0.etcd-cluster-0.production.europe-west1.example.com",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            "experimental-initial-corrupt-check-and-some-more: true",
            "ETCD_EXPERIMENTAL_COMPACT_HASH_CHECK_ENABLED=true",
            "etcd_server_snapshot_apply_in_progress_total",
            "00:16:3e:5e:6c:00, 00:16:3e:5e:6c:01 fd00:10:240::10",
            "2026-12-01T10:11:12Z 2026-12-01 10:11:12 20261201101112",
            "etcd+example.com+6-key.pem example.com+10.pem",
            "f98dc20bce6225a0 8e9e05c52164694d",
            "one-very-long-name-of-a-cluster-that-somebody-chose-for-the-fun-of-it",
            "Zürich/東京/Ελλάδα/controllers-of-the-city",
            "metadata.google.internal/computeMetadata/v1/instance/attributes",
            "",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    /// Words with the marks of names between them, from a list that no key has.
    #[test]
    fn words_put_together_stay() {
        const WORDS: [&str; 24] = [
            "etcd",
            "controller",
            "Cluster",
            "PROD",
            "v3",
            "eu",
            "west",
            "4",
            "node12",
            "Data",
            "disk",
            "0",
            "GCE",
            "kubernetes",
            "pki",
            "ca",
            "key",
            "10",
            "Amazon",
            "Block",
            "vol1",
            "resourceGroups",
            "staging",
            "Backup",
        ];
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        for _ in 0..500 {
            let mut text = String::new();
            for _ in 0..=random.below(12) {
                text.push_str(WORDS[random.below(WORDS.len())]);
                text.push(char::from(b"-_/.:"[random.below(5)]));
            }
            assert_eq!(redact(&text), text);
        }
    }

    #[test]
    fn keys_in_other_clothes_are_hidden() {
        let mut random = Random(77);
        let key: Vec<u8> = (0..48)
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect();
        for (before, between) in [
            ("", ":"),
            ("", " "),
            ("0x", ", 0x"),
            ("\\x", "\\x"),
            ("%", "%"),
            ("\\u00", "\\u00"),
        ] {
            let pairs: Vec<_> = key.iter().map(|byte| format!("{byte:02x}")).collect();
            let list = format!("{before}{}", pairs.join(between));
            assert!(!tells(&redact(&list), &list), "{}", redact(&list));
        }
        let short_lines = |length: usize| {
            let text = random.piece(BASE64, 120);
            let lines: Vec<_> = text.as_bytes().chunks(length).collect();
            let lines = lines
                .iter()
                .map(|line| String::from_utf8_lossy(line).into_owned());
            lines.collect::<Vec<_>>()
        };
        for lines in [12, 16, 19].map(short_lines) {
            for between in ["\n", "\n    ", "\\n", "\", \"", ", ", " "] {
                let text = lines.join(between);
                let shown = redact(&text);
                let told = lines.iter().filter(|line| shown.contains(line.as_str()));
                // One of them may look like words.
                assert!(told.count() <= 1, "{text}\n{shown}");
            }
        }
    }

    /// Serial numbers and digests in our own words.
    #[test]
    fn our_own_digests_stay() {
        let digest = "ffe840ff9295808e".repeat(4);
        let serial = "1f:2e:3d:4c:5b:6a:79:88:97:a6:b5:c4:d3:e2:f1:00:11:22:33:44";
        let text = format!("{digest} {serial}");
        assert_eq!(redact_ours(&text), text);
        assert!(!redact(&text).contains(&digest) && !redact(&text).contains(serial));
        assert!(!redact_ours(&digest.repeat(2)).contains(&digest));
        assert!(!redact_ours(&"Ab1+".repeat(9)).contains("Ab1"));
    }

    #[test]
    fn keeps_length_and_places() {
        for text in [
            "key: |\n  -----BEGIN PRIVATE KEY-----\n  AAéB\n  -----END PRIVATE KEY-----\n",
            "plain: text\n",
            "",
        ] {
            assert_eq!(redact(text).len(), text.len());
        }
    }

    #[test]
    fn hides_what_stands_before_an_at() {
        for (text, shown) in [
            (
                "[\"https://me:pass@m/x\", b@c]",
                "[\"https://*******@m/x\", b@c]",
            ),
            (
                "- 'https://me:pa'ss,w/o\"rd@m/x'",
                "- 'https://***************@m/x'",
            ),
            ("https://me:pa ss@m/x", "https://***** **@m/x"),
            ("https://a@b@c https://d/e@", "https://***@c https://***@"),
            ("https://m/x # me@m", "https://m/x # me@m"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }

    #[test]
    fn hides_a_key_on_one_line_and_an_unfinished_one() {
        let run = "TUlHSEFnRUFNQk1HQnlx".repeat(5);
        assert!(!redact(&format!("key: {run}\n")).contains("TUlH"));
        let cut = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n";
        assert!(!redact(cut).contains("MIIE"));
        let one_line = format!("-----BEGIN PRIVATE KEY-----{run}-----END PRIVATE KEY-----");
        assert!(!redact(&one_line).contains("TUlH"));
        let line = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxnKtEXAMPLExampl";
        for text in [
            format!("key: {line}\n"),
            format!("content: \"-----BEGIN PRIVATE KEY-----\\n{line}\\nQ1w=\\n\"\n"),
            "- '-----BEGIN EC PRIVATE KEY-----\\nQ1w\\n-----END EC PRIVATE KEY-----\\nQ1w'"
                .replacen("\\nQ1w'", "'", 1),
        ] {
            let shown = redact(&text);
            assert!(!shown.contains("MIGH") && !shown.contains("Q1w"), "{shown}");
        }
    }
}
