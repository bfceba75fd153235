"""A MariaDB and a PostgreSQL server of one's own, in a temporary folder, reached through sockets; gone with the program."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time

SECONDS_MAX = 60


def run(arguments, **more):
    """Runs a program to its end; its output as text."""
    done = subprocess.run(arguments, capture_output=True, **more)
    if done.returncode != 0:
        raise SystemExit(f"{arguments[0]}: {done.stderr.decode(errors='replace')}{done.stdout.decode(errors='replace')}")
    return done.stdout.decode("utf-8", errors="surrogateescape")


class Server:
    """What both servers have in common: an account that is not root, a folder, a process."""

    def __init__(self, folder, account):
        self.folder = os.path.join(folder, account)
        os.mkdir(self.folder)
        self.account = account if os.geteuid() == 0 else None
        if self.account:
            os.chown(self.folder, pwd.getpwnam(account).pw_uid, pwd.getpwnam(account).pw_gid)

    def launch(self, arguments):
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self.account, cwd=self.folder
        )
        for _ in range(SECONDS_MAX * 5):
            if self.answers():
                return
            time.sleep(0.2)
        raise SystemExit(f"{arguments[0]} does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait(SECONDS_MAX)


class Mariadb(Server):
    """Its clock is three hours ahead of PostgreSQL's, as servers' clocks may be."""

    def __init__(self, folder):
        super().__init__(folder, "mysql")
        os.mkdir(f"{self.folder}/tmp")
        if self.account:
            shutil.chown(f"{self.folder}/tmp", "mysql", "mysql")
        self.socket = f"{self.folder}/s"
        common = ["--no-defaults", f"--datadir={self.folder}/data", f"--tmpdir={self.folder}/tmp"]
        common += ["--innodb-use-native-aio=0", "--character-set-server=utf8mb4", "--default-time-zone=+03:00"]
        install = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
        run(install, user=self.account, cwd=self.folder)
        program = "/usr/sbin/mariadbd" if os.path.exists("/usr/sbin/mariadbd") else "mariadbd"
        self.launch([program, *common, "--skip-networking", f"--socket={self.socket}"])

    def client(self, database):
        options = ["--no-defaults", "-uroot", "--default-character-set=utf8mb4", f"--socket={self.socket}"]
        return ["mariadb", *options, *([database] if database else [])]

    def answers(self):
        return subprocess.run([*self.client(""), "-e", "SELECT 1"], capture_output=True).returncode == 0

    def rows(self, database, sql):
        """What `sql` selects, the session in UTC; no cell holds a tab or line end."""
        text = run([*self.client(database), "-N", "-r", "-e", f"SET time_zone = '+00:00', group_concat_max_len = 1000000; {sql}"])
        return [tuple(line.split("\t")) for line in text.split("\n")[:-1]]

    def load(self, database, script):
        run([*self.client(""), "-e", f"CREATE DATABASE `{database}`"])
        run(self.client(database), input=script.encode())

    def url(self, database):
        return f"mysql://root@/{database}?socket={self.socket}"

    def pgloader_url(self, database):
        return f"mysql://root@unix:{self.socket}:/{database}"


class Postgresql(Server):
    """In UTC."""

    def __init__(self, folder):
        super().__init__(folder, "postgres")
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        initdb = [f"{self.bin}/initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        run([*initdb, "-D", f"{self.folder}/data"], user=self.account, cwd=self.folder)
        settings = {"unix_socket_directories": self.folder, "listen_addresses": "", "timezone": "UTC"}
        options = [word for item in settings.items() for word in ("-c", "=".join(item))]
        self.launch([f"{self.bin}/postgres", "-D", f"{self.folder}/data", *options])

    def client(self, database):
        options = ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-P", "null=NULL", "-F", "\t", "-U", "postgres"]
        return [f"{self.bin}/psql", *options, "-h", self.folder, "-d", database]

    def answers(self):
        return subprocess.run([*self.client("postgres"), "-c", "SELECT 1"], capture_output=True).returncode == 0

    def rows(self, database, sql):
        text = run([*self.client(database), "-q", "-c", sql])
        return [tuple(line.split("\t")) for line in text.split("\n")[:-1]]

    def create(self, database):
        run([*self.client("postgres"), "-q", "-c", f'CREATE DATABASE "{database}"'])

    def url(self, database):
        return f"postgresql://postgres@{self.folder.replace('/', '%2F')}/{database}"

    def pgloader_url(self, database):
        return f"postgresql://postgres@unix:{self.folder}:5432/{database}"


class Servers:
    """Both, as long as the block lasts."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="compared-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.mariadb, self.postgresql = Mariadb(self.folder), Postgresql(self.folder)
        return self

    def __exit__(self, *_):
        self.mariadb.stop()
        self.postgresql.stop()
        shutil.rmtree(self.folder)
