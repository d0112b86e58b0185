"""The virtual environment of the peers, and the variables that they run with."""
import os
import subprocess
import sys
import urllib.error
import urllib.request

import peer_list

CPU_INDEX = "https://download.pytorch.org/whl/cpu"  # PyPI's PyTorch brings gigabytes of CUDA along
INSTALL_LIMIT_S = 1800


class Missing(Exception):
    pass


class Env:
    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.python = os.path.join(self.folder, "bin", "python")
        self.missing = {}  # package: why it could not be installed

    def install(self, name):
        """Once; what fails is named with the last words of pip."""
        done = os.path.join(self.folder, name + ".done")
        if os.path.exists(done):
            return
        print(f"peers: installing {name}", file=sys.stderr)
        command = [self.python, "-m", "pip", "install", "-q", *peer_list.PACKAGES[name]]
        if name == "torch" and reachable(CPU_INDEX):
            command += ["--extra-index-url", CPU_INDEX]
        why = failure(command)
        if why:
            self.missing[name] = why
        else:
            open(done, "w").close()

    def versions(self):
        """package: version, of all that is installed"""
        lines = output([self.python, "-m", "pip", "freeze"]).split()
        return dict(line.split("==") for line in lines if line.count("==") == 1)


def reachable(url):
    try:
        urllib.request.urlopen(url + "/torch/", timeout=10).close()
        return True
    except (urllib.error.URLError, OSError):
        return False


def failure(command):
    """The last line that a failing command said; None when it went well."""
    try:
        r = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"not done in {INSTALL_LIMIT_S} s"
    said = [line for line in r.stderr.splitlines() if line.strip()] or [f"exit status {r.returncode}"]
    return said[-1].strip() if r.returncode else None


def output(command):
    try:
        return subprocess.check_output(command, text=True)
    except (OSError, subprocess.CalledProcessError) as e:
        raise Missing(f"{command[0]}: {e}") from e


def open_env(folder, packages):
    env = Env(folder)
    if not os.path.exists(env.python):
        subprocess.run([sys.executable, "-m", "venv", env.folder], check=True)
    for name in packages:
        env.install(name)
    for name, needs in peer_list.NEEDS.items():
        for other in needs:
            if other in env.missing:
                env.missing.setdefault(name, f"it needs {other}")
    return env


def set_variables(threads):
    """For both sides. OpenBLAS is told another processor than it runs on in some environments."""
    os.environ.pop("OPENBLAS_CORETYPE", None)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
