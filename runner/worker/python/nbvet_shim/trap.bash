# Read by the bash of a `%%bash` cell before its script (BASH_ENV): reports each command that fails on a
# descriptor of nbvet's, and changes nothing else. Programs that the script starts do not see it.
exec {__nbvet_report}>>"$NBVET_REPORT"
unset BASH_ENV NBVET_REPORT
if [[ -v NBVET_BASH_ENV ]]; then
  export BASH_ENV=$NBVET_BASH_ENV
  unset NBVET_BASH_ENV
  . "$BASH_ENV"
fi
# Requests to install are not executed: they succeed, and are answered when the cell is done.
if [[ -v NBVET_INSTALLS ]]; then
  unset NBVET_INSTALLS
  __nbvet_is_install() {
    local word
    for word; do
      case $word in install) return 0 ;; -*) ;; *) return 1 ;; esac
    done
    return 1
  }
  __nbvet_install() { printf 'I\0%s\0' "$#" >&"$__nbvet_report" && printf '%s\0' "$@" >&"$__nbvet_report"; }
  __nbvet_pip() {
    local program=$1
    shift
    if __nbvet_is_install "$@"; then __nbvet_install "$program" "$@"; else command "$program" "$@"; fi
  }
  __nbvet_python() {
    local program=$1
    shift
    if [[ ${1-} == -m && ${2-} == pip ]] && __nbvet_is_install "${@:3}"; then
      __nbvet_install "$program" "$@"
    else
      command "$program" "$@"
    fi
  }
  pip() { __nbvet_pip pip "$@"; }
  pip3() { __nbvet_pip pip3 "$@"; }
  python() { __nbvet_python python "$@"; }
  python3() { __nbvet_python python3 "$@"; }
  uv() {
    if [[ ${1-} == pip ]] && __nbvet_is_install "${@:2}"; then
      __nbvet_install uv "$@"
    else
      command uv "$@"
    fi
  }
fi
trap '{ printf "E\0%s\0%s\0%s\0" "$?" "$LINENO" "$BASH_COMMAND" >&"$__nbvet_report"; } 2>/dev/null' ERR
