"""A certificate authority of one control plane, by openssl. Keys live as long as its folder."""

import os
import subprocess


def openssl(*words):
    done = subprocess.run(["openssl", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(words)}:\n{done.stderr}")


class Pki:
    """folder/<name>.crt and folder/<name>.key. The CA and the key of ServiceAccounts' tokens exist from the start."""

    KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        openssl("req", "-x509", *self.KEY, "-subj", "/CN=test CA", "-keyout", self.key("ca"), "-out", self.crt("ca"))
        self.service_account_key = self.key("service-accounts")
        self.service_account_public_key = os.path.join(folder, "service-accounts.pub")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.service_account_key)
        openssl("pkey", "-in", self.service_account_key, "-pubout", "-out", self.service_account_public_key)

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
