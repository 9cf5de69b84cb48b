"""A certificate authority of the test: it signs a server for 127.0.0.1 and clients, all with openssl."""

import os
import ssl
import subprocess

from . import need

SERVER = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"
OTHER_NAME = "subjectAltName=DNS:elsewhere.test\nextendedKeyUsage=serverAuth\n"
CLIENT = "extendedKeyUsage=clientAuth\n"


class Authority:
    def __init__(self, folder, name="ca"):
        self.folder, self.openssl = str(folder), need.program("openssl")
        self.cert, self.key = self.path(name + ".pem"), self.path(name + ".key")
        self.run("req", "-x509", *self.new_key(self.key), "-days", "2", "-subj", f"/CN={name}", "-out", self.cert,
                 "-addext", "basicConstraints=critical,CA:TRUE")

    def path(self, name):
        return os.path.join(self.folder, name)

    def new_key(self, path):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path]

    def run(self, *words):
        subprocess.run([self.openssl, *words], check=True, capture_output=True)

    def signed(self, name, extensions):
        """(certificate, key), two paths."""
        cert, key, asked = self.path(name + ".pem"), self.path(name + ".key"), self.path(name + ".csr")
        with open(self.path(name + ".ext"), "w", encoding="ascii") as file:
            file.write(extensions)
        self.run("req", "-new", *self.new_key(key), "-subj", f"/CN={name}", "-out", asked)
        self.run("x509", "-req", "-in", asked, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days", "2",
                 "-extfile", file.name, "-out", cert)
        return cert, key

    def server(self, name="server", extensions=SERVER, clients=False):
        """The context of a server; with `clients` it takes only those that this authority signed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.signed(name, extensions))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.cert)
        return context
