"""A systemctl for one folder of units: each runs its ExecStart, or `sleep`, with what its drop-in's file says.

Ending a unit that runs kills its process group, as the default KillMode does with its control group.
"""

from pathlib import Path

from paramedic.launchers.process import procfs

_SCRIPT = r"""#!/bin/bash
folder='FOLDER'
[[ $1 != --user ]] || shift
unit=${*: -1}
pid() {
  local pid=$(cat "$folder/$unit.pid" 2>/dev/null) stat
  stat=$(cat "/proc/$pid/stat" 2>/dev/null) && [[ ${stat##*) } != [ZX]* ]] \
    && grep -qzxF "FAKE_SYSTEMD=$folder" "/proc/$pid/environ" 2>/dev/null && echo "$pid" || echo 0
}
state() {
  if [[ -e $folder/$unit.state ]]; then cat "$folder/$unit.state"
  elif (($(pid))); then echo active
  elif [[ -e $folder/$unit.pid ]]; then echo failed
  else echo inactive
  fi
}
end() {
  local old=$(pid) whole=-
  ! grep -q '^KillMode=process' "$folder/$unit" || whole=
  ((old == 0)) || kill -9 -- "$whole$old"
  while (($(pid))); do sleep 0.01; done
}
start() {
  local told=$(sed -n 's/^EnvironmentFile=-//p' "$folder/known/$unit.d/"*.conf 2>/dev/null)
  local own variables=() command=(sleep 600) line=$(sed -n 's/^ExecStart=//p' "$folder/$unit") instance=${unit#*@}
  [[ -z $line ]] || eval "command=(${line//%i/${instance%.service}})"
  mapfile -t own < <(sed -n 's/^Environment=//p' "$folder/$unit")
  [[ ! -e $told ]] || mapfile -t variables <"$told"
  exec 8>&- 9>&-
  own+=("PATH=$PATH" "FAKE_SYSTEMD=$folder" ${HOME:+"HOME=$HOME"})
  setsid env -i "${own[@]}" "${variables[@]}" "${command[@]}" \
    </dev/null >"$folder/$unit.out" 2>&1 &
  echo $! >"$folder/$unit.pid"
  until [[ $(readlink "/proc/$!/exe") != */@(bash|setsid|env) ]]; do sleep 0.01; done
}
shopt -s extglob
case $1 in
  show)
    [[ -e $folder/silent ]] && exit 1
    [[ -e $folder/$unit ]] && load=loaded || load=not-found
    printf 'MainPID=%s\nLoadState=%s\nActiveState=%s\nJob=%s\n' \
      "$(pid)" "$load" "$(state)" "$(cat "$folder/$unit.job" 2>/dev/null)"
    ;;
  daemon-reload) cp -r "$XDG_RUNTIME_DIR/systemd/user/." "$folder/known" ;;
  restart)
    [[ ! -e $folder/broken ]] || exit 1
    end
    start
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
        """The main processes of all units, as they were started last. A number may be another process's by now."""
        pids = (int(file.read_text()) for file in self.folder.glob("*.pid"))
        return [pid for pid in pids if procfs.has_markers(pid, {"FAKE_SYSTEMD": str(self.folder)})]
