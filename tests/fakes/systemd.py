"""A systemctl for one folder of units: each runs `sleep`, with what its drop-in's file of variables says."""

from pathlib import Path

_SCRIPT = r"""#!/bin/bash
folder='FOLDER'
[[ $1 != --user ]] || shift
unit=${*: -1}
pid() {
  local pid=$(cat "$folder/$unit.pid" 2>/dev/null) stat
  stat=$(cat "/proc/$pid/stat" 2>/dev/null) && [[ ${stat##*) } != [ZX]* ]] && echo "$pid" || echo 0
}
case $1 in
  show)
    [[ -e $folder/silent ]] && exit 1
    [[ -e $folder/$unit ]] && load=loaded || load=not-found
    printf 'MainPID=%s\nLoadState=%s\nJob=%s\n' "$(pid)" "$load" "$(cat "$folder/$unit.job" 2>/dev/null)"
    ;;
  daemon-reload) cp -r "$XDG_RUNTIME_DIR/systemd/user/." "$folder/known" ;;
  restart)
    [[ ! -e $folder/broken ]] || exit 1
    old=$(pid)
    ((old == 0)) || kill -9 "$old"
    told=$(sed -n 's/^EnvironmentFile=-//p' "$folder/known/$unit.d/"*.conf 2>/dev/null)
    variables=()
    [[ ! -e $told ]] || mapfile -t variables <"$told"
    exec 8>&- 9>&-
    setsid env -i "PATH=$PATH" "${variables[@]}" sleep 600 </dev/null >/dev/null 2>&1 &
    echo $! >"$folder/$unit.pid"
    until [[ $(tr '\0' ' ' <"/proc/$!/cmdline") == 'sleep 600 ' ]]; do sleep 0.01; done
    ;;
esac
"""


class FakeSystemd:
    """`path` has its systemctl first; files in `folder` are its units, and what is the matter with it."""

    def __init__(self, folder: Path, path: str) -> None:
        self.folder = folder
        for name in ("bin", "known", "run/systemd/user"):
            (folder / name).mkdir(parents=True)
        systemctl = folder / "bin/systemctl"
        systemctl.write_text(_SCRIPT.replace("FOLDER", str(folder)))
        systemctl.chmod(0o700)
        self.path = f"{folder / 'bin'}:{path}"
        self.environment = {"XDG_RUNTIME_DIR": str(folder / "run")}

    def pids(self) -> list[int]:
        """The main processes of all units, as they were started last."""
        return [int(file.read_text()) for file in self.folder.glob("*.pid")]
