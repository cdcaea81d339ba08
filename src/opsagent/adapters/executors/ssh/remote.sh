# Runs one order of OpsAgent on this host. The text is the same for every command: what to do arrives on its input as
# fields, each behind its length in bytes, so that no value ever becomes part of a script. Bash 4.2 and GNU coreutils.
#
# A token's folder: `token` is the start token (a link whose making is exclusive: whoever makes it decides whether the
# command starts), `worker` the command, `out` and `err` what was written, `exit` how it ended (there as a whole or not at
# all), `cancel` the wish to end it, `late` that its time was up, `left` how many processes could not be ended then.
umask 077

answer() { printf '\nopsagent %s %s\n' "$nonce" "$*"; }
refuse() { answer "refused $1"; exit 0; }

take() { # NAME: the next field
  local bytes
  IFS= read -r bytes && [[ $bytes =~ ^[0-9]+$ ]] || exit 64
  printf -v "$1" ''
  ((bytes == 0)) || IFS= read -r -N "$bytes" "$1" || exit 64
}

take_all() { # NAME: how many fields there are, then each
  local count field
  take count
  eval "$1=()"
  for ((; count > 0; count--)); do take field && eval "$1+=(\"\$field\")"; done
}

born() { # PID: sets `start`, which with the boot outlives the reuse of the number; false for one that has ended
  local line
  { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null || return
  read -r -a line <<<"${line##*) }"
  start=${line[19]}
  [[ ${line[0]} != [ZX] ]]
}

identity() { born "$1" && echo "$1:$start:$(cat /proc/sys/kernel/random/boot_id)"; } # PID

alive() { [[ $(identity "${holder%%:*}") == "$holder" ]]; }

gather() { # into `ours`, number -> start: all that carries the command's mark, and all that is below what was found
  local pid top
  top=$(cat "$home/worker" 2>/dev/null)
  # its number may be another process's by now
  [[ $(identity "${top%%:*}") == "$top" ]] && top=${top%%:*} || top=
  for pid in $top $(grep -lzxF -e "OPSAGENT_STEP=$token" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3); do
    born "$pid" && ours[$pid]=$start
  done
  for pid in "${!ours[@]}"; do
    born "$pid" && [[ $start == "${ours[$pid]}" ]] || unset "ours[$pid]"
  done
  ((${#ours[@]})) || return
  # a process that changed its user or its environment is still known by its parent, as long as that lives
  for pid in $(ps -e -o pid= -o ppid= | awk -v tops="${!ours[*]}" '
    BEGIN { split(tops, list); for (one in list) top[list[one]] = 1 }
    { above[$1] = $2 }
    END { for (one in above) for (up = one; up in above; up = above[up]) if (up in top) { print one; break } }'); do
    born "$pid" && ours[$pid]=$start
  done
}

end_all() { # ask, wait for the grace, kill; what is left stays in `ours`
  local until
  gather
  ((${#ours[@]})) || return
  kill -s TERM "${!ours[@]}" 2>/dev/null
  until=$((SECONDS + ${grace%.*} + 1))
  while ((SECONDS < until)); do
    gather
    ((${#ours[@]})) || return
    sleep 0.05
  done
  until=$((SECONDS + 3))
  while ((SECONDS < until)); do
    kill -s KILL "${!ours[@]}" 2>/dev/null
    gather
    ((${#ours[@]})) || return
    sleep 0.05
  done
}

size() { stat -c %s "$1" 2>/dev/null || echo 0; }

rest() { # NAME: how many bytes were not kept, as far as that was written
  local found
  found=$(cat "$home/$1.rest" 2>/dev/null)
  echo "${found:-0}"
}

show() { # how it ended, with what it wrote and how much of that is not here
  local out err
  out=$(size "$home/out") err=$(size "$home/err")
  answer "$1 $out $(rest out) $err $(rest err)"
  head -c "$out" "$home/out" 2>/dev/null
  head -c "$err" "$home/err" 2>/dev/null
}

check() { # nothing starts unless the place and every file it executes are as they were judged
  local file found
  if [[ -n $cwd ]]; then cd -- "$cwd" 2>/dev/null || refuse "there is no folder $cwd"; fi
  for file in "${files[@]}"; do
    found=$(hash_of "${file#* }")
    [[ $found == "${file%% *}" ]] || refuse "${file#* }, which it executes, has changed since it was judged"
  done
}

hash_of() {
  local found
  [[ -f $1 ]] && found=$(sha256sum <"$1" 2>/dev/null) && echo "${found%% *}" || echo absent
}

settle_folder() {
  mkdir -p -- "$home" 2>/dev/null && [[ -O $home ]] || refuse "its start token cannot be written to $home"
}

read_only() {
  check
  answer begin
  answer begin >&2
  exec env -i "${environment[@]}" timeout -k "$grace" "$limit" bash --noprofile --norc -c "$text"
}

keep() { # NAME FIFO: the first bytes of an output at once, and how many more there were
  local unbuffered=(stdbuf -o0)
  command -v stdbuf || unbuffered=()
  { "${unbuffered[@]}" head -c "$cap" >"$home/$1"; wc -c >"$home/$1.rest"; } <"$2"
}

launch() { # lives on when the connection does not; its exit code says how far it got
  trap '' HUP
  local heeds=(env -i)
  env --default-signal=HUP true && heeds=(env -i --default-signal=HUP) # coreutils 8.31: what it starts may be reloaded
  local code timed=0 cancelled=0 began ended turn first second worker watcher me=$BASHPID
  exec 3<"$home/in.$$" || exit 91
  rm -f "$home/in.$$"
  mkfifo "$home/1.$$" "$home/2.$$" "$home/3.$$" || exit 91
  ln -sT "$(identity "$me")" "$home/token" || { rm -f "$home"/[123].$$; [[ -L $home/token ]] && exit 90; exit 91; }
  sync "$home"
  keep out "$home/1.$$" 3<&- &
  first=$!
  keep err "$home/2.$$" 3<&- &
  second=$!
  began=$(date +%s%3N)
  set -m # a group of its own again: the kernel hangs up on a group whose session ends while one in it is frozen
  "${heeds[@]}" "${environment[@]}" bash --noprofile --norc -c "$text" <&3 3<&- >"$home/1.$$" 2>"$home/2.$$" &
  worker=$!
  set +m
  identity $worker >"$home/worker"
  exec 3<&-
  watch "$home/3.$$" &
  watcher=$!
  while kill -0 $worker; do wait $worker; done # a signal to us ends a wait, not the command
  wait $worker
  code=$?
  ended=$(date +%s%3N)
  if [[ -e $home/late ]]; then
    timed=1
    wait $watcher
  else
    kill $watcher
  fi
  rm -f "$home"/[123].$$
  [[ ! -e $home/cancel ]] || cancelled=1
  # what it left running holds its output open, and nobody waits for that
  for ((turn = 0; turn < 50; turn++)); do
    kill -0 $first || kill -0 $second || break
    sleep 0.02
  done
  gather
  left=${#ours[@]}
  [[ ! -e $home/left ]] || left=$(cat "$home/left")
  echo "ended $code $timed $cancelled $((ended - began)) $left" >"$home/exit.$$" || exit 93
  sync "$home/exit.$$"
  mv "$home/exit.$$" "$home/exit" || exit 93
}

watch() { # FIFO that nobody writes to: ends the command when its time is up
  read -r -t "$limit" _ <>"$1" && return
  : >"$home/late"
  end_all
  echo ${#ours[@]} >"$home/left"
}

run() {
  settle_folder
  find "$state" -mindepth 2 -maxdepth 2 '(' -name out -o -name err -o -name 'in.*' -o -name '[123].*' ')' \
    -mtime +7 -delete 2>/dev/null
  check
  # all of its input is here before it starts: half a file is never written because a connection broke
  head -c "$length" >"$home/in.$$" 2>/dev/null
  if [[ $(size "$home/in.$$") != "$length" ]]; then rm -f "$home/in.$$"; refuse "its input did not arrive"; fi
  set -m # a group of its own: no signal to this connection reaches it
  launch </dev/null >/dev/null 2>&1 &
  wait $!
  case $? in
    0) show "$(cat "$home/exit")" ;;
    90) answer taken ;;
    91) rm -f "$home/in.$$"; refuse "its start token cannot be written to $home" ;;
    *) answer lost ;;
  esac
}

wait_for_end() { # SECONDS
  local turn
  for ((turn = 0; turn < $1 * 20; turn++)); do
    [[ ! -e $home/exit ]] && alive || return
    sleep 0.05
  done
}

settle() { # what became of it; ends what still runs after the patience
  settle_folder
  if ln -sT never "$home/token" 2>/dev/null; then answer never; return; fi
  holder=$(readlink "$home/token") || refuse "its start token in $home cannot be read"
  if [[ $holder == never ]]; then answer never; return; fi
  wait_for_end "${patience%.*}"
  if [[ ! -e $home/exit ]]; then
    : >"$home/cancel"
    end_all
    wait_for_end 3
  fi
  if [[ ! -e $home/exit ]]; then
    if alive; then kill -s KILL "${holder%%:*}" 2>/dev/null; fi
    end_all
  fi
  if [[ -e $home/exit ]]; then
    told=$(cat "$home/exit")
    ((${#ours[@]})) && told="${told% *} ${#ours[@]}" # the launcher may have looked before we had given up
    show "$told"
  else
    show "unknown 0 0 0 0 ${#ours[@]}"
  fi
}

probe() {
  local tool missing=
  for tool in awk cut date env find grep head mkfifo ps readlink sha256sum stat sync timeout wc; do
    command -v "$tool" >/dev/null || missing+=" $tool"
  done
  mkdir -p -- "$state" 2>/dev/null && [[ -O $state && -w $state ]] || missing+=" $state(writable)"
  answer "probe $(id -un 2>/dev/null || id -u) $(uname -sr | tr ' ' _) bash-${BASH_VERSION%%(*}$missing"
}

for name in nonce mode token state cwd limit grace cap patience text length; do take "$name"; done
take_all files
take_all environment
[[ $state == /* ]] || state=$HOME/$state
state+=/tokens # what is cleared away lies in a folder that is only ours
declare -A ours=()
home=$state/$token
environment+=("HOME=$HOME" "USER=$USER" "LOGNAME=$LOGNAME" "PATH=$PATH" LANG=C.UTF-8 "OPSAGENT_STEP=$token")
case $mode in
  read) read_only ;;
  run) run ;;
  settle) settle ;;
  end) end_all; answer "ended ${#ours[@]}" ;;
  hash) [[ -z $cwd ]] || cd -- "$cwd" 2>/dev/null || true
    for file in "${files[@]}"; do found+=" $(hash_of "${file#* }")"; done; answer "hashes$found" ;;
  probe) probe ;;
  *) exit 64 ;;
esac
