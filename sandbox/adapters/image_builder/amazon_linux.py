"""What a new instance has of Amazon Linux: files, and programs that stand for those that a jail cannot have.

``dnf``, ``yum``, ``rpm`` and ``systemctl`` keep lists of packages and services, and answer from them; a web server that
is installed has its folders. ``sshd`` reads its configuration, and ``curl`` gets the pages of a web server that is
enabled from this instance, and nothing from elsewhere. Others, such as ``useradd`` and ``sysctl``, only succeed.
"""

from __future__ import annotations

from pathlib import Path

_FOLDERS = (
    "dev etc/cron.d etc/logrotate.d etc/modprobe.d etc/profile.d etc/security etc/ssh/sshd_config.d etc/sudoers.d "
    "etc/sysctl.d etc/systemd/system etc/yum.repos.d home/ec2-user opt root run srv tmp usr/share var/lib var/log "
    "var/www .local/bin"
)
_FILES = {
    "etc/group": "root:x:0:\nec2-user:x:1000:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/os-release": 'NAME="Amazon Linux"\nVERSION="2023"\nID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nec2-user:x:1000:1000::/home/ec2-user:/bin/bash\n",
    "etc/ssh/sshd_config": "X11Forwarding no\n",
    "etc/system-release": "Amazon Linux release 2023 (Amazon Linux)\n",
}
_THERE = "amazon-ssm-agent\nchronyd\nsshd\n"
_SILENT = (
    "chgrp chown dracut fips-mode-setup groupadd grubby hostnamectl restorecon semanage service setcap shutdown sync "
    "sysctl timedatectl update-crypto-policies useradd usermod"
)
_MANAGER = r"""#!/usr/bin/bash
list=/var/lib/sandbox-$([ "${0##*/}" = systemctl ] && echo services || echo packages)
words=(); for word in "$@"; do [[ $word == -* ]] || words+=("${word%.service}"); done
if [ "${0##*/}" = rpm ]; then
  [[ " $* " =~ \ (-q|-qi|-ql|--query)\  ]] || exit 0
  verb=is
else
  verb=${words[0]}; words=("${words[@]:1}")
fi
for word in "${words[@]}"; do
  case $verb in
    install|reinstall|enable|start|restart|reenable)
      if [ "${0##*/}" = systemctl ] && ! grep -qxF -- "$word" /var/lib/sandbox-packages \
        && [ ! -e "/etc/systemd/system/$word.service" ]; then
        echo "Failed to $verb unit: Unit file $word.service does not exist."; exit 1
      fi
      grep -qxF -- "$word" "$list" || echo "$word" >> "$list"
      if [ "$verb" = install ] && [[ $word == nginx || $word == httpd ]]; then
        folder=/usr/share/nginx/html; [ "$word" = httpd ] && folder=/var/www/html
        mkdir -p "$folder" "/etc/$word" "/etc/$word/conf.d"
        echo "Welcome" > "$folder/index.html"
        printf '#!/usr/bin/bash\nexit 0\n' > "/usr/local/bin/$word"
        chmod 755 "/usr/local/bin/$word"
      fi ;;
    remove|erase|disable|stop|mask) sed -i "\\|^$word\$|d" "$list" ;;
    is|is-*|status|list) grep -qxF -- "$word" "$list" || { echo "$word is not there"; exit 3; } ;;
  esac
done
exit 0
"""
_SSHD = r"""#!/usr/bin/bash
shopt -s nullglob
lines=$(cat /etc/ssh/sshd_config.d/*.conf /etc/ssh/sshd_config 2>/dev/null | sed 's/#.*//; s/=/ /' | grep -v '^ *$')
while read -r name value; do
  if [ -n "$name" ] && [ -z "$value" ]; then echo "sshd: missing argument of $name"; exit 255; fi
done <<< "$lines"
[[ " $* " == *" -T "* ]] || exit 0
defaults=$'permitrootlogin without-password\npasswordauthentication yes\npubkeyauthentication yes\nport 22'
{ echo "$lines"; echo "$defaults"; } |
  awk 'NF { name = tolower($1); $1 = ""; if (!(name in seen)) print name $0; seen[name] }'
"""
_CURL = r"""#!/usr/bin/bash
for word in "$@"; do [[ $word == http://* || $word == https://* ]] && address=$word; done
rest=${address#*://}; host=${rest%%[:/]*}; path=/; [[ $rest == */* ]] && path=/${rest#*/}
[[ $host == localhost || $host == 127.0.0.1 ]] || { echo "curl: (6) Could not resolve host: $host" >&2; exit 6; }
[[ $path == */ ]] && path=${path}index.html
for server in nginx:/usr/share/nginx/html httpd:/var/www/html; do
  if grep -qxF "${server%%:*}" /var/lib/sandbox-services; then
    [ -f "${server#*:}$path" ] && exec cat "${server#*:}$path"
    echo "curl: (22) The requested URL returned error: 404" >&2; exit 22
  fi
done
echo "curl: (7) Failed to connect to $host" >&2
exit 7
"""
_QUIET = "#!/usr/bin/bash\nexit 0\n"


def install(root: Path) -> None:
    """Put what a new instance has into a folder.

    Args:
        root: The folder that stands for its file system.
    """
    for name in _FOLDERS.split():
        (root / name).mkdir(parents=True, exist_ok=True)
    lists = {f"var/lib/sandbox-{what}": _THERE for what in ("packages", "services")}
    for name, text in {**_FILES, **lists}.items():
        (root / name).write_text(text)
    programs = dict.fromkeys(_SILENT.split(), _QUIET) | dict.fromkeys(("dnf", "rpm", "systemctl", "yum"), _MANAGER)
    for name, text in {**programs, "curl": _CURL, "sshd": _SSHD}.items():
        program = root / ".local/bin" / name
        program.write_text(text)
        program.chmod(0o755)
