//! Certificates and keys in other forms than PEM.

use firstboot::pki::audit::Part;
use firstboot::pki::audit::Part::{Ca, Certificate, Key};

/// A good set of which one file was put into another form.
pub(crate) struct Wrapped {
    pub(crate) name: &'static str,
    pub(crate) make: &'static str,
    pub(crate) errors: &'static [(&'static str, Part)],
    /// A part of the message.
    pub(crate) says: &'static str,
    /// The program of the help's command; empty when it has none.
    pub(crate) tool: &'static str,
    /// After the command the set is good.
    pub(crate) cured: bool,
}

const fn cured(
    name: &'static str,
    make: &'static str,
    errors: &'static [(&'static str, Part)],
    says: &'static str,
    tool: &'static str,
) -> Wrapped {
    Wrapped {
        name,
        make,
        errors,
        says,
        tool,
        cured: true,
    }
}

const fn said(
    name: &'static str,
    make: &'static str,
    errors: &'static [(&'static str, Part)],
    says: &'static str,
    tool: &'static str,
) -> Wrapped {
    Wrapped {
        cured: false,
        ..cured(name, make, errors, says, tool)
    }
}

pub(crate) const WRAPPED: &[Wrapped] = &[
    cured(
        "cfssl",
        r#"good; json() { sed ':a;N;$!ba;s/\n/\\n/g' "$1"; }; printf '{"cert":"%s\\n","csr":"%s\\n","key":"%s\\n"}' "$(json kubernetes.pem)" "$(json kubernetes.csr)" "$(json kubernetes-key.pem)" > t; cp t kubernetes.pem"#,
        &[("json", Certificate)],
        "the JSON that cfssl prints",
        "cfssljson",
    ),
    cured(
        "vault",
        r#"good; json() { sed ':a;N;$!ba;s/\n/\\n/g' "$1"; }; printf '{"lease_duration":0,"data":{"ca_chain":["%s"],"certificate":"%s","issuing_ca":"%s","private_key":"%s"}}' "$(json ca.pem)" "$(json kubernetes.pem)" "$(json ca.pem)" "$(json kubernetes-key.pem)" > t; cp t kubernetes.pem; cp t kubernetes-key.pem; cp t ca.pem"#,
        &[("json", Ca), ("json", Certificate), ("json", Key)],
        "the JSON that Vault prints",
        "jq",
    ),
    cured(
        "kubernetes secret as json",
        r#"good; printf '{"kind":"Secret","data":{"ca.crt":"%s","tls.crt":"%s","tls.key":"%s"}}' "$(base64 -w0 ca.pem)" "$(base64 -w0 kubernetes.pem)" "$(base64 -w0 kubernetes-key.pem)" > t; cp t kubernetes.pem; cp t kubernetes-key.pem; cp t ca.pem"#,
        &[("json", Ca), ("json", Certificate), ("json", Key)],
        "is JSON",
        "jq",
    ),
    cured(
        "kubernetes secret",
        r#"good; printf 'apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\ndata:\n  ca.crt: %s\n  tls.crt: %s\n  tls.key: %s\n' "$(base64 -w0 ca.pem)" "$(base64 -w0 kubernetes.pem)" "$(base64 -w0 kubernetes-key.pem)" > t; cp t kubernetes.pem; cp t kubernetes-key.pem; cp t ca.pem"#,
        &[("yaml", Ca), ("yaml", Certificate), ("yaml", Key)],
        "a Kubernetes Secret",
        "sed",
    ),
    cured(
        "kubeconfig",
        r#"good; printf 'kind: Config\nclusters:\n- cluster:\n    certificate-authority-data: %s\nusers:\n- name: x\n  user:\n    client-certificate-data: %s\n    client-key-data: %s\n' "$(base64 -w0 ca.pem)" "$(base64 -w0 kubernetes.pem)" "$(base64 -w0 kubernetes-key.pem)" > t; cp t kubernetes.pem; cp t kubernetes-key.pem; cp t ca.pem"#,
        &[("yaml", Ca), ("yaml", Certificate), ("yaml", Key)],
        "a kubeconfig",
        "sed",
    ),
    cured(
        "pem in base64",
        "good; for f in ca kubernetes kubernetes-key; do base64 $f.pem | replace $f.pem; done",
        &[("base64", Ca), ("base64", Certificate), ("base64", Key)],
        "PEM in base64 once more",
        "base64",
    ),
    cured(
        "der in base64",
        "good; for f in ca kubernetes kubernetes-key; do sed '/^-/d' $f.pem | replace $f.pem; done",
        &[("base64", Ca), ("base64", Certificate), ("base64", Key)],
        "without the lines around it",
        "base64",
    ),
    cured(
        "pkcs7 in der",
        "good; for f in ca kubernetes; do openssl crl2pkcs7 -nocrl -certfile $f.pem -outform der | replace $f.pem; done",
        &[("pkcs7", Ca), ("pkcs7", Certificate)],
        "a PKCS#7 bundle in DER",
        "openssl",
    ),
    said(
        "java keystore",
        r"good; printf '\376\355\376\355\0\0\0\2' > kubernetes.pem",
        &[("java-keystore", Certificate)],
        "a Java keystore",
        "keytool",
    ),
    said(
        "request in der",
        "good; openssl req -in kubernetes.csr -outform der -out kubernetes.pem",
        &[("request-instead-of-certificate", Certificate)],
        "a request for a certificate",
        "openssl",
    ),
    said(
        "public key in der",
        "good; openssl pkey -in kubernetes-key.pem -pubout -outform der | replace kubernetes-key.pem",
        &[("wrong-label", Key)],
        "a public key in DER",
        "",
    ),
    said(
        "public key of ssh",
        "good; echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH me' > kubernetes-key.pem",
        &[("ssh-public-key", Key)],
        "a public key of SSH",
        "firstboot",
    ),
    said(
        "pointer of git lfs",
        r"good; printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n' > ca.pem",
        &[("not-pem", Ca)],
        "a pointer of Git LFS",
        "git",
    ),
    said(
        "ansible vault",
        r"good; printf '$ANSIBLE_VAULT;1.1;AES256\n6162\n' > kubernetes-key.pem",
        &[("encrypted", Key)],
        "encrypted by ansible-vault",
        "ansible-vault",
    ),
    said(
        "message of gnupg",
        r"good; printf -- '-----BEGIN PGP MESSAGE-----\n\nAAAA\n=AAAA\n-----END PGP MESSAGE-----\n' > kubernetes-key.pem",
        &[("encrypted", Key)],
        "encrypted by GnuPG",
        "gpg",
    ),
    said(
        "web page",
        "good; echo '<!DOCTYPE html><html>Log in</html>' > ca.pem",
        &[("not-pem", Ca)],
        "a web page",
        "",
    ),
    said(
        "configuration for cfssl",
        r#"good; echo '{"CN":"kubernetes","key":{"algo":"ecdsa","size":256}}' > kubernetes.pem"#,
        &[("json", Certificate)],
        "a configuration for cfssl",
        "cfssl",
    ),
    said(
        "json of something else",
        "good; echo '[1, 2]' > kubernetes.pem",
        &[("json", Certificate)],
        "JSON without a certificate in it",
        "",
    ),
];
