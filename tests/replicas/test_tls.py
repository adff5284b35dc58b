"""A database that speaks TLS alone, and what `sslmode` makes of its certificate."""

import pathlib
import shutil
import subprocess

import pytest
from harness.server import Locum
from harness.services import Postgres


class TlsPostgres(Postgres):
    """Its certificate is that of `localhost`, signed by an authority of the test's own."""

    name = "postgres-tls"

    def prepare(self):
        super().prepare()
        made = pathlib.Path(self.folder)
        steps = [
            "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=authority",
            "req -newkey rsa:2048 -nodes -keyout data/server.key -out server.csr -subj /CN=localhost",
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out data/server.crt -extfile names",
        ]
        (made / "names").write_text("subjectAltName=DNS:localhost\n")
        for step in steps:
            subprocess.run(["openssl", *step.split()], cwd=made, check=True, capture_output=True)
        for name in ("server.key", "server.crt"):
            (made / "data" / name).chmod(0o600)
            if self.user:
                shutil.chown(made / "data" / name, self.user)
        self.authority = made / "ca.crt"
        rules = made / "data/pg_hba.conf"
        rules.write_text("hostssl all all 127.0.0.1/32 trust\n")

    def command(self) -> list[str]:
        return [*super().command(), "-c", "ssl=on"]


@pytest.fixture(scope="module")
def server():
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make certificates with")
    with TlsPostgres() as server:
        yield server


@pytest.mark.parametrize(
    ("host", "query", "refusal"),
    [
        ("127.0.0.1", "", None),
        ("127.0.0.1", "?sslmode=require", None),
        ("localhost", "?sslmode=verify-full&sslrootcert={authority}", None),
        ("localhost", "?sslmode=verify-ca&sslrootcert={authority}", None),
        ("127.0.0.1", "?sslmode=disable", "no encryption"),
        ("localhost", "?sslmode=verify-full", "UnknownIssuer"),
        ("127.0.0.1", "?sslmode=verify-full&sslrootcert={authority}", "not valid for name"),
        ("localhost", "?sslmode=verify-full&sslrootcert=/nowhere.pem", "/nowhere.pem cannot be read"),
    ],
)
def test_certificates_are_looked_at_where_it_says_so(server, tmp_path, host, query, refusal):
    url = f"postgres://locum:hush@{host}:{server.port}/postgres{query.format(authority=server.authority)}"
    settings = {"DATABASE_URL": url, "PROVIDER_REHEARSAL_ENABLED": "true"}
    if refusal is None:
        with Locum(tmp_path, **settings) as locum:
            assert locum.post("/v1/threads", {}).status_code == 200
        return
    locum = Locum(tmp_path, wait=False, **settings)
    assert locum.exit_code(15) == (2 if "nowhere" in refusal else 1)
    lines = locum.output.splitlines()
    assert len(lines) == 1 and refusal in lines[0] and "hush" not in lines[0], locum.output
