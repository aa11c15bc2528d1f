"""A certificate authority for tests, by openssl: the one place of Python where certificates are made. Keys live as long as its folder."""

import os
import subprocess


def openssl(*words):
    done = subprocess.run(["openssl", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(words)}:\n{done.stderr}")


class Pki:
    """folder/<name>.crt and folder/<name>.key. The CA exists from the start."""

    KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        openssl("req", "-x509", *self.KEY, "-subj", "/CN=test CA", "-keyout", self.key("ca"), "-out", self.crt("ca"))

    def key(self, name):
        return os.path.join(self.folder, f"{name}.key")

    def crt(self, name):
        return os.path.join(self.folder, f"{name}.crt")

    def issue(self, name, common_name, group=None, hosts=()):
        """A certificate for both sides of TLS. `hosts` are words of openssl: DNS:localhost, IP:127.0.0.1."""
        more = ("-addext", "subjectAltName=" + ",".join(hosts)) if hosts else ()
        openssl(
            *("req", "-x509", *self.KEY, "-subj", (f"/O={group}" if group else "") + f"/CN={common_name}"),
            *("-CA", self.crt("ca"), "-CAkey", self.key("ca"), "-addext", "basicConstraints=critical,CA:FALSE"),
            *("-addext", "extendedKeyUsage=clientAuth,serverAuth", *more),
            *("-keyout", self.key(name), "-out", self.crt(name)),
        )
        return self.crt(name), self.key(name)

    def make_key_pair(self, name):
        """A bare key, for tokens: its path, and that of its public half."""
        public = os.path.join(self.folder, f"{name}.pub")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key(name))
        openssl("pkey", "-in", self.key(name), "-pubout", "-out", public)
        return self.key(name), public


def make_certificates(folder, secret="tls", hosts=("DNS:localhost", "IP:127.0.0.1")):
    """A CA and a server certificate, as secrets' folders: <folder>/<secret>/{tls.crt,tls.key}, <folder>/ca/{ca.crt,ca.key}."""
    pki = Pki(os.path.join(folder, "ca"))
    certificate, key = pki.issue("tls", "localhost", hosts=hosts)
    os.makedirs(os.path.join(folder, secret))
    os.rename(certificate, os.path.join(folder, secret, "tls.crt"))
    os.rename(key, os.path.join(folder, secret, "tls.key"))
